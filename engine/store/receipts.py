"""Deliveries that were finished, but whose receipt never reached the log."""

from __future__ import annotations

import sqlite3
from typing import Final

import msgspec

PREFIX: Final = "receipt:"

_MISSING: Final = """
SELECT key, lead, connection, message, audience, journey, step, status, reason, retries
FROM deliveries d
WHERE status IN ('delivered', 'failed', 'dead', 'expired') AND receipted = 0 AND kind <> 'digest'
    AND NOT EXISTS (SELECT 1 FROM events
        WHERE id = ? || d.key || iif(d.retries > 0, ':' || d.retries, ''))
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
    retries: int = 0

    @property
    def receipt_id(self) -> str:
        """The id of the receipt's event: another one each time a person had it tried again."""
        return f"{PREFIX}{self.key}:{self.retries}" if self.retries else PREFIX + self.key


def missing(connection: sqlite3.Connection) -> list[Finished]:
    """Return what finished just before the process died, oldest first.

    Looks through all finished deliveries: for the start of a server, not for its work.
    """
    return [Finished(*row) for row in connection.execute(_MISSING, (PREFIX,))]
