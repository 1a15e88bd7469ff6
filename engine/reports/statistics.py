"""Figures from few cases: how far to trust them."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import Final

_Z: Final = 1.959963984540054  # of 95 %


def wilson(hits: int, cases: int) -> tuple[float, float] | None:
    """Return Wilson's 95 % score interval of ``hits`` of ``cases``, None where it is no share.

    Wilson, E. B. (1927), JASA 22; to four digits, for more would feign a precision.
    """
    if not 0 <= hits <= cases or not cases:
        return None
    share, z2 = hits / cases, _Z * _Z
    middle = share + z2 / (2 * cases)
    half = _Z * sqrt(share * (1 - share) / cases + z2 / (4 * cases * cases))
    whole = 1 + z2 / cases
    low, high = (middle - half) / whole, (middle + half) / whole
    return round(max(low, 0.0), 4), round(min(high, 1.0), 4)


def part(some: float, whole: float) -> float | None:
    """Return ``some / whole``, None where there is nothing to divide by."""
    return some / whole if whole else None


def mean(values: Sequence[int]) -> int | None:
    """Return the mean of whole numbers, rounded down to a whole one; None of nothing."""
    return sum(values) // len(values) if values else None


def median(values: Sequence[int]) -> int | None:
    """Return the middle one, of an even number the lower of the two; None of nothing."""
    return sorted(values)[(len(values) - 1) // 2] if values else None


def quantile(values: Sequence[int], share: float) -> int | None:
    """Return the smallest value that at least ``share`` of all do not exceed; None of nothing."""
    if not values:
        return None
    return sorted(values)[max(0, ceil(len(values) * share) - 1)]
