"""Two lists laid side by side: what fits, what is missing, what nobody asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TypeVar

W = TypeVar("W")
A = TypeVar("A")


def align(
    wanted: Sequence[W], actual: Sequence[A], fits: Callable[[W, A], bool]
) -> list[tuple[W | None, A | None]]:
    """Return pairs in order: both where they fit, None on the side that has nothing.

    As many as can be are paired without changing the order of either list (a longest common
    subsequence); lists of a test are short.
    """
    rows, columns = len(wanted), len(actual)
    best = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            both = 1 + best[i + 1][j + 1] if fits(wanted[i], actual[j]) else 0
            best[i][j] = max(both, best[i + 1][j], best[i][j + 1])
    pairs: list[tuple[W | None, A | None]] = []
    i = j = 0
    while i < rows and j < columns:
        if fits(wanted[i], actual[j]) and best[i][j] == 1 + best[i + 1][j + 1]:
            pairs.append((wanted[i], actual[j]))
            i, j = i + 1, j + 1
        elif best[i][j] == best[i + 1][j]:
            pairs.append((wanted[i], None))
            i += 1
        else:
            pairs.append((None, actual[j]))
            j += 1
    return [*pairs, *((w, None) for w in wanted[i:]), *((None, a) for a in actual[j:])]
