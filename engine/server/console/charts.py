"""Drawings made here, as numbers for templates: funnels, bars, waterfalls."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from engine.language.definitions import Lifecycle
from engine.language.label import Text

_ROWS = 14


class Bar(msgspec.Struct, frozen=True):
    """A stage of the funnel. ``width`` is in percent of the widest; ``leads`` stand there now."""

    stage: str
    label: Text | None
    leads: int
    width: float
    final: bool


def funnel(lifecycle: Lifecycle, now_in: Mapping[str, int]) -> list[Bar]:
    """Return how many leads stand in each stage, in the order of the lifecycle."""
    most = max(now_in.values(), default=0) or 1
    return [
        Bar(s.id, s.label, now_in.get(s.id, 0), 100 * now_in.get(s.id, 0) / most, s.final)
        for s in lifecycle.stages
    ]


class Step(msgspec.Struct, frozen=True):
    """A rule's part in a score: a bar from ``left``, ``width`` wide, both in percent."""

    rule: str
    label: str
    points: float
    times: int
    source: str
    left: float
    width: float


def waterfall(ledger: Sequence[Mapping[str, Any]], others: str) -> list[Step]:
    """Return what a score is made of, each rule once, in the order in which they first counted.

    The smallest beyond a dozen are one bar named ``others``; the bars lead from 0 to the total.
    """
    sums: dict[str, dict[str, Any]] = {}
    for line in ledger:
        found = sums.setdefault(line["rule"], {**line, "points": 0, "times": 0})
        found["points"] += line["points"]
        found["times"] += 1
    rows = list(sums.values())
    if len(rows) > _ROWS:
        rest = sorted(rows, key=lambda row: abs(row["points"]))[: len(rows) - _ROWS + 1]
        rows = [row for row in rows if row not in rest]
        points = sum(row["points"] for row in rest)
        rows.append({"rule": "", "label": others, "points": points, "times": len(rest)})
    return _bars(rows)


def _bars(rows: Iterable[Mapping[str, Any]]) -> list[Step]:
    ends, level = [], 0.0
    for row in rows:
        before, level = level, level + row["points"]
        ends.append((row, min(before, level), abs(row["points"])))
    low = min((left for _, left, _ in ends), default=0.0)
    high = max((left + width for _, left, width in ends), default=0.0)
    span = (high - min(low, 0.0)) or 1.0
    return [
        Step(
            row["rule"],
            row.get("label") or row["rule"],
            row["points"],
            row["times"],
            row.get("source", ""),
            100 * (left - min(low, 0.0)) / span,
            max(0.8, 100 * width / span),
        )
        for row, left, width in ends
    ]
