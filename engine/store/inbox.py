"""The inbox of each salesperson: every note to them, whatever became of it outside.

It is what the outbox holds for them, so a note stands in it from the commit that made it, once.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from engine.store import digests
from engine.store.digests import Carried
from engine.store.pages import Page, from_cursor, page
from engine.store.shapes import Item, when

# Notes of before are taken for read; of some that were sent the person is not known any more.
SCHEMA: Final = """
ALTER TABLE deliveries ADD COLUMN person TEXT;
ALTER TABLE deliveries ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN digest TEXT;
ALTER TABLE deliveries ADD COLUMN read_at INTEGER;
UPDATE deliveries SET read_at = finished_at, kind = coalesce(params ->> '$.what', 'journey'),
    person = iif(instr(to_address, '@') > 0, NULL, to_address) WHERE audience = 'owner';
CREATE INDEX deliveries_person ON deliveries (person) WHERE person IS NOT NULL;
CREATE INDEX deliveries_unread ON deliveries (person)
    WHERE person IS NOT NULL AND read_at IS NULL AND kind <> 'digest';
CREATE INDEX deliveries_digest ON deliveries (digest) WHERE digest IS NOT NULL;
"""
# A digest carries what stands in the inbox already.
_IS_ITEM: Final = "d.person IS NOT NULL AND d.kind <> 'digest'"
_ITEMS: Final = f"""
SELECT d.rowid AS line, d.key, d.person, d.kind, d.lead, l.name, l.company, d.connection,
    d.status, d.reason, d.due, d.digest, d.journey, d.step, d.created_at, d.read_at, d.message,
    coalesce(d.subject, d.params ->> '$.title', d.body) AS title
FROM deliveries d LEFT JOIN leads l ON l.id = d.lead
WHERE {_IS_ITEM} AND {{where}} ORDER BY d.rowid DESC LIMIT ?
"""
_UNREAD: Final = """
SELECT count(*) FROM deliveries WHERE person = ? AND read_at IS NULL AND kind <> 'digest'
"""
_READ: Final = "UPDATE deliveries SET read_at = ? WHERE key = ? AND read_at IS NULL"
_READ_ALL: Final = """
UPDATE deliveries SET read_at = ? WHERE person = ? AND read_at IS NULL AND kind <> 'digest'
"""


class Inbox:
    """Reads notes to people over one connection. Instants come out as RFC 3339."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def items(
        self, person: str, unread: bool = False, limit: int = 50, cursor: str | None = None
    ) -> Page:
        """Return the notes to one person, newest first; ``unread`` only those not read yet."""
        where, values = ["d.person = ?"], [person]
        if unread:
            where.append("d.read_at IS NULL")
        if cursor:
            where.append("d.rowid < ?")
            values += from_cursor(cursor, (int,))
        found = self._connection.execute(
            _ITEMS.format(where=" AND ".join(where)), (*values, limit + 1)
        ).fetchall()
        return page(found, limit, [_item(row) for row in found], "line")

    def item(self, id: str) -> Item | None:
        """Return one note, None when there is none."""
        found = self._connection.execute(_ITEMS.format(where="d.key = ?"), (id, 1)).fetchone()
        return _item(found) if found else None

    def unread(self, person: str) -> int:
        """Return how many notes a person has not read."""
        found: int = self._connection.execute(_UNREAD, (person,)).fetchone()[0]
        return found

    def carried(self, keys: Iterable[str]) -> dict[str, list[Carried]]:
        """Return what each of some digests carries."""
        return digests.carried(self._connection, keys)


def read(connection: sqlite3.Connection, id: str, now: int) -> None:
    """Note that somebody has read a note; the first time counts."""
    connection.execute(_READ, (now, id))


def read_all(connection: sqlite3.Connection, person: str, now: int) -> int:
    """Note that a person has read everything; returns how much was new."""
    return connection.execute(_READ_ALL, (now, person)).rowcount


def _item(row: sqlite3.Row) -> Item:
    """Return a note as clients see it. A journey's has its words once it was sent."""
    same = ("person", "kind", "lead", "name", "company", "connection", "journey", "step")
    return {
        "id": row["key"],
        **{name: row[name] for name in (*same, "status", "reason", "digest")},
        "title": _plain(row["title"]) or row["message"] or row["connection"],
        "at": when(row["created_at"]),
        "due": when(row["due"]),
        "read_at": when(row["read_at"]),
    }


def _plain(title: str | None) -> str:
    """Return a title that is no template any more."""
    return "" if title is None or "{{" in title else title
