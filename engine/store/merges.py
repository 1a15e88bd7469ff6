"""Leads that were found to be one: what moves to the survivor, and what is kept to part them.

Rows that move keep the lead they were first for in ``first``. What reports count stays with the
lead that it happened to; only what the survivor takes over as its own moves.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

import msgspec

from engine.machines.balance import Key
from engine.machines.directory import Identity
from engine.machines.merging import Entry, Side
from engine.machines.state import Assignment, Event, Lead, Number
from engine.network.ruleset import tidy
from engine.store import entries, projecting, rows, snapshots, splits, turns
from engine.store.logged import Logged
from engine.store.rows import LOG_COLUMNS, Row

_MOVED: Final = ("events", "ledger", "happenings", "deliveries", "tasks")
_MOVE: Final = "UPDATE {} SET first = coalesce(first, lead), lead = ?2 WHERE lead = ?1"
_LEFT: Final = (
    *(("leads", "id"), ("searched", "lead"), ("timers", "lead"), ("companies", "lead")),
    *(("tags", "lead"), ("arrivals", "lead"), ("entries", "lead")),
)
_TAKE: Final[Mapping[str, str]] = {
    "enrolments": f"{_MOVE.format('OR REPLACE enrolments')}"
    " AND journey IN (SELECT value FROM json_each(?3))",
    "clocks": f"{_MOVE.format('OR REPLACE clocks')} AND clock IN (SELECT value FROM json_each(?3))",
}
_HELD: Final = (*_MOVED, *_TAKE, "assignments")
# The last one is open: it goes on with the survivor, after whatever that one had.
_TAKE_OWNER: Final = """
UPDATE assignments SET number = (SELECT max(number) + 1 FROM assignments),
    first = coalesce(first, lead), lead = ?2
WHERE number = (SELECT max(number) FROM assignments WHERE lead = ?1)
"""
_BACK: Final = """
UPDATE OR REPLACE {} SET lead = ?1, first = nullif(first, ?1)
WHERE lead = ?2 AND first IN (SELECT value FROM json_each(?3))
"""
# What the absorbed lead had running ends; `merged` tells it apart from what ended by itself.
_END: Final = (
    "UPDATE enrolments SET left_at = ?2, step = NULL, reason = 'merged'"
    " WHERE lead = ?1 AND left_at IS NULL",
    "UPDATE journey_steps SET left_at = ?2, outcome = 'merged' WHERE lead = ?1 AND left_at IS NULL",
    "UPDATE clocks SET ended_at = ?2, status = 'merged' WHERE lead = ?1 AND status = 'running'",
)
_GIVEN: Final = """
SELECT at, owner, team, pool FROM assignments WHERE lead = ? ORDER BY number DESC LIMIT 1
"""
# Of a lead that nobody has any more, the turn that the merge gave somebody ends.
_NOBODYS: Final = """
INSERT INTO assignments (lead, at, event, type, reason, tried, considered, "by")
SELECT lead, ?2, ?3, 'lead_unmerged', '', '[]', '[]', ?4 FROM assignments
WHERE number = (SELECT max(number) FROM assignments WHERE lead = ?1) AND owner IS NOT NULL
"""
_RENAMED: Final = """
UPDATE {} SET first = (SELECT value FROM json_each(?2) WHERE key = first)
WHERE lead = ?1 AND first IS NOT NULL
"""
_RESUME: Final = """
UPDATE journey_steps SET left_at = NULL, outcome = NULL WHERE lead = ? AND outcome = 'merged'
"""
_CLOSE: Final = """
UPDATE enrolments SET left_at = ?2, step = NULL, reason = 'unmerged'
WHERE lead = ?1 AND left_at IS NULL
"""
_NEW: Final = """
INSERT INTO merges (number, absorbed, survivor, at, event, reason, "by", seq, identities,
    absorbed_state, survivor_state)
