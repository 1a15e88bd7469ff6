"""``intake.yaml``: how events enter."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from engine.language.catalogue import IDENTITIES
from engine.language.conditions import has_edge
from engine.language.contacts import HOME
from engine.language.instants import SECOND, BadTime, parse_duration
from engine.language.intake import (
    ADDRESSES,
    AGENTS,
    DOMAINS,
    FLAG,
    SEARCHED,
    WORDS,
    Bots,
    Enrichment,
    Intake,
    ListFile,
    Merge,
    ScreenRule,
)
from engine.language.lists import read_entries
from engine.language.nearest import did_you_mean
from engine.language.rules import (
    Absence,
    Aggregate,
    All,
    AnyOf,
    Condition,
    FieldRef,
    Guard,
    Not,
    Test,
)
from engine.language.sections.part import Builder, Part

TIMEOUT: Final = 10 * SECOND
_KNOWN_AT_INTAKE: Final = ("lead.", "event.", "listed.")
# A part of intake.yaml and the file that it names -> the text, None (with a finding) without.
ReadList = Callable[[Part, str], "tuple[str, str] | None"]


def list_names(parts: Sequence[Part]) -> frozenset[str]:
    """Return the names of all lists, also of those that cannot be read."""
    maps = (part.get("lists") for part in parts)
    return frozenset(name for each in maps if isinstance(each, dict) for name in each)


class IntakeBuilder(Builder):
    """Builds what intake.yaml says. Its scope knows ``listed.NAME`` beside everything else."""

    def build(self, parts: Sequence[Part], read: ReadList) -> Intake:
        """Return the intake of all files; ``read`` gives the texts of lists."""
        region = _first(parts, "normalise", "region") or HOME
        lists = {
            name: made
            for part in parts
            for name, member in part.entries("lists")
            if (made := self._list(name, member, region, read)) is not None
        }
        kinds = {name: _kind(p) for part in parts for name, p in part.entries("lists")}
        rules = [item for part in parts for item in part.items("rules")]
        self.unique(rules, "rule")
        keep = _first(parts, "normalise", "keep_raw")
        return Intake(
            identities=tuple(_first(parts, "identity", "keys") or IDENTITIES),
            region=region,
            keep_raw=keep is not False,
            mail=self._mail(parts, kinds),
            lists=lists,
            rules=tuple(self._rule(part) for part in rules),
            bots=self._bots(parts, kinds),
            merge=_merge(parts),
            enrichments=tuple(self._enrichments(parts)),
        )

    # --- lists -------------------------------------------------------------------------------

    def _list(self, name: str, part: Part, region: str, read: ReadList) -> ListFile | None:
        file = part.data if isinstance(part.data, str) else part.data["file"]
        kind = _kind(part)
        fields = self._fields(part, name, kind)
        found = read(part if isinstance(part.data, str) else part.child("file"), file)
        if found is None:
            return None
        shown, text = found
        return ListFile(
            name=name,
            kind=kind,
            file=file,
            entries=read_entries(kind, text, shown, region, self.found),
            fields=fields,
            source=part.key_source,
        )

    def _fields(self, part: Part, name: str, kind: str) -> tuple[str, ...]:
        """Return where words are looked for, each checked to be text."""
        if not isinstance(part.data, dict) or part.get("in") is None:
            return SEARCHED
        if kind != WORDS:
            text = f'"{name}" is a list of {kind}, which are looked for where they belong'
            self.error("list-kind", part.child("in"), text, name, "remove in:, or make it words")
        every = tuple(self.scope.catalogue.events)
        for index, path in enumerate(part.data["in"]):
            resolved = self.scope.resolve(path, every)
            if path == "event.*":
                continue
            if resolved is None or resolved.field.family != "string":
                hint = did_you_mean(path, [*self.scope.paths(every), "event.*"])
                where = part.child("in").child(index)
                text = f'words are looked for in text, and "{path}" is none; {hint}'
                self.error("unknown-field", where, text, name, hint)
        return tuple(part.data["in"])

    def _named(self, part: Part, kinds: Mapping[str, str], wanted: str) -> tuple[str, ...]:
        """Return the names of lists at ``part``; each must be there and of the kind ``wanted``."""
        data = part.data
        if data is None:
            return ()
        names = (
            [(data, part)]
            if isinstance(data, str)
            else [(name, part.child(index)) for index, name in enumerate(data)]
        )
        good = []
        for name, place in names:
            if not self.known(place, name, kinds, "list", None):
                continue
            if kinds[name] != wanted:
                text = f'"{name}" is a list of {kinds[name]}; here {wanted} are needed'
                self.error("list-kind", place, text, name, f"write kind: {wanted} at the list")
                continue
            good.append(name)
        return tuple(good)

    def _mail(self, parts: Sequence[Part], kinds: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
        found: dict[str, tuple[str, ...]] = {}
        for part in _sound(parts, "mail"):
            for kind in part.data:
                names = self._named(part.child(kind), kinds, DOMAINS)
                found[kind] = (*found.get(kind, ()), *names)
        return found

    # --- rules -------------------------------------------------------------------------------

    def _rule(self, part: Part) -> ScreenRule:
        id = part.data["id"]
        events = self.events(part, id)
        heard = events or tuple(self.scope.catalogue.events)
        when = self.condition(part, "when", id, heard)
        if when is not None:
            self._check(part, id, when)
        if part.get("flag") is not None and part.data["do"] != FLAG:
            text = f'"{id}" does not flag; it would {part.data["do"]}'
            self.error("flag-without-flag", part.child("flag"), text, id, "remove flag:")
        return ScreenRule(
            id=id,
            events=events,
            where=self.where(part, id, events),
            when=when,
            do=part.data["do"],
            reason=part.data["reason"],
            flag=part.get("flag", id),
            source=part.source,
            label=part.label(),
        )

    def _check(self, part: Part, id: str, when: Condition) -> None:
        """Refuse what nobody can know yet when an event enters."""
        unknown = sorted(set(_unknowable(when)))
        if unknown or has_edge(when):
            what = ", ".join(unknown) or "a crossing"
            text = (
                f'"{id}" looks at one event as it enters; {what} belongs to a lead that may '
                "not be there yet"
            )
            hint = "read lead., event. and listed. fields here; the rest is for scoring and routing"
            self.error("not-at-intake", part.child("when"), text, id, hint)

    # --- bots and enrichment -----------------------------------------------------------------

    def _bots(self, parts: Sequence[Part], kinds: Mapping[str, str]) -> Bots:
        made = Bots()
        for part in _sound(parts, "bots"):
            links = part.get("links", {})
            made = Bots(
                events=self.events(part, None, "events") or made.events,
                within=self._soon(part, made.within),
                links=links.get("at_least", made.links),
                span=parse_duration(links["within"]) if links else made.span,
                agents=self._named(part.child("agents"), kinds, AGENTS),
                addresses=self._named(part.child("addresses"), kinds, ADDRESSES),
            )
        return made

    def _soon(self, part: Part, default: int) -> int:
        soon = part.get("within")
        if soon is None:
            return default
        if soon == "never":
            return 0
        try:
            return parse_duration(soon)
        except BadTime as error:
            self.error("duration", part.child("within"), str(error), "bots", "write 5s, or never")
            return default

    def _enrichments(self, parts: Sequence[Part]) -> Iterator[Enrichment]:
        given = {
            name: f"lead.{name}" for name, f in self.scope.catalogue.fields.items() if not f.derived
        }
        for part in (item for whole in parts for item in whole.items("enrich")):
            timeout = part.get("timeout")
            plugin = part.data["plugin"]
            yield Enrichment(
                plugin=plugin,
                on=tuple(self._given(part.child("on"), given, plugin)),
                overwrite=tuple(self._given(part.child("overwrite"), given, plugin)),
                timeout=parse_duration(timeout) if timeout else TIMEOUT,
                source=part.source,
            )

    def _given(self, part: Part, given: Collection[str], plugin: str) -> Iterator[str]:
        for index, name in enumerate(part.data or ()):
            if self.known(part.child(index), name, given, "field", plugin):
                yield name


def _merge(parts: Sequence[Part]) -> Merge:
    made, when = Merge(), _first(parts, "merge", "when")
    return Merge(
        when=made.when if when is None else tuple(when),
        keep=_first(parts, "merge", "keep") or made.keep,
    )


def _kind(part: Part) -> str:
    kind: str = WORDS if isinstance(part.data, str) else part.get("kind", WORDS)
    return kind


def _sound(parts: Sequence[Part], key: str) -> Iterator[Part]:
    """Yield what stands under ``key``, less what has not the form that it should."""
    found = (part.child(key) for part in parts)
    return (part for part in found if part.data is not None and part.sound)


def _first(parts: Sequence[Part], key: str, name: str) -> Any:
    """Return the first value of ``key: {name: ...}``, None without any."""
    found = (part.child(key).get(name) for part in parts if part.child(key).sound)
    return next((value for value in found if value is not None), None)


def _unknowable(condition: Condition) -> Iterator[str]:
    """Yield what a condition reads that an event does not bring."""
    if isinstance(condition, Test):
        facts = [condition.fact]
        if isinstance(condition.operand, FieldRef):
            facts.append(condition.operand.fact)
        yield from (fact for fact in facts if not fact.startswith(_KNOWN_AT_INTAKE))
    elif isinstance(condition, All | AnyOf):
        for item in condition.items:
            yield from _unknowable(item)
    elif isinstance(condition, Not):
        yield from _unknowable(condition.item)
    elif isinstance(condition, Aggregate | Absence):
        yield condition.kind if isinstance(condition, Aggregate) else "absent"
    else:
        assert isinstance(condition, Guard)
