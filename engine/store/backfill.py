"""Filling tables that came later from what older databases have: states, log and happenings."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

from msgspec.structs import replace

from engine.machines.state import Assignment, Decision, Enrolment, Event, Happening, Lead
from engine.store import arrivals as figures
from engine.store import companies as alike
from engine.store import entries as firsts
from engine.store import rows
from engine.store import search as index
from engine.store import splits as variants
from engine.store import tags as tagged
from engine.store import turns as outcomes
from engine.store.projecting import ProjectionRows, write_timers

Fill = Callable[[sqlite3.Connection], None]
_CHUNK = 1_000
_STATES = "SELECT id, state FROM leads WHERE id > ? ORDER BY id LIMIT ?"
_HAPPENINGS = """
SELECT h.at, h.kind, h.data, h.event, e."by" FROM happenings h LEFT JOIN events e ON e.id = h.event
WHERE h.lead = ? ORDER BY h.rowid
"""
_ASSIGNED = """
SELECT id, type, decided_at, body, "by" FROM events
WHERE lead = ? AND type IN ('lead_assigned', 'lead_released') ORDER BY seq
"""
# What a lead had before, and was written again when it was merged or parted; what it had from
# another one, from which it was parted.
_AGAIN = """
DELETE FROM assignments AS a WHERE type IN ('lead_merged', 'lead_unmerged') AND (EXISTS (
    SELECT 1 FROM assignments b WHERE b.lead = a.lead AND b.number < a.number
    AND (b.at, b.owner, b.team, b.pool) IS (a.at, a.owner, a.team, a.pool)
) OR EXISTS (SELECT 1 FROM merges m WHERE m.event = a.event AND m.undone_at IS NOT NULL))
RETURNING lead
"""


def projections(connection: sqlite3.Connection) -> None:
    """Fill enrolments, steps, assignments, transitions, grades, clocks and timers."""
    for leads in _states(connection):
        found = ProjectionRows()
        for lead in leads:
            _replayed(connection, lead, found)
        found.write(connection)
        write_timers(connection, leads, {})


def search(connection: sqlite3.Connection) -> None:
    """Index every lead's names and contact details."""
    for leads in _states(connection):
        index.refresh(connection, connection, leads)


def companies(connection: sqlite3.Connection) -> None:
    """Link the leads of one company."""
    for leads in _states(connection):
        alike.LINKS.refresh(connection, leads, {})


def tags(connection: sqlite3.Connection) -> None:
    """Find leads by their tags."""
    for leads in _states(connection):
        tagged.LINKS.refresh(connection, leads, {})


def arrivals(connection: sqlite3.Connection) -> None:
    """Give every lead its row, also who was forgotten, and every transition its stay."""
    for leads in _states(connection):
        connection.executemany(figures.OLD_ROWS, [figures.row(lead)[:7] for lead in leads])
    connection.execute(figures.FORGOTTEN)
    connection.execute(figures.STAYS, (0,))


def _filling(*statements: str) -> Fill:
    def fill(connection: sqlite3.Connection) -> None:
        for statement in statements:
            connection.execute(statement)

    return fill


# When each lead entered each stage first; since when it is in its own; what became of each
# assignment, and of each lead that was dealt to a variant.
entries: Final = _filling(firsts.FILL, firsts.INDEX)
since: Final = _filling(figures.FILL_SINCE, figures.WAITING_INDEX)
turns: Final = _filling(outcomes.FILL, outcomes.INDEX)
splits: Final = _filling(variants.FILL, variants.INDEX)


def moved_turns(connection: sqlite3.Connection) -> None:
    """Take back the assignments that merging and parting wrote once more."""
    again = connection.execute(_AGAIN).fetchall()
    outcomes.refresh(connection, sorted({lead for (lead,) in again}))


def _states(connection: sqlite3.Connection) -> Iterator[list[Lead]]:
    last = ""
    while True:
        found = connection.execute(_STATES, (last, _CHUNK)).fetchall()
        if not found:
            return
        yield [rows.lead_state(state) for _, state in found]
        last = found[-1][0]


def _replayed(connection: sqlite3.Connection, lead: Lead, found: ProjectionRows) -> None:
    """Give a lead's happenings and assignments once more; the end is as its state says."""
    before = Lead(lead.id, lead.created_at, lead.created_at)
    for event in _assignments(connection, lead.id):
        assigned = Lead(lead.id, 0, 0, assignment=_answer(event))
        found.decided(before, event, Decision(assigned))
    journeys: dict[str, Enrolment] = {}
    for at, kind, data, event_id, by in connection.execute(_HAPPENINGS, (lead.id,)).fetchall():
        event = Event(event_id or "", "", at, by=by)
        happening = Happening(at, kind, rows.from_json(data))
        was = Lead(lead.id, 0, 0, journeys=journeys)
        journeys = _moved(journeys, event, happening)
        found.decided(
            was, event, Decision(Lead(lead.id, 0, 0, journeys=journeys), happenings=[happening])
        )
    last = Lead(lead.id, 0, 0, journeys=lead.journeys, clocks=lead.clocks)
    found.decided(before, Event("", "", lead.updated_at), Decision(last))


def _moved(journeys: dict[str, Enrolment], event: Event, each: Happening) -> dict[str, Enrolment]:
    """Return the enrolments after a happening, as far as it tells of them."""
    name = each.data.get("journey", "")
    if each.kind == "journey_entered":
        return {**journeys, name: Enrolment(name, each.at, None, each.at, entered_by=event.id)}
    if name not in journeys:
        return journeys
    if each.kind == "journey_step":
        moved = replace(journeys[name], step=each.data.get("step"), arrived_at=each.at)
    elif each.kind == "journey_left":
        reason = each.data.get("reason")
        moved = replace(journeys[name], step=None, left_at=each.at, reason=reason)
    else:
        return journeys
    return {**journeys, name: moved}


def _assignments(connection: sqlite3.Connection, lead: str) -> Iterator[Event]:
    for id, kind, at, body, by in connection.execute(_ASSIGNED, (lead,)).fetchall():
        properties = rows.from_json(body).get("properties", {})
        yield Event(id, kind, at, properties=properties, by=by)


def _answer(event: Event) -> Assignment:
    get = event.properties.get
    released = event.type == "lead_released"
    return Assignment(
        event.at,
        None if released else get("owner"),
        None if released else get("team"),
        get("pool"),
        get("rule"),
        get("reason", ""),
        get("tried", []),
        get("considered", []),
    )