VALUES (?,?,?,?,?,?,?,(SELECT coalesce(max(seq), 0) FROM events),?,?,?)
"""
_UNDO: Final = """
UPDATE merges SET undone_at = ?, undone_by = ?, undone_reason = ? WHERE number = ?
"""
_COLUMNS: Final = 'number, absorbed, survivor, at, event, reason, "by", seq, undone_at'
_LOG: Final = f"SELECT {LOG_COLUMNS} FROM events WHERE lead = ? ORDER BY seq"
_SUMS: Final = """
SELECT model, dimension, rule, sum(points) FROM ledger WHERE lead = ?
GROUP BY model, dimension, rule
"""
_SUBTREE: Final = """
WITH RECURSIVE below (id) AS (
    SELECT ?1 UNION SELECT m.absorbed FROM merges m, below b
    WHERE m.survivor = b.id AND m.undone_at IS NULL
) SELECT id FROM below
"""


class Merged(msgspec.Struct, frozen=True):
    """One merge, after the event ``seq``; ``undone_at`` is None while it is in force."""

    number: int
    absorbed: str
    survivor: str
    at: int
    event: str
    reason: str
    by: str | None
    seq: int = 0
    undone_at: int | None = None


def in_use(connection: sqlite3.Connection) -> bool:
    """Whether anybody was ever merged."""
    return connection.execute("SELECT 1 FROM merges LIMIT 1").fetchone() is not None


def survivor_of(connection: sqlite3.Connection, id: str) -> str | None:
    """Return the lead that an absorbed one is now, None for one that was not absorbed."""
    found: str | None = None
    while True:
        row = connection.execute(
            "SELECT survivor FROM merges WHERE absorbed = ? AND undone_at IS NULL", (found or id,)
        ).fetchone()
        if row is None:
            return found
        found = row[0]


def subtree(connection: sqlite3.Connection, id: str) -> list[str]:
    """Return a lead and all that were merged into it, directly or not."""
    return [row[0] for row in connection.execute(_SUBTREE, (id,))]


def of_lead(connection: sqlite3.Connection, id: str) -> list[Merged]:
    """Return every merge into a lead, the latest first, undone ones too."""
    found = connection.execute(
        f"SELECT {_COLUMNS} FROM merges WHERE survivor = ? ORDER BY number DESC", (id,)
    )
    return [Merged(*row) for row in found]


def next_number(connection: sqlite3.Connection) -> int:
    """Return the number of the next merge."""
    row = connection.execute("SELECT coalesce(max(number), 0) + 1 FROM merges").fetchone()
    return int(row[0])


def apart(connection: sqlite3.Connection, ids: Iterable[str]) -> set[frozenset[str]]:
    """Return the pairs among these leads, and those merged into them, that a person separated."""
    whole = {each: id for id in ids for each in subtree(connection, id)}
    found = connection.execute(
        "SELECT absorbed, survivor FROM merges WHERE undone_at IS NOT NULL"
        " AND absorbed IN (SELECT value FROM json_each(?1))",
        (rows.to_json(list(whole)),),
    )
    pairs = [(whole.get(one), whole.get(other)) for one, other in found]
    return {frozenset((a, b)) for a, b in pairs if a is not None and b is not None and a != b}


def is_told(connection: sqlite3.Connection, lead: str, other: str) -> bool:
    """Whether a lead's timeline tells already that another one is another one."""
    found = connection.execute(
        "SELECT 1 FROM happenings WHERE lead = ? AND kind = 'identity_conflict'"
        " AND instr(data, ?) > 0 LIMIT 1",
        (lead, rows.to_json(other)),
    )
    return found.fetchone() is not None


def kinds(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, set[str]]:
    """Return the kinds of identities that each of the leads has."""
    found: dict[str, set[str]] = {id: set() for id in ids}
    for lead, kind in connection.execute(
        "SELECT lead, kind FROM identities WHERE lead IN (SELECT value FROM json_each(?))",
        (rows.to_json(list(ids)),),
    ):
        found[lead].add(kind)
    return found


def side(connection: sqlite3.Connection, lead: Lead) -> Side:
    """Return what the merging of a lead needs to know: its log, and what its ledger gives."""
    start = snapshots.snapshot(connection, lead.id)
    cursor = connection.cursor()
    cursor.row_factory = sqlite3.Row
    log = [rows.logged(row) for row in cursor.execute(_LOG, (lead.id,))]
    starts = {lead.id: start} if start is not None else {}
    entries = entries_of(lead.id, log, starts)
    return Side(lead, entries, start.lead if start else None, sums(connection, lead.id))


def sums(connection: sqlite3.Connection, lead: str) -> dict[Key, Number]:
    """Return the points that a lead's ledger gives, by rule."""
    found = connection.execute(_SUMS, (lead,))
    return {(model, dimension, rule): tidy(points) for model, dimension, rule, points in found}


def entries_of(
    lead: str, log: Sequence[Logged], starts: Mapping[str, snapshots.Snapshot]
) -> list[Entry]:
    """Return a log as it is played: without what snapshots hold already.

    What came of a lead that was merged before the survivor's snapshot is in that one.
    """
    start = starts[lead].seq if lead in starts else 0
    joined = {
        each.event.properties.get("absorbed"): (each.first or lead, each.seq)
        for each in log
        if each.event.type == "lead_merged"
    }

    def counts(each: Logged) -> bool:
        whose = each.first or lead
        if whose in starts and each.seq <= starts[whose].seq:
            return False
        at = each.seq
        while whose != lead:
            if whose not in joined:
                return False
            whose, at = joined[whose]
        return at > start

    return [entry(each) for each in log if counts(each)]


def entry(each: Logged) -> Entry:
    """Return a row of the log as it is played."""
    return Entry(each.event, each.decided_at, each.ruleset, each.first or each.lead, each.seq)


