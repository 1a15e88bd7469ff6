"""How sure a share is that was counted from few."""

from __future__ import annotations

from math import sqrt
from typing import Final

_Z: Final = 1.959963984540054  # of 95 %


def wilson(hits: int, of: int) -> tuple[float, float] | None:
    """Return the 95 % interval of a share by Wilson's score (1927); None without any."""
    if of <= 0:
        return None
    share, square = hits / of, _Z * _Z
    middle = (share + square / (2 * of)) / (1 + square / of)
    half = _Z / (1 + square / of) * sqrt(share * (1 - share) / of + square / (4 * of * of))
    return max(0.0, middle - half), min(1.0, middle + half)
