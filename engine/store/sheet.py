"""What is to be written, as plain statements: for another process, which knows no leads."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

Statement = tuple[str, tuple[Any, ...]]


class Sheet:
    """The statements of a transaction, or of a part of one, in their order."""

    def __init__(self) -> None:
        self.statements: list[Statement] = []

    def execute(self, sql: str, values: Sequence[Any] = ()) -> None:
        """Note a statement."""
        self.statements.append((sql, tuple(values)))

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> None:
        """Note a statement for each of these rows."""
        self.statements.extend((sql, tuple(values)) for values in rows)
