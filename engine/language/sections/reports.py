"""``reports.yaml``: what reports count as what, what leads cost, and what is aimed at."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import date

from engine.language.diagnostic import Diagnostics
from engine.language.instants import parse_duration
from engine.language.nearest import did_you_mean
from engine.language.reporting import MILESTONES, REVENUE, Cost, Goal, Reporting
from engine.language.sections.costs import CostsBuilder
from engine.language.sections.part import Part
from engine.language.taxonomy import Taxonomy
from engine.language.zones import is_zone, zone_hint

Costs = Iterator[Cost]
ReadFile = Callable[[Part, str], tuple[str, str] | None]
_AIMS = ("target", "change", "change_by")


class ReportsBuilder:
    """Builds the settings of reports; ``stages`` are those of the lifecycle, in their order.

    ``read_file`` gives the path to show and the text of a file of the configuration.
    """

    def __init__(
        self, found: Diagnostics, stages: Sequence[str], tree: Taxonomy, read_file: ReadFile
    ) -> None:
        self.found = found
        self.stages = stages
        self.tree = tree
        self.read_file = read_file

    def build(self, parts: Sequence[Part]) -> Reporting:
        """Return what all files say together; of single settings the last one counts."""
        said = {key: part.child(key) for part in parts for key in part.data or ()}
        given = {key: each.data for key, each in said.items() if each.sound}
        stuck = parse_duration(given["stuck_after"]) if "stuck_after" in given else None
        plain = Reporting()
        currency = given.get("currency", plain.currency)
        return Reporting(
            zone=self._zone(said["zone"]) if "zone" in given else plain.zone,
            currency=currency,
            revenue=tuple(given.get("revenue", REVENUE)),
            stuck_after=plain.stuck_after if stuck is None else stuck,
            milestones=dict(self._milestones(said.get("stages"))),
            costs=tuple(self._costs(parts, currency, given.get("rates", {}))),
            goals=tuple(self._goals(parts)),
        )

    def _zone(self, part: Part) -> str:
        zone: str = part.data
        if not is_zone(zone):
            hint = zone_hint(zone)
            self.found.error(
                "unknown-zone", f'"{zone}" is no time zone; {hint}', part.source, hint=hint
            )
        return zone

    def _milestones(self, part: Part | None) -> Iterator[tuple[str, str]]:
        """Yield each milestone with its stage; one that no stage stands for is left out."""
        for name, usual in MILESTONES.items():
            stage = part.get(name) if part is not None and part.sound else None
            if stage is None:
                stage = next((each for each in usual if each in self.stages), None)
            elif part is not None and stage not in self.stages:
                hint = did_you_mean(stage, self.stages)
                text = f'"{stage}" is no stage of lifecycle.yaml; {hint}'
                self.found.error("unknown-stage", text, part.child(name).source, hint=hint)
            if stage is not None:
                yield name, stage

    def _costs(self, parts: Sequence[Part], currency: str, rates: Mapping[str, float]) -> Costs:
        builder = CostsBuilder(self.found, self.tree, currency, rates)
        yield from (builder.written(each) for each in _members(parts, "costs"))
        for file in _members(parts, "cost_files"):
            read = self.read_file(file, file.data)
            if read is not None:
                yield from builder.listed(*read)

    def _goals(self, parts: Sequence[Part]) -> Iterator[Goal]:
        seen: dict[str, Part] = {}
        for part in _members(parts, "goals"):
            id: str = part.get("id")
            if id in seen:
                text = f'the goal "{id}" stands here twice; first at {seen[id].source}'
                hint = "give one of the two another id"
                self.found.error("duplicate-id", text, part.child("id").source, hint=hint)
            seen.setdefault(id, part)
            first, last = self._day(part, "from"), self._day(part, "to")
            if sum(part.get(aim) is not None for aim in _AIMS) != 1:
                hint = f"write one of {', '.join(_AIMS)}"
                self._error(part, f'the goal "{id}" needs one aim', hint)
            self._ordered(part, first, last)
            if first is not None and last is not None:
                target, change, change_by = (part.get(aim) for aim in _AIMS)
                aims = target, change, change_by
                yield Goal(id, part.label(), part.get("measure"), first, last, *aims, part.source)

    def _day(self, part: Part, key: str) -> date | None:
        text = part.get(key)
        try:
            return None if text is None else date.fromisoformat(text)
        except ValueError:
            message = f'there is no day "{text}"'
            self.found.error("date", message, part.child(key).source, hint="correct it")
            return None

    def _ordered(self, part: Part, first: date | None, last: date | None) -> None:
        if first is not None and last is not None and last < first:
            self._error(part.child("to"), f"{last} comes before {first}", "the end comes later")

    def _error(self, part: Part, text: str, hint: str) -> None:
        self.found.error("value", text, part.source, hint=hint)


def _members(parts: Sequence[Part], key: str) -> Iterator[Part]:
    for part in parts:
        listed = part.child(key)
        for index in range(len(listed.data) if isinstance(listed.data, list) else 0):
            if listed.child(index).sound:
                yield listed.child(index)
