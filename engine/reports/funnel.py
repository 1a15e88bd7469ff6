"""The funnel: how many leads have reached each stage, how many went on, and from where.

A lead counts in a stage once it has entered it or a later one, however often and by which
way: somebody who wins at once has passed every stage before. Ends that are no step of the way
(lost, invalid) count only those who are there.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.language.definitions import Lifecycle
from engine.language.instants import format_instant
from engine.language.label import in_language
from engine.reports.shape import Column, Report, Row, Table, Words

Entry = Mapping[str, Any]


def _counted(key: str, zh: str, en: str, formula: str, told: str, kind: str = "count") -> Column:
    return Column(key, Words(zh, en), kind, None, Words(formula, told))


_STAGES: Final = (
    Column("stage", Words("阶段", "stage"), "text"),
    Column("label", Words("名称", "name"), "text"),
    _counted("reached", "到达", "reached", "到过该阶段或其后阶段", "reached it or a later one"),
    _counted("share", "占比", "share", "到达 / 全部线索", "reached / all leads", "share"),
    _counted(
        "passed", "转化", "passed", "到达 / 到达上一阶段", "reached / reached before", "share"
    ),
    _counted("dropped", "流失", "dropped", "到达上一阶段 − 到达", "reached before - reached"),
    _counted("now", "现在", "now", "现在处于该阶段", "are there now"),
)
_SOURCES: Final = (
    Column("source", Words("来源", "source"), "text"),
    _counted("leads", "线索", "leads", "来自该来源的全部线索", "all leads of the source"),
    _counted("conversion", "转化率", "conversion", "赢单 / 线索", "won / leads", "share"),
)


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


def funnel(entries: Iterable[Entry], lifecycle: Lifecycle, language: str = "zh") -> Funnel:
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
    labels = {s.id: in_language(s.label, language) or s.id for s in lifecycle.stages}
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


def on_paper(made: Funnel, title: Words, now: int) -> Report:
    """Return the funnel in the form that files are made of; it is of all time."""
    stages = [
        Row({name: getattr(each, name) for name in StageLine.__struct_fields__})
        for each in made.stages
    ]
    sources = [
        Row({"source": each.source, "leads": each.leads, "conversion": each.conversion})
        for each in made.sources
    ]
    asked = {"from": None, "to": format_instant(now), "zone": "UTC", "cohort": "created"}
    tables = [
        Table("stages", Words("阶段", "Stages"), _STAGES, stages),
        Table("sources", Words("来源", "Sources"), _SOURCES, sources),
    ]
    return Report("funnel", title, format_instant(now), asked, tables=tables)


def _part(some: int, whole: int) -> float:
    return some / whole if whole else 0.0
