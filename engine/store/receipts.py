"""Deliveries that were finished, but whose receipt never reached the log."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

PREFIX: Final = "receipt:"

_MISSING: Final = """
SELECT key, lead, connection, message, audience, journey, step, status, reason FROM deliveries d
WHERE status IN ('delivered', 'failed', 'dead') AND attempts > 0
    AND NOT EXISTS (SELECT 1 FROM events WHERE id = ? || d.key)
ORDER BY d.rowid
"""


class Finished(msgspec.Struct, frozen=True):
    """What a receipt says of a delivery."""

    key: str
    lead: str
    connection: str
    message: str | None
    audience: str
    journey: str | None
    step: str | None
    status: str
    reason: str


def missing(connection: sqlite3.Connection) -> list[Finished]:
    """Return what finished just before the process died, oldest first.

    Looks through all finished deliveries: for the start of a server, not for its work.
    """
    return [Finished(*row) for row in connection.execute(_MISSING, (PREFIX,))]
