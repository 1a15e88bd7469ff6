"""What intake did not let through: rejected events, and the quarantine until a person decides."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec

from engine.machines.directory import Identity
from engine.store import rows
from engine.store.bulk import Target
from engine.store.pages import Page, from_cursor, page
from engine.store.rows import Row
from engine.store.shapes import Item, when

MOST_REJECTED: Final = 100_000  # a flood of spam must not fill the disk
WAITING: Final = "waiting"
RELEASED: Final = "released"
REJECTED: Final = "rejected"
STATUSES: Final = (WAITING, RELEASED, REJECTED)

SCHEMA: Final = """
CREATE TABLE rejected (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    times INTEGER NOT NULL DEFAULT 1,
    channel TEXT NOT NULL,
    rule TEXT NOT NULL,
    reason TEXT NOT NULL,
    body TEXT NOT NULL,
    ruleset TEXT NOT NULL
);
CREATE TABLE quarantine (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    behind TEXT NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    channel TEXT NOT NULL,
    rule TEXT NOT NULL,
    reason TEXT NOT NULL,
    status TEXT NOT NULL,
    decided_at INTEGER,
    "by" TEXT,
    note TEXT,
    arrival TEXT NOT NULL,
    ruleset TEXT NOT NULL
);
CREATE INDEX quarantine_status ON quarantine (status, seq);
CREATE INDEX quarantine_behind ON quarantine (behind, seq);
CREATE TABLE quarantine_identities (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    id TEXT NOT NULL,
    PRIMARY KEY (kind, value)
) WITHOUT ROWID;
CREATE INDEX quarantine_identities_id ON quarantine_identities (id);
CREATE TABLE enrichments (
    key TEXT PRIMARY KEY,
    lead TEXT NOT NULL,
    plugin TEXT NOT NULL,
    event TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL DEFAULT '',
    attempts INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    finished_at INTEGER
);
CREATE INDEX enrichments_open ON enrichments (due) WHERE status = 'waiting';
CREATE INDEX enrichments_lead ON enrichments (lead)
"""

_REJECT: Final = """
INSERT INTO rejected (id, type, at, received_at, channel, rule, reason, body, ruleset)
VALUES (?,?,?,?,?,?,?,?,?)
ON CONFLICT (id) DO UPDATE SET times = times + 1, received_at = excluded.received_at,
    rule = excluded.rule, reason = excluded.reason, body = excluded.body,
    ruleset = excluded.ruleset
"""
_TRIM: Final = "DELETE FROM rejected WHERE seq <= (SELECT max(seq) FROM rejected) - ?"
_HOLD: Final = """
INSERT INTO quarantine (id, behind, type, at, received_at, channel, rule, reason, status, arrival,
    ruleset)
VALUES (?,?,?,?,?,?,?,?,'waiting',?,?) ON CONFLICT (id) DO NOTHING
"""
_HOLD_IDENTITY: Final = """
INSERT INTO quarantine_identities (kind, value, id) VALUES (?,?,?) ON CONFLICT DO NOTHING
"""
_DECIDE: Final = """
UPDATE quarantine SET status = ?, decided_at = ?, "by" = ?, note = ?
WHERE (id = ? OR behind = ?) AND status = 'waiting'
"""
_RELEASE_ONE: Final = """
UPDATE quarantine SET status = 'released', decided_at = ?, "by" = ? WHERE id = ?
"""
_FREE: Final = """
DELETE FROM quarantine_identities WHERE id IN (
    SELECT j.value FROM json_each(?) j WHERE NOT EXISTS (
        SELECT 1 FROM quarantine q WHERE q.behind = j.value AND q.status = 'waiting'))
"""
_LIST: Final = """
SELECT seq, id, behind, type, at, received_at, channel, rule, reason, status, decided_at, "by",
    note, arrival, ruleset FROM quarantine WHERE status = ? AND seq < ? ORDER BY seq DESC LIMIT ?
