"""Questions to enrichers: asked in the commit that raises them, answered later."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from engine.store import merges, rows
from engine.store.bulk import Target
from engine.store.shapes import Item, when

Row = tuple[str, str, str, str, int, int]
_ASK: Final = """
INSERT INTO enrichments (key, lead, plugin, event, status, due, created_at)
VALUES (?,?,?,?,'waiting',?,?) ON CONFLICT (key) DO NOTHING
"""
_TAKE: Final = """
UPDATE enrichments SET due = ?, attempts = attempts + 1 WHERE key IN (
    SELECT key FROM enrichments WHERE status = 'waiting' AND due <= ? ORDER BY due LIMIT ?)
RETURNING key, lead, plugin, event, attempts
"""
_FINISH: Final = "UPDATE enrichments SET status = ?, reason = ?, finished_at = ? WHERE key = ?"
_POSTPONE: Final = "UPDATE enrichments SET due = ?, reason = ? WHERE key = ?"
_OF_LEAD: Final = """
SELECT key, plugin, event, status, reason, attempts, created_at, finished_at
FROM enrichments WHERE lead IN (SELECT value FROM json_each(?))
ORDER BY created_at DESC, key LIMIT 200
"""


class Question(msgspec.Struct, frozen=True):
    """A question that is due; ``attempt`` counts from 1."""

    key: str
    lead: str
    plugin: str
    event: str
    attempt: int


def ask(target: Target, asked: Iterable[Row]) -> None:
    """Write questions: (key, lead, plugin, event, due, created_at)."""
    target.executemany(_ASK, asked)


def take(connection: sqlite3.Connection, now: int, until: int, most: int) -> list[Question]:
    """Return what is due, and leave it alone ``until`` then, should nobody come back."""
    return [Question(*row) for row in connection.execute(_TAKE, (until, now, most)).fetchall()]


def finish(connection: sqlite3.Connection, key: str, status: str, reason: str, now: int) -> None:
    """Close a question as answered or failed."""
    connection.execute(_FINISH, (status, reason, now, key))


def postpone(connection: sqlite3.Connection, key: str, due: int, reason: str) -> None:
    """Ask again at ``due``."""
    connection.execute(_POSTPONE, (due, reason, key))


def of_lead(connection: sqlite3.Connection, lead: str) -> list[Item]:
    """Return what enrichers were asked about a lead and those merged into it, the newest first."""
    whole = rows.to_json(merges.subtree(connection, lead))
    found: Any = connection.execute(_OF_LEAD, (whole,))
    instants = ("created_at", "finished_at")
    items = [dict(row) for row in found]
    return [{k: when(v) if k in instants else v for k, v in item.items()} for item in items]
