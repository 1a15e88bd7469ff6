"""What the writer asks before it decides: one SELECT for a whole batch.

Lists go in as one JSON parameter, so that each statement is prepared once; long answers come out
as one JSON text, so that other threads are let in between once and not at every row (`bulk.py`).
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from engine.language.contacts import half_width, phone
from engine.machines.directory import Identity
from engine.machines.state import Lead, Teams
from engine.store import rows


@dataclass(frozen=True)
class Seen:
    """An event that is in the log already, and how its lead stands."""

    lead: str
    score: int | float | None
    grade: str | None
    stage: str | None
    owner: str | None


def named(text: str, region: str) -> tuple[str, str, str]:
    """Return what names a lead as it is, as an e-mail address and as a number of ``region``."""
    text = text.strip()
    return text, half_width(text).lower(), phone(text, region)[0]


def seen(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, Seen]:
    """Return those of ``ids`` that the log has, or had before retention removed them."""
    found = connection.execute(
        "SELECT e.id, e.lead, l.score, l.grade, l.stage, l.owner"
        " FROM json_each(?1) j CROSS JOIN events e ON e.id = j.value"
        " LEFT JOIN leads l ON l.id = e.lead"
        " UNION ALL SELECT r.id, r.lead, l.score, l.grade, l.stage, l.owner"
        " FROM json_each(?1) j CROSS JOIN removed_events r ON r.id = j.value"
        " LEFT JOIN leads l ON l.id = r.lead",
        (rows.to_json(ids),),
    )
    return {id: Seen(lead, tidy(score), *rest) for id, lead, score, *rest in found}


def is_logged(connection: sqlite3.Connection, id: str) -> bool:
    """Whether the log has an event with this id."""
    return connection.execute("SELECT 1 FROM events WHERE id = ?", (id,)).fetchone() is not None


def known(connection: sqlite3.Connection, identities: Iterable[Identity]) -> dict[Identity, str]:
    """Return the lead of each identity that is known."""
    found = connection.execute(
        "SELECT json_group_array(json_array(i.kind, i.value, i.lead))"
        " FROM json_each(?) j CROSS JOIN identities i"
        " ON i.kind = j.value ->> 0 AND i.value = j.value ->> 1",
        (rows.to_json(list(identities)),),
    )
    return {(kind, value): lead for kind, value, lead in _listed(found)}


def leads(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Lead]:
    """Return those of the leads that exist, by id."""
    found = connection.execute(
        "SELECT group_concat(CAST(l.state AS TEXT)) FROM json_each(?) j"
        " CROSS JOIN leads l ON l.id = j.value",
        (rows.to_json(list(ids)),),
    )
    return {lead.id: lead for lead in rows.lead_states(found.fetchone()[0] or "")}


def wakes(connection: sqlite3.Connection, until: int) -> list[tuple[int, str]]:
    """Return (instant, lead) of every lead to be woken before ``until``."""
    found = connection.execute(
        "SELECT json_group_array(json_array(wake_at, id)) FROM leads"
        " WHERE wake_at IS NOT NULL AND wake_at < ?",
        (until,),
    )
    return [(due, id) for due, id in _listed(found)]


def _listed(found: sqlite3.Cursor) -> list[list[Any]]:
    """Return the rows that an answer holds as one JSON array."""
    rows_: list[list[Any]] = rows.from_json(found.fetchone()[0])
    return rows_


def teams(connection: sqlite3.Connection) -> Teams:
    """Return the state of the team machine."""
    found = connection.execute("SELECT id, state FROM teams")
    return Teams({id: rows.team_book(state) for id, state in found})


def last_decided_at(connection: sqlite3.Connection) -> int | None:
    """Return the ``now`` of the newest decision, None for an empty log."""
    row = connection.execute("SELECT decided_at FROM events ORDER BY seq DESC LIMIT 1").fetchone()
    return int(row[0]) if row else None


def tidy(score: Any) -> int | float | None:
    """Return a score as it was before the column made it a float."""
    return int(score) if isinstance(score, float) and score.is_integer() else score
