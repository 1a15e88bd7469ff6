"""What people and programs did through the API, and were refused: who, when, what, to which lead.

No personal data of leads stands here: a lead is its id, an action its route.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from engine.store.pages import Page, from_cursor, page
from engine.store.shapes import when

SCHEMA: Final = """
CREATE TABLE audit (
    number INTEGER PRIMARY KEY,
    at INTEGER NOT NULL,
    who TEXT NOT NULL,
    role TEXT NOT NULL,
    action TEXT NOT NULL,
    lead TEXT,
    status INTEGER NOT NULL,
    request TEXT NOT NULL,
    address TEXT
);
CREATE INDEX audit_lead ON audit (lead) WHERE lead IS NOT NULL;
CREATE INDEX audit_who ON audit (who, number);
CREATE TABLE tombstones (
    hash TEXT PRIMARY KEY,
    at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE forgotten (
    lead TEXT PRIMARY KEY,
    at INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    source TEXT,
    stage TEXT,
    stages TEXT NOT NULL
) WITHOUT ROWID;
CREATE TABLE rule_hits (
    kind TEXT NOT NULL,
    rule TEXT NOT NULL,
    hits INTEGER NOT NULL,
    PRIMARY KEY (kind, rule)
) WITHOUT ROWID
"""
_NEW: Final = """
INSERT INTO audit (at, who, role, action, lead, status, request, address) VALUES (?,?,?,?,?,?,?,?)
"""
_LIST: Final = """
SELECT number, at, who, role, action, lead, status, request, address FROM audit
WHERE {where} number < ? ORDER BY number DESC LIMIT ?
"""
_HIT: Final = """
INSERT INTO rule_hits (kind, rule, hits) VALUES (?,?,?)
ON CONFLICT (kind, rule) DO UPDATE SET hits = excluded.hits
"""
_NEWEST: Final = 2**63 - 1


class Deed(msgspec.Struct, frozen=True):
    """Something done, or refused with ``status``; ``action`` is a route such as
    ``POST /v1/leads/{id}/stage``.
    """

    at: int
    who: str
    role: str
    action: str
    lead: str | None
    status: int
    request: str
    address: str | None


def note(connection: sqlite3.Connection, deed: Deed) -> None:
    """Write one down; run it with `Runtime.write`."""
    connection.execute(_NEW, msgspec.structs.astuple(deed))


def deeds(
    connection: sqlite3.Connection,
    who: str | None = None,
    lead: str | None = None,
    limit: int = 50,
    cursor: str | None = None,
) -> Page:
    """Return what was done, newest first."""
    (before,) = from_cursor(cursor, (int,)) if cursor else (_NEWEST,)
    by = "who" if lead is None else "+who"  # one lead's deeds are fewer than one person's
    given = {name: value for name, value in (("lead", lead), (by, who)) if value is not None}
    statement = _LIST.format(where="".join(f"{name} = ? AND " for name in given))
    found = connection.execute(statement, (*given.values(), before, limit + 1)).fetchall()
    items = [{**{k: row[k] for k in row.keys()[1:]}, "at": when(row["at"])} for row in found]
    return page(found, limit, items, "number")


def hits(connection: sqlite3.Connection) -> dict[tuple[str, str], int]:
    """Return how often each rule (kind, id) has fired."""
    found: list[Any] = connection.execute("SELECT kind, rule, hits FROM rule_hits").fetchall()
    return {(kind, rule): count for kind, rule, count in found}


def keep_hits(connection: sqlite3.Connection, counts: dict[tuple[str, str], int]) -> None:
    """Remember these counts."""
    connection.executemany(_HIT, [(*name, count) for name, count in counts.items()])
