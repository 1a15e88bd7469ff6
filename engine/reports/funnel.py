"""The funnel: how many leads have reached each stage, how many went on, and from where.

A lead counts in a stage once it has entered it or a later one, however often and by which
way: somebody who wins at once has passed every stage before. Ends that are no step of the way
(lost, invalid) count only those who are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from engine.language.definitions import Lifecycle

Entry = Mapping[str, Any]


class StageLine(msgspec.Struct, frozen=True):
    """One stage. ``share`` is of all leads, ``passed`` of those who reached the stage before.

    Both lie between 0 and 1; ``passed`` is None for the first stage and for ends beside the
    way. ``dropped`` counts those who reached the stage before and not this one.
    """

    stage: str
    label: str
    reached: int
    now: int
    share: float
    passed: float | None
    dropped: int | None


class SourceLine(msgspec.Struct, frozen=True):
    """One source of leads; ``won`` of ``leads`` gives the conversion, between 0 and 1."""

    source: str | None
    leads: int
    reached: Mapping[str, int]
    conversion: float


class Funnel(msgspec.Struct, frozen=True):
    """The whole report."""

    leads: int
    stages: tuple[StageLine, ...]
    sources: tuple[SourceLine, ...]


def funnel(entries: Iterable[Entry], lifecycle: Lifecycle) -> Funnel:
    """Return the funnel of ``entries``, as `Reader.stage_entries` gives them.

    Each entry is {source, now, entered, leads}: that many leads of one source stand in stage
    ``now`` and have entered the stages ``entered``, a list of names.
    """
    order = [stage.id for stage in lifecycle.stages]
    way, ends = _way(lifecycle)
    reached: Counter[tuple[str | None, str]] = Counter()
    present: Counter[str] = Counter()
    leads: Counter[str | None] = Counter()
    for entry in entries:
        source, count = entry["source"], entry["leads"]
        leads[source] += count
        present[entry["now"]] += count
        for stage in _reached(entry, way, ends):
            reached[source, stage] += count
    totals = {s: sum(reached[source, s] for source in leads) for s in order}
    whole = sum(leads.values())
    labels = {stage.id: stage.label or stage.id for stage in lifecycle.stages}
    return Funnel(
        whole,
        tuple(_stage(s, labels[s], way, totals, present[s], whole) for s in order),
        tuple(
            SourceLine(
                source,
                count,
                {s: reached[source, s] for s in order},
                _part(reached[source, way[-1]], count),
            )
            for source, count in sorted(leads.items(), key=lambda item: (-item[1], str(item[0])))
        ),
    )


def _way(lifecycle: Lifecycle) -> tuple[list[str], list[str]]:
    """Split the stages: the way up to the first final one, and the ends beside it."""
    order = [stage.id for stage in lifecycle.stages]
    finals = [i for i, stage in enumerate(lifecycle.stages) if stage.final]
    cut = finals[0] + 1 if finals else len(order)
    return order[:cut], order[cut:]


def _reached(entry: Entry, way: Sequence[str], ends: Sequence[str]) -> list[str]:
    entered = {entry["now"], *entry["entered"]}
    furthest = max((i for i, stage in enumerate(way) if stage in entered), default=0)
    return [*way[: furthest + 1], *(end for end in ends if end == entry["now"])]


def _stage(
    stage: str, label: str, way: Sequence[str], totals: Mapping[str, int], now: int, whole: int
) -> StageLine:
    reached = totals[stage]
    before = None
    if stage in way and way.index(stage) > 0:
        before = totals[way[way.index(stage) - 1]]
    return StageLine(
        stage,
        label,
        reached,
        now,
        _part(reached, whole),
        None if before is None else _part(reached, before),
        None if before is None else before - reached,
    )


def _part(some: int, whole: int) -> float:
    return some / whole if whole else 0.0
