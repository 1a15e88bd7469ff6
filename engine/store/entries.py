"""When each lead entered each stage for the first time, and from where it had come.

One narrow row for each lead and stage, in an order in which what reports count together stands
together. A lead with others merged into it has entered what the earliest of them all had.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from engine.store.bulk import Target
from engine.store.rows import to_json

SCHEMA: Final = """
CREATE TABLE entries (
    lead TEXT NOT NULL,
    stage TEXT NOT NULL,
    at INTEGER NOT NULL,
    source TEXT NOT NULL,
    campaign TEXT NOT NULL,
    placed TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    PRIMARY KEY (lead, stage)
) WITHOUT ROWID;
DROP INDEX transitions_firsts;
"""
# Made when the table is full: one sorting instead of a million insertions.
INDEX: Final = """
CREATE INDEX entries_groups ON entries (stage, source, campaign, placed, at, created_at)
"""
# What the rows of these leads say.
_TOLD: Final = """
WITH RECURSIVE below (lead, id) AS (
    {roots} UNION SELECT b.lead, m.absorbed FROM below b
    JOIN merges m ON m.survivor = b.id WHERE m.undone_at IS NULL
)
SELECT b.lead, t."to", min(t.at), a.source, a.campaign, a.placed, a.created_at
FROM below b CROSS JOIN arrivals a ON a.lead = b.lead
CROSS JOIN transitions t INDEXED BY transitions_lead ON t.lead = b.id
WHERE true GROUP BY b.lead, t."to"
"""
_OF_SOME: Final = _TOLD.format(roots="SELECT value, value FROM json_each(?1)")
_COLUMNS: Final = "lead, stage, at, source, campaign, placed, created_at"
_INTO: Final = f"INSERT INTO entries ({_COLUMNS})"
FILL: Final = _INTO + _TOLD.format(roots="SELECT lead, lead FROM arrivals")
_REFRESH: Final = f"""
{_INTO} {_OF_SOME}
ON CONFLICT (lead, stage) DO UPDATE SET at = excluded.at, source = excluded.source,
    campaign = excluded.campaign, placed = excluded.placed, created_at = excluded.created_at
WHERE (at, source, campaign, placed, created_at) IS NOT
    (excluded.at, excluded.source, excluded.campaign, excluded.placed, excluded.created_at)
"""
_KEPT: Final = f"SELECT {_COLUMNS} FROM entries WHERE lead IN (SELECT value FROM json_each(?1))"
_WRONG: Final = f"""
SELECT lead FROM (SELECT * FROM ({_OF_SOME}) EXCEPT {_KEPT})
UNION SELECT lead FROM ({_KEPT} EXCEPT SELECT * FROM ({_OF_SOME}))
"""
_GONE: Final = "DELETE FROM entries WHERE lead IN (SELECT value FROM json_each(?))"


def refresh(target: Target, leads: Iterable[str]) -> None:
    """Add what these leads have entered, and bring up to date what they had."""
    target.execute(_REFRESH, (to_json(list(leads)),))


def rebuild(connection: sqlite3.Connection, leads: Iterable[str]) -> None:
    """Make the rows of these leads anew, after others were merged into them or parted."""
    whole = list(leads)
    connection.execute(_GONE, (to_json(whole),))
    refresh(connection, whole)


def wrong(connection: sqlite3.Connection, leads: str) -> list[str]:
    """Return those of ``leads``, a JSON list, whose rows are not what their transitions tell."""
    return [row[0] for row in connection.execute(_WRONG, (leads,))]
