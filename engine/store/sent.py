"""Which delivery a provider's receipt is about: by the provider's id, or by the recipient."""

from __future__ import annotations

import sqlite3
from collections.abc import Collection
from typing import Final

import msgspec

from engine.machines.directory import Identity
from engine.store import rows

_FOUND: Final = "d.lead, d.key, d.message, d.journey, d.step, d.finished_at, d.created_at"
_OURS: Final = "d.audience = 'lead' AND d.connection IN (SELECT value FROM json_each(?))"
# The second condition lets SQLite use the index, which leaves the empty ids out.
_BY_PROVIDER_ID: Final = f"""
SELECT {_FOUND} FROM deliveries d WHERE d.provider_id = ? AND d.provider_id > '' AND {_OURS}
ORDER BY d.rowid DESC LIMIT 1
"""
_NEWEST: Final = f"""
SELECT {_FOUND} FROM deliveries d WHERE d.lead = ? AND d.attempts > 0 AND {_OURS}
AND (NOT ? OR coalesce(d.provider_id, '') = '') ORDER BY d.rowid DESC LIMIT 1
"""
_LEAD: Final = "SELECT lead FROM identities WHERE kind = ? AND value = ?"


class Sent(msgspec.Struct, frozen=True):
    """A delivery that went out, or a lead (``key`` is empty) that got none.

    ``at`` is when it was done, else when it was queued, in milliseconds; 0 without one.
    """

    lead: str
    key: str = ""
    message: str | None = None
    journey: str | None = None
    step: str | None = None
    at: int = 0


def by_provider_id(
    connection: sqlite3.Connection, connections: Collection[str], id: str
) -> Sent | None:
    """Return what a provider calls ``id``, if one of ``connections`` sent it to a lead."""
    if not id:
        return None
    return _sent(connection.execute(_BY_PROVIDER_ID, (id, rows.to_json(list(connections)))))


def newest(
    connection: sqlite3.Connection,
    connections: Collection[str],
    identity: Identity,
    unnamed: bool = False,
) -> Sent | None:
    """Return the newest delivery to the lead with an identity; None when nobody has it.

    With ``unnamed`` only deliveries whose provider's id is not known.
    """
    found = connection.execute(_LEAD, identity).fetchone()
    if found is None:
        return None
    asked = (found[0], rows.to_json(list(connections)), unnamed)
    return _sent(connection.execute(_NEWEST, asked)) or Sent(found[0])


def _sent(found: sqlite3.Cursor) -> Sent | None:
    row = found.fetchone()
    if row is None:
        return None
    lead, key, message, journey, step, finished_at, created_at = row
    return Sent(lead, key, message, journey, step, finished_at or created_at)
