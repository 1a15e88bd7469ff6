"""The outbox: deliveries leased, finished and tried again. Run these with `Runtime.write`.

Attempts happen in the real world: ``now`` here is the system's time, also when the
leads' clock is the stream's.
"""

from __future__ import annotations

import sqlite3
from typing import Any, Final

import msgspec

from engine.errors import NotFound, Refused
from engine.store import rows

FINISHED: Final = ("delivered", "failed", "dead")


class Leased(msgspec.Struct, frozen=True):
    """A delivery taken for one attempt; ``attempt`` counts from 1."""

    key: str
    lead: str
    connection: str
    message: str | None
    audience: str
    to: str | None
    journey: str | None
    step: str | None
    params: dict[str, Any]
    attempt: int
    created_at: int


def lease(connection: sqlite3.Connection, now: int, until: int, limit: int) -> list[Leased]:
    """Take up to ``limit`` due deliveries until the instant ``until``, oldest due first.

    Leases that ran out, those of a process that died among them, are taken again.
    """
    found = connection.execute(
        "UPDATE deliveries SET status = 'leased', attempts = attempts + 1, leased_until = ?"
        " WHERE key IN (SELECT key FROM deliveries WHERE status IN ('queued', 'leased')"
        " AND due <= ? AND (status = 'queued' OR leased_until <= ?) ORDER BY due, rowid LIMIT ?)"
        " RETURNING due, rowid, key, lead, connection, message, audience, to_address, journey,"
        " step, params, attempts, created_at",
        (until, now, now, limit),
    ).fetchall()
    return [_leased(row[2:]) for row in sorted(found, key=lambda row: row[:2])]


def _leased(row: tuple[Any, ...]) -> Leased:
    values = dict(zip(Leased.__struct_fields__, row, strict=True))
    return Leased(**values | {"params": rows.from_json(values["params"])})


def finish(
    connection: sqlite3.Connection,
    key: str,
    status: str,
    now: int,
    **details: str | None,
) -> None:
    """Close a delivery as delivered, failed or dead.

    ``details`` may hold reason, provider_id, subject, body and to_address (as sent).
    """
    _set(connection, key, status=status, finished_at=now, leased_until=None, **details)


def postpone(connection: sqlite3.Connection, key: str, due: int, reason: str) -> None:
    """Try again at ``due``."""
    _set(connection, key, status="queued", due=due, leased_until=None, reason=reason)


def retry(connection: sqlite3.Connection, key: str, now: int) -> None:
    """Queue a failed or dead delivery once more, by a person's wish, with attempts at 0.

    Raises NotFound, and Refused when it is delivered, blocked or still under way.
    """
    row = connection.execute("SELECT status FROM deliveries WHERE key = ?", (key,)).fetchone()
    if row is None:
        raise NotFound(f"there is no delivery {key!r}")
    if row[0] not in ("failed", "dead"):
        raise Refused(f"the delivery is {row[0]}; only failed and dead ones can be tried again")
    _set(connection, key, status="queued", due=now, attempts=0, finished_at=None, reason="")


def next_due(connection: sqlite3.Connection) -> int | None:
    """Return when the next delivery or lease is due, None when nothing waits."""
    row = connection.execute(
        "SELECT MIN(CASE status WHEN 'leased' THEN leased_until ELSE due END)"
        " FROM deliveries WHERE status IN ('queued', 'leased')"
    ).fetchone()
    return None if row[0] is None else int(row[0])


def _set(connection: sqlite3.Connection, key: str, **values: Any) -> None:
    names = ", ".join(f"{name} = ?" for name in values)
    connection.execute(f"UPDATE deliveries SET {names} WHERE key = ?", (*values.values(), key))
