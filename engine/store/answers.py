"""What became of something that a person asked of a lead: the engine's own words."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from typing import Any, Final

from engine.store import rows

# The answers to an event stand behind it in the log, and a claim's are named so.
_CLAIM: Final = """
SELECT type, body FROM events WHERE lead = ?1 AND channel = 'engine'
    AND seq > (SELECT seq FROM events WHERE id = ?2) AND id GLOB '*:claim:*'
ORDER BY seq LIMIT 1
"""
_HAPPENED: Final = """
SELECT data FROM happenings WHERE lead = ? AND event = ? AND kind = ? ORDER BY rowid LIMIT 1
"""
_POOLS: Final = """
SELECT pool, count(*) FROM leads INDEXED BY leads_pool WHERE pool IS NOT NULL AND owner IS NULL
AND (stage IS NULL OR stage NOT IN (SELECT value FROM json_each(?))) GROUP BY pool
"""


def claim(connection: sqlite3.Connection, lead: str, event: str) -> tuple[str, dict[str, Any]]:
    """Return the type and the properties of the answer to a claim; ("", {}) for none."""
    found = connection.execute(_CLAIM, (lead, event)).fetchone()
    if found is None:
        return "", {}
    properties: dict[str, Any] = rows.from_json(found["body"]).get("properties", {})
    return found["type"], properties


def happened(
    connection: sqlite3.Connection, lead: str, event: str, kind: str
) -> dict[str, Any] | None:
    """Return the details of what an event brought about, None where it did not."""
    found = connection.execute(_HAPPENED, (lead, event, kind)).fetchone()
    return rows.from_json(found["data"]) if found is not None else None


def pools(connection: sqlite3.Connection, ends: Sequence[str]) -> dict[str, int]:
    """Return how many leads each pool holds, without those in the stages ``ends``."""
    return dict(tuple(row) for row in connection.execute(_POOLS, (rows.to_json(list(ends)),)))
