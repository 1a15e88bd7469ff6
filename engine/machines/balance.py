"""Ledgers set right: what two of them give together, and the lines up to what they should give."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from engine.machines.state import Event, Lead, LedgerLine, Number
from engine.network.ruleset import tidy

REASON: Final = "merged"
Key = tuple[str, str, str]  # model, dimension, rule
Sums = Mapping[Key, Number]


def sums(ledger: Iterable[LedgerLine]) -> dict[Key, Number]:
    """Return the points that ledger lines give, by rule."""
    found: dict[Key, Number] = {}
    for line in ledger:
        key = (line.model, line.dimension, line.rule)
        found[key] = tidy(found.get(key, 0) + line.points)
    return found


def by_dimension(points: Sums) -> dict[Key, Number]:
    """Return points by rule as points by dimension."""
    found: dict[Key, Number] = {}
    for (model, dimension, _), value in points.items():
        key = (model, dimension, REASON)
        found[key] = tidy(found.get(key, 0) + value)
    return found


def dimensions(lead: Lead) -> dict[Key, Number]:
    """Return a lead's scores by dimension."""
    found: dict[Key, Number] = {}
    for name, value in lead.facts.items():
        if name.startswith("score.") and not name.endswith(".total"):
            model, _, dimension = name.removeprefix("score.").rpartition(".")
            found[model, dimension, REASON] = value
    return found


def corrections(
    wanted: Sums, given: Sums, places: Mapping[Key, str], version: str, event: Event, now: int
) -> list[LedgerLine]:
    """Return the lines that make ``given`` into ``wanted``."""
    lines = []
    for key in sorted({*wanted, *given}):
        points = tidy(wanted.get(key, 0) - given.get(key, 0))
        if points:
            place = places.get(key, "")
            lines.append(LedgerLine(now, *key, points, event.id, place, version, REASON))
    return lines