"""
_REJECTED: Final = """
SELECT seq, id, type, at, received_at, times, channel, rule, reason, body, ruleset
FROM rejected WHERE seq < ? ORDER BY seq DESC LIMIT ?
"""
_NEWEST: Final = 2**63 - 1


class Held(msgspec.Struct, frozen=True):
    """An event of the quarantine; ``behind`` is the id of the one its person was held for."""

    id: str
    behind: str
    status: str
    rule: str
    reason: str


class Holding:
    """The rows of one transaction."""

    def __init__(self) -> None:
        self.rejected: list[Row] = []
        self.held: list[Row] = []
        self.identities: list[Row] = []
        self.released: list[Row] = []

    def write(self, target: Target, connection: sqlite3.Connection) -> None:
        """Write everything within the transaction of ``connection``, which tells who was held."""
        for statement, values in (
            (_REJECT, self.rejected),
            (_HOLD, self.held),
            (_HOLD_IDENTITY, self.identities),
            (_RELEASE_ONE, self.released),
        ):
            if values:
                target.executemany(statement, values)
        if self.rejected:
            target.execute(_TRIM, (MOST_REJECTED,))
        if self.released:
            _free(connection, [row[-1] for row in self.released])


def _free(connection: sqlite3.Connection, ids: Sequence[str]) -> None:
    """Let identities go on for which nothing waits any more."""
    roots = connection.execute(
        "SELECT DISTINCT behind FROM quarantine WHERE id IN (SELECT value FROM json_each(?))",
        (rows.to_json(ids),),
    )
    connection.execute(_FREE, (rows.to_json([row[0] for row in roots]),))


def held(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Held]:
    """Return those of the events that are or were in quarantine."""
    found = connection.execute(
        "SELECT q.id, q.behind, q.status, q.rule, q.reason"
        " FROM json_each(?) j CROSS JOIN quarantine q ON q.id = j.value",
        (rows.to_json(ids),),
    )
    return {row[0]: Held(*row) for row in found}


def waiting_for(
    connection: sqlite3.Connection, identities: Iterable[Identity]
) -> dict[Identity, str]:
    """Return the event for which each identity is held."""
    found = connection.execute(
        "SELECT i.kind, i.value, i.id FROM json_each(?) j CROSS JOIN quarantine_identities i"
        " ON i.kind = j.value ->> 0 AND i.value = j.value ->> 1",
        (rows.to_json(list(identities)),),
    )
    return {(kind, value): id for kind, value, id in found}


def in_use(connection: sqlite3.Connection) -> bool:
    """Whether the quarantine has ever held anything."""
    return connection.execute("SELECT 1 FROM quarantine LIMIT 1").fetchone() is not None


def reject(connection: sqlite3.Connection, id: str, now: int, by: str | None, note: str) -> int:
    """Decide that an event and what waits behind it never comes in; return how many."""
    count = connection.execute(_DECIDE, (REJECTED, now, by, note, id, id)).rowcount
    if count:
        connection.execute(_FREE, (rows.to_json([id]),))
    return count


def arrivals(connection: sqlite3.Connection, id: str) -> list[str]:
    """Return an event that waits and those behind it, as they were stored, in their order."""
    found = connection.execute(
        "SELECT arrival FROM quarantine WHERE (id = ? OR behind = ?) AND status = 'waiting'"
        " ORDER BY seq",
        (id, id),
    )
    return [row[0] for row in found]


def quarantine(connection: sqlite3.Connection, status: str, limit: int, cursor: str | None) -> Page:
    """Return held events, the newest first."""
    before = from_cursor(cursor, (int,))[0] if cursor else _NEWEST
    found = connection.execute(_LIST, (status, before, limit + 1)).fetchall()
    return page(found, limit, [_held_item(row) for row in found], "seq")


def rejected(connection: sqlite3.Connection, limit: int, cursor: str | None) -> Page:
    """Return rejected events, the newest first."""
    before = from_cursor(cursor, (int,))[0] if cursor else _NEWEST
    found = connection.execute(_REJECTED, (before, limit + 1)).fetchall()
    return page(found, limit, [_rejected_item(row) for row in found], "seq")


def counts(connection: sqlite3.Connection) -> dict[str, int]:
    """Return {quarantined, rejected}: how many wait, and how many were turned away at once."""
    row = connection.execute(
        "SELECT (SELECT count(*) FROM quarantine WHERE status = 'waiting') AS waiting,"
        " (SELECT coalesce(sum(times), 0) FROM rejected) AS rejected"
    ).fetchone()
    return {"quarantined": row[0], "rejected": row[1]}


def _held_item(row: sqlite3.Row) -> Item:
    event: dict[str, Any] = rows.from_json(row["arrival"])["event"]
    same = ("id", "behind", "type", "channel", "rule", "reason", "status", "by", "note", "ruleset")
    return {
        **{name: row[name] for name in same},
        "at": when(row["at"]),
        "received_at": when(row["received_at"]),
        "decided_at": when(row["decided_at"]),
        **_told(event),
    }


def _rejected_item(row: sqlite3.Row) -> Item:
    same = ("id", "type", "channel", "rule", "reason", "times", "ruleset")
    return {
        **{name: row[name] for name in same},
        "at": when(row["at"]),
        "received_at": when(row["received_at"]),
        **_told(rows.from_json(row["body"])),
    }


def _told(event: dict[str, Any]) -> Item:
    """Return what an event brought, and what of it led to the verdict."""
    screened = event.get("screened", {})
    return {
        "lead": event.get("lead", {}),
        "properties": event.get("properties", {}),
        "matched": screened.get("matched", {}),
        "flags": screened.get("flags", []),
    }
