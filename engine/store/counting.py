"""Counting rows by groups that stand together in an index: from group to group, not row by row.

A GROUP BY compares every column of every row. Seeking the next group and counting a range of the
index within each takes a tenth of that as long as a group has many rows.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any, Final

import msgspec

_FEW: Final = 5_000  # groups for which seeking is quicker than comparing all of a million rows
_LAST: Final = 2**63 - 1


class Groups(msgspec.Struct, frozen=True):
    """A table with an index of ``columns`` and behind them ``at``, an instant."""

    table: str
    columns: tuple[str, ...]
    at: str

    def counts(
        self, connection: sqlite3.Connection, since: int, until: int
    ) -> list[tuple[Any, ...]]:
        """Return (*columns, rows) of the rows with an instant in [since, until), in their order."""
        found = []
        for seen, group in enumerate(self._groups(connection)):
            if seen == _FEW:
                whole = connection.execute(self._whole(), (since, until))
                return [tuple(row) for row in whole]
            rows = connection.execute(self._count(), (*group, since, until)).fetchone()[0]
            if rows:
                found.append((*group, rows))
        return found

    def _groups(self, connection: sqlite3.Connection) -> Iterator[tuple[Any, ...]]:
        names = ", ".join(self.columns)
        first = f"SELECT {names} FROM {self.table} {{}} ORDER BY {names}, {self.at} LIMIT 1"
        # Behind the last instant: SQLite steps over each row that equals what it has sought.
        after = f"WHERE ({names}, {self.at}) > ({'?, ' * len(self.columns)}{_LAST})"
        group = connection.execute(first.format("")).fetchone()
        while group is not None:
            yield tuple(group)
            group = connection.execute(first.format(after), tuple(group)).fetchone()

    def _count(self) -> str:
        same = " AND ".join(f"{name} = ?" for name in self.columns)
        when = f"{self.at} >= ? AND {self.at} < ?"
        return f"SELECT count(*) FROM {self.table} WHERE {same} AND {when}"

    def _whole(self) -> str:
        names = ", ".join(self.columns)
        return (
            f"SELECT {names}, count(*) FROM {self.table}"
            f" WHERE {self.at} >= ? AND {self.at} < ? GROUP BY {names}"
        )
