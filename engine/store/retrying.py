"""Deliveries that came to nothing, tried again by a person's wish. Run with `Runtime.write`."""

from __future__ import annotations

import sqlite3
from typing import Final

from engine.errors import NotFound, Refused
from engine.store import rows

AGAIN: Final = ("failed", "dead", "expired")


def retry(connection: sqlite3.Connection, key: str, now: int, by: str) -> str:
    """Queue a delivery once more, with the same key and new attempts; returns its connection.

    A deadline does not count any more: a person knows better. Raises NotFound, and Refused
    when it is delivered, blocked or still under way.
    """
    row = connection.execute(
        "SELECT status, lead, connection, reason FROM deliveries WHERE key = ?", (key,)
    ).fetchone()
    if row is None:
        raise NotFound(f"there is no delivery {key[:200]!r}")
    status, lead, name, reason = row
    if status not in AGAIN:
        raise Refused(
            f"the delivery is {status}; only {', '.join(AGAIN[:-1])} and {AGAIN[-1]} ones can be "
            "tried again"
        )
    connection.execute(
        "UPDATE deliveries SET status = 'queued', due = ?2, queued_at = ?2, attempts = 0,"
        " finished_at = NULL, deadline_at = NULL, reason = '', receipted = 0,"
        " retries = retries + 1, retried_by = ?3 WHERE key = ?1",
        (key, now, by),
    )
    said = {"delivery": key, "by": by, "was": status, "reason": reason}
    connection.execute(
        "INSERT INTO happenings (lead, at, kind, event, data) VALUES (?,?,?,?,?)",
        (lead, now, "delivery_retried", None, rows.to_json(said)),
    )
    return str(name)


def retry_all(
    connection: sqlite3.Connection, name: str, now: int, by: str, status: str | None = None
) -> int:
    """Queue all of a connection that came to nothing, or those of one status; returns how many."""
    wanted = AGAIN if status is None else (status,)
    found = connection.execute(
        "SELECT key FROM deliveries WHERE connection = ?"
        " AND status IN (SELECT value FROM json_each(?)) ORDER BY rowid",
        (name, rows.to_json(wanted)),
    ).fetchall()
    for (key,) in found:
        retry(connection, key, now, by)
    return len(found)
