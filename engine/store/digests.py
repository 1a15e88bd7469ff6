"""Digests: one delivery for all that a person is told at one instant, whatever leads it is about.

A note that is collected belongs to the digest that is queued for its person and instant when it
is written; to one that an attempt has been made of nothing is added.
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections.abc import Iterable
from typing import Final

import msgspec

from engine.machines.state import Delivery

KIND: Final = "digest"
NO_LEAD: Final = ""  # the lead of a delivery that is about several
_OPEN: Final = """
SELECT key FROM deliveries WHERE kind = 'digest' AND connection = ? AND due = ?
    AND person = ? AND status = 'queued' AND attempts = 0
"""
_BEGIN: Final = """
INSERT INTO deliveries (key, lead, connection, audience, to_address, person, params, status, reason,
    due, created_at, queued_at, kind)
VALUES (?1, '', ?2, 'owner', ?3, ?3, '{}', 'queued', ?4, ?5, ?6, ?7, 'digest')
"""
_IS_NEW: Final = "SELECT 1 FROM deliveries WHERE key = ? AND digest IS NULL"
_CARRY: Final = "UPDATE deliveries SET digest = ? WHERE key = ?"
_CARRIED: Final = """
SELECT d.lead, d.params ->> '$.title' AS title, l.name, l.company
FROM deliveries d LEFT JOIN leads l ON l.id = d.lead WHERE d.digest = ? ORDER BY d.rowid
"""


class Carried(msgspec.Struct, frozen=True):
    """One line of a digest: what it says, and of whom. ``title`` is a template, as in a note."""

    lead: str
    title: str
    name: str | None
    company: str | None


def collect(connection: sqlite3.Connection, note: Delivery, wall: int) -> None:
    """Let the digest of a note's person and instant carry it; the first note begins it."""
    if connection.execute(_IS_NEW, (note.key,)).fetchone() is None:
        return  # a repeated decision repeats its keys
    place = (note.connection, note.due, note.to)
    found = connection.execute(_OPEN, place).fetchone()
    # A hash, for the digest outlives a lead that is forgotten.
    key = found[0] if found else "digest:" + hashlib.sha256(note.key.encode()).hexdigest()[:32]
    if found is None:
        about = (key, note.connection, note.to, note.reason, note.due, note.at, wall)
        connection.execute(_BEGIN, about)
    connection.execute(_CARRY, (key, note.key))


def carried(connection: sqlite3.Connection, keys: Iterable[str]) -> dict[str, list[Carried]]:
    """Return what each of some digests carries, in the order of its making."""
    return {key: [Carried(*row) for row in connection.execute(_CARRIED, (key,))] for key in keys}


def forget(connection: sqlite3.Connection, lead: str) -> None:
    """Take a lead out of the digests that name it: of those that went out the text goes."""
    connection.execute(
        "UPDATE deliveries SET subject = NULL, body = NULL"
        " WHERE key IN (SELECT digest FROM deliveries WHERE lead = ? AND digest IS NOT NULL)",
        (lead,),
    )
