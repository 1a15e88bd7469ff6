"""The one test of a condition by which an index finds it: an alpha node of its own.

A condition that demands several things at once can only hold while each of them does. So it
is enough to look at it while its most selective test holds: an edge, one of few values, a
range of numbers. What cannot be found by value has no pivot and is looked at each time.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import Any, Final

import msgspec

from engine.language.definitions import All, Condition, FieldRef, Test
from engine.language.operators import EDGES

PROPERTY: Final = "event."


class Pivot(msgspec.Struct, frozen=True):
    """What the fact must be: one of ``values``, or from ``low`` to ``high``, or an ``edge``.

    Ranges are closed and may be wider than the condition, which is still asked. An edge is
    the bound that a number must cross, upwards if ``rising``.
    """

    fact: str
    values: tuple[Any, ...] = ()
    low: float = -inf
    high: float = inf
    edge: float | None = None
    rising: bool = True


def pivot(condition: Condition | None, properties: bool) -> Pivot | None:
    """Return the most selective test on a lead's fact, or on a property of the event."""
    found = [
        candidate
        for test in _demanded(condition)
        if test.fact.startswith(PROPERTY) is properties
        and not isinstance(test.operand, FieldRef)
        and (candidate := _pivot(test)) is not None
    ]
    if not found:
        return None
    best = min(found, key=_breadth)
    return best if best.values or best.edge is not None else _range(best, found)


def is_pivot(condition: Condition | None) -> bool:
    """Whether a condition is nothing but what an event index has found it by."""
    found = pivot(condition, properties=True)
    return found is not None and bool(found.values) and isinstance(condition, Test)


def _demanded(condition: Condition | None) -> Iterator[Test]:
    """Yield the tests that all have to hold."""
    if isinstance(condition, Test):
        yield condition
    elif isinstance(condition, All):
        for item in condition.items:
            yield from _demanded(item)


def _pivot(test: Test) -> Pivot | None:
    name, operand = test.fact.removeprefix(PROPERTY), test.operand
    if test.family == "list":
        return None  # its values cannot be hashed
    if test.op in EDGES:
        return Pivot(name, edge=operand, rising=test.op == "rises_to")
    if test.op == "eq":
        return Pivot(name, (operand,))
    if test.op == "in":
        return Pivot(name, tuple(operand))
    if test.op in ("at_least", "at_most"):
        place = test.ranks.index(operand)
        return Pivot(name, test.ranks[place:] if test.op == "at_least" else test.ranks[: place + 1])
    if test.op in ("gt", "gte"):
        return Pivot(name, low=operand)
    if test.op in ("lt", "lte"):
        return Pivot(name, high=operand)
    if test.op == "between" and test.family == "number":
        return Pivot(name, low=operand[0], high=operand[1])
    return None


def _breadth(candidate: Pivot) -> tuple[int, int]:
    """Edges before values, few values before many, values before ranges, halves last."""
    if candidate.edge is not None:
        return 0, 0
    if candidate.values:
        return 1, len(candidate.values)
    return 2, (candidate.low == -inf) + (candidate.high == inf)


def _range(best: Pivot, found: list[Pivot]) -> Pivot:
    """Return all ranges of one fact as one."""
    same = [f for f in found if f.fact == best.fact]
    return Pivot(best.fact, low=max(f.low for f in same), high=min(f.high for f in same))
