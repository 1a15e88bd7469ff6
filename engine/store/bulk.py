"""Many rows in few steps.

Python gives up its interpreter lock at every step of a statement, and gets it back up to 5 ms
later while another thread computes. With `executemany`, that is once a row: 500 rows that take
1.4 ms alone took 5 s beside a busy thread. So many rows go into one statement.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import chain
from typing import Any, Final, Protocol

Row = Sequence[Any]
# Powers of two, so that the steps are few; each is prepared once and kept. SQLite takes 32,766
# values a statement.
_SIZES: Final = (256, 128, 64, 32, 16, 8, 4, 2, 1)


class Target(Protocol):
    """Where rows are written: a connection, or a sheet for another process to write."""

    def execute(self, sql: str, values: Sequence[Any], /) -> Any:
        """Run a statement; what it returns is not looked at."""

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]], /) -> Any:
        """Run a statement for each of these rows."""


class Insert:
    """An INSERT of rows with so many ``columns``; ``after`` stands behind the values.

    ``row`` is what is inserted of each, where that is not just its values.
    """

    def __init__(self, into: str, columns: int, after: str = "", row: str = "") -> None:
        row = row or f"({','.join('?' * columns)})"
        self._statements = tuple(
            (size, f"INSERT INTO {into} VALUES {','.join([row] * size)} {after}") for size in _SIZES
        )

    def write(self, target: Target, rows: Sequence[Row]) -> None:
        """Insert the rows in their order, within the caller's transaction."""
        start, left = 0, len(rows)
        for size, statement in self._statements:
            while left >= size:
                values = rows[start] if size == 1 else chain(*rows[start : start + size])
                target.execute(statement, tuple(values))
                start, left = start + size, left - size