def absorb(
    connection: sqlite3.Connection,
    merged: Merged,
    absorbed: Lead,
    survivor: Lead,
    took: tuple[Sequence[str], Sequence[str], bool],
) -> list[Identity]:
    """Move what one lead has to the other, and keep both as they were; returns identities.

    ``took`` names the journeys and clocks that the survivor takes over, and says whether it takes
    over the owner.
    """
    pair = (merged.absorbed, merged.survivor)
    moved: list[Identity] = connection.execute(
        "SELECT kind, value FROM identities WHERE lead = ?", pair[:1]
    ).fetchall()
    journeys, clocks = (rows.to_json(list(names)) for names in took[:2])
    connection.execute(_TAKE["clocks"], (*pair, clocks))
    for statement in _END:
        connection.execute(statement, (merged.absorbed, merged.at))
    connection.execute(_TAKE["enrolments"], (*pair, journeys))
    if took[2]:
        connection.execute(_TAKE_OWNER, pair)
    for table in _MOVED:
        connection.execute(_MOVE.format(table), pair)
    connection.execute("UPDATE identities SET lead = ?2 WHERE lead = ?1", pair)
    for table, column in _LEFT:
        connection.execute(f"DELETE FROM {table} WHERE {column} = ?", pair[:1])
    connection.execute(
        _NEW,
        (
            *(merged.number, *pair, merged.at, merged.event, merged.reason, merged.by),
            *(rows.to_json(moved), rows.encoded(absorbed), rows.encoded(survivor)),
        ),
    )
    _recount(connection, pair, pair[1:])
    return moved


def states(connection: sqlite3.Connection, number: int) -> tuple[Lead, Lead]:
    """Return (absorbed, survivor) as they were before a merge."""
    row = connection.execute(
        "SELECT absorbed_state, survivor_state FROM merges WHERE number = ?", (number,)
    ).fetchone()
    return rows.lead_state(row[0]), rows.lead_state(row[1])


def part(
    connection: sqlite3.Connection,
    merged: Merged,
    now: int,
    by: str | None,
    reason: str,
    moves: list[Row],
) -> list[Identity]:
    """Move everything back that came with the absorbed lead; returns its identities.

    What has come since stays with the survivor, and ``moves`` are its own since then: it was never
    in a stage of the other one's. Of both the host writes states and enrolments anew.
    """
    projecting.move_anew(connection, merged.survivor, merged.seq, moves)
    whole = rows.to_json(subtree(connection, merged.absorbed))
    for table in _HELD:
        connection.execute(_BACK.format(table), (merged.absorbed, merged.survivor, whole))
    connection.execute(_RESUME, (merged.absorbed,))
    connection.execute(_CLOSE, (merged.survivor, now))
    row = connection.execute(
        "SELECT identities FROM merges WHERE number = ?", (merged.number,)
    ).fetchone()
    identities: list[Identity] = [(kind, value) for kind, value in rows.from_json(row[0])]
    connection.executemany(
        "UPDATE identities SET lead = ? WHERE kind = ? AND value = ?",
        [(merged.absorbed, *each) for each in identities],
    )
    connection.execute(_UNDO, (now, by, reason, merged.number))
    pair = merged.absorbed, merged.survivor
    _recount(connection, pair, pair)
    return identities


def end_turn(connection: sqlite3.Connection, lead: Lead, event: Event, now: int) -> None:
    """Let nobody have a parted lead that was given to nobody but while it was merged."""
    if lead.assignment is None:
        connection.execute(_NOBODYS, (lead.id, now, event.id, event.by))


def given(connection: sqlite3.Connection, lead: Lead) -> Assignment | None:
    """Return the lead's assignment if it stands as the last one of its rows."""
    answer, row = lead.assignment, connection.execute(_GIVEN, (lead.id,)).fetchone()
    if answer is None or row is None:
        return None
    return answer if tuple(row) == (answer.at, answer.owner, answer.team, answer.pool) else None


def _recount(connection: sqlite3.Connection, pair: Sequence[str], present: Sequence[str]) -> None:
    """Bring up to date what reports count of two leads, from what they have now.

    What became of the assignments of one that is absorbed stays: its calls have moved on.
    """
    entries.rebuild(connection, pair)
    turns.refresh(connection, present)
    splits.refresh(connection, pair)


def forget(connection: sqlite3.Connection, aliases: Mapping[str, str], name: str) -> None:
    """Forget that these leads were merged, and how they were; their rows are ``name``'s now.

    ``aliases`` are what the rows that moved say of where they came from.
    """
    ids, called = rows.to_json(list(aliases)), rows.to_json(aliases)
    for table in _HELD:
        connection.execute(_RENAMED.format(table), (name, called))
    connection.execute(
        "DELETE FROM merges WHERE absorbed IN (SELECT value FROM json_each(?1))"
        " OR survivor IN (SELECT value FROM json_each(?1))",
        (ids,),
    )
