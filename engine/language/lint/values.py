"""Sets of values that a fact may have: names, and numbers as intervals."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import Any, Final

import msgspec

# A place between numbers: (value, 0) is just before the value, (value, 1) just after it.
Cut = tuple[float, int]
_LOWEST: Final[Cut] = (-math.inf, 0)
_HIGHEST: Final[Cut] = (math.inf, 1)


class Names(msgspec.Struct, frozen=True):
    """These values, or with ``negated`` every value but these."""

    values: frozenset[Any] = frozenset()
    negated: bool = False

    def meet(self, other: Names) -> Names:
        """Return what is in both."""
        if self.negated and other.negated:
            return Names(self.values | other.values, True)
        if self.negated:
            return Names(other.values - self.values)
        kept = self.values - other.values if other.negated else self.values & other.values
        return Names(kept)

    def complement(self) -> Names:
        """Return every other value."""
        return Names(self.values, not self.negated)

    def empty(self, whole: bool = False) -> bool:
        """Whether nothing is in it."""
        return not self.negated and not self.values


class Numbers(msgspec.Struct, frozen=True):
    """Numbers between pairs of cuts, in ascending order, none empty, none touching."""

    spans: tuple[tuple[Cut, Cut], ...]

    def meet(self, other: Numbers) -> Numbers:
        """Return what is in both."""
        pairs = (
            (max(low, start), min(high, end))
            for low, high in self.spans
            for start, end in other.spans
        )
        return Numbers(tuple((low, high) for low, high in pairs if low < high))

    def complement(self) -> Numbers:
        """Return every other number."""
        found: list[tuple[Cut, Cut]] = []
        start = _LOWEST
        for low, high in self.spans:
            if start < low:
                found.append((start, low))
            start = high
        if start < _HIGHEST:
            found.append((start, _HIGHEST))
        return Numbers(tuple(found))

    def empty(self, whole: bool = False) -> bool:
        """Whether no number is in it; with ``whole``, no whole number."""
        if not whole:
            return not self.spans
        return not any(_first_whole(low) < high for low, high in self.spans)


def _first_whole(cut: Cut) -> Cut:
    """Return the cut before the first whole number behind ``cut``."""
    value, after = cut
    if math.isinf(value):
        return (value, 0)
    whole = math.floor(value) + 1 if after or value % 1 else math.floor(value)
    return (whole, 0)


def names(*values: Any) -> Names:
    """Return the set of these values."""
    return Names(frozenset(values))


def anything() -> Names:
    """Return the set of all names."""
    return Names(frozenset(), True)


def numbers(low: float = -math.inf, high: float = math.inf) -> Numbers:
    """Return the numbers from ``low`` to ``high``, both included."""
    return Numbers((((low, 0), (high, 1)),))


def points(values: Iterable[float]) -> Numbers:
    """Return the set of just these numbers."""
    return Numbers(tuple(((v, 0), (v, 1)) for v in sorted(set(values))))


def above(value: float) -> Numbers:
    """Return the numbers larger than ``value``."""
    return Numbers((((value, 1), _HIGHEST),))


def below(value: float) -> Numbers:
    """Return the numbers smaller than ``value``."""
    return Numbers(((_LOWEST, (value, 0)),))


def compared(op: str, operand: Any) -> Numbers:
    """Return the numbers for which a comparison holds."""
    if op in ("eq", "ne"):
        found = points([operand])
        return found if op == "eq" else found.complement()
    if op in ("in", "not_in"):
        found = points(operand)
        return found if op == "in" else found.complement()
    if op == "between":
        return numbers(*operand)
    if op in ("gt", "after", "older_than"):
        return above(operand)
    if op in ("lt", "before", "falls_below"):
        return below(operand)
    return numbers(low=operand) if op in ("gte", "rises_to") else numbers(high=operand)
