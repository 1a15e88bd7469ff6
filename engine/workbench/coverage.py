"""How much of a configuration its tests show: rules fired, rules proven not to, branches taken."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from engine.network.ruleset import Ruleset
from engine.workbench.points import ASPECTS, Point, points
from engine.workbench.proofs import Prover
from engine.workbench.runner import Result
from engine.workbench.traces import Tracer


class Part(msgspec.Struct, frozen=True):
    """How many points were shown, of how many."""

    shown: int
    total: int

    @property
    def percent(self) -> int:
        """Whole percents, rounded down; of nothing, nothing is shown."""
        return 100 * self.shown // self.total if self.total else 0


class Row(msgspec.Struct, frozen=True):
    """One kind of rule in one file; ``parts`` has a part for each of ASPECTS."""

    file: str
    kind: str
    parts: tuple[Part, ...]

    @property
    def whole(self) -> Part:
        """All aspects together."""
        return _sum(self.parts)


class Coverage(msgspec.Struct, frozen=True):
    """What tests show of a configuration; ``missing`` is in the order of the files."""

    rows: tuple[Row, ...]
    missing: tuple[Point, ...]

    @property
    def whole(self) -> Part:
        """Everything together."""
        return _sum([row.whole for row in self.rows])

    def reaches(self, minimum: int) -> bool:
        """Whether at least ``minimum`` percent are shown."""
        whole = self.whole
        return bool(whole.total) and 100 * whole.shown >= minimum * whole.total


def measure(ruleset: Ruleset, results: Iterable[Result]) -> Coverage:
    """Return what the passed ones of ``results`` show of their rules."""
    shown: set[str] = set()
    prover = Prover(ruleset)
    for result in results:
        if result.passed:
            shown |= _shown(ruleset, prover, result)
    every = points(ruleset)
    missing = [point for point in every if point.key not in shown]
    missing.sort(key=lambda point: point.source)
    return Coverage(tuple(_rows(every, shown)), tuple(missing))


def _shown(ruleset: Ruleset, prover: Prover, result: Result) -> set[str]:
    tracer = Tracer(ruleset)
    tracer.read(result.log)
    shown = set(tracer.shown)
    for asked in result.asked:
        mine = [m for m in result.log[: asked.seen] if m.lead in asked.leads]
        shown.update(prover.proven(asked, mine))
    return shown


def _rows(every: Sequence[Point], shown: set[str]) -> Iterable[Row]:
    kinds = dict.fromkeys((point.source.file, point.kind) for point in every)
    for file, kind in kinds:
        mine = [p for p in every if (p.source.file, p.kind) == (file, kind)]
        yield Row(file, kind, tuple(_part(mine, aspect, shown) for aspect in ASPECTS))


def _part(mine: Sequence[Point], aspect: str, shown: set[str]) -> Part:
    keys = [point.key for point in mine if point.aspect == aspect]
    return Part(sum(key in shown for key in keys), len(keys))


def _sum(parts: Iterable[Part]) -> Part:
    every = list(parts)
    return Part(sum(p.shown for p in every), sum(p.total for p in every))
