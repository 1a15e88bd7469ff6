"""Where replay begins for leads whose oldest events are gone, and reading many leads at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Final

import msgspec

from engine.machines.state import Lead
from engine.store import rows
from engine.store.database import connect_reader
from engine.store.logged import Logged
from engine.store.rows import LOG_COLUMNS

_CHUNK: Final = 200
_PAGE: Final = "SELECT id, state FROM leads WHERE id > ? ORDER BY id LIMIT ?"
_ONE: Final = "SELECT id, state FROM leads WHERE id = ?"
_LOGS: Final = f"""
SELECT {LOG_COLUMNS} FROM events WHERE lead IN (SELECT value FROM json_each(?)) ORDER BY seq
"""
_SNAPSHOTS: Final = """
SELECT lead, seq, at, state FROM snapshots WHERE lead IN (SELECT value FROM json_each(?))
"""
_SNAPSHOT: Final = "SELECT seq, at, state FROM snapshots WHERE lead = ?"
_TAKE: Final = """
INSERT INTO snapshots (lead, seq, at, state)
SELECT l.id, (SELECT max(seq) FROM events WHERE lead = l.id), ?, l.state FROM leads l WHERE l.id = ?
ON CONFLICT (lead) DO UPDATE SET seq = excluded.seq, at = excluded.at, state = excluded.state
"""


class Snapshot(msgspec.Struct, frozen=True):
    """A lead as it stood after the event ``seq``; ``at`` is when it was taken."""

    seq: int
    at: int
    lead: Lead


class Story(msgspec.Struct, frozen=True):
    """A lead's state as stored, and its log, with the events of those merged into it.

    ``starts`` has where the replay of each begins, of those whose oldest events are gone.
    """

    id: str
    state: bytes
    starts: dict[str, Snapshot]
    log: list[Logged]


def take(connection: sqlite3.Connection, lead: str, now: int) -> None:
    """Keep a lead's present state as the place where its replay begins."""
    connection.execute(_TAKE, (now, lead))


def covered(connection: sqlite3.Connection, lead: str) -> int | None:
    """Return the number of the last event that a lead's snapshot holds, None without one."""
    row = connection.execute("SELECT seq FROM snapshots WHERE lead = ?", (lead,)).fetchone()
    return None if row is None else int(row[0])


def snapshot(connection: sqlite3.Connection, lead: str) -> Snapshot | None:
    """Return where a lead's replay begins, None for its first event."""
    row = connection.execute(_SNAPSHOT, (lead,)).fetchone()
    return None if row is None else Snapshot(row[0], row[1], rows.lead_state(row[2]))


def states(path: Path) -> Iterator[Lead]:
    """Yield every lead as it is stored, also while a server writes. Raises BadDatabase."""
    connection, last = connect_reader(path), ""
    try:
        while found := connection.execute(_PAGE, (last, _CHUNK)).fetchall():
            yield from (rows.lead_state(row["state"]) for row in found)
            last = found[-1]["id"]
    finally:
        connection.close()


def stories(path: Path, only: str | None = None) -> Iterator[Story]:
    """Yield every lead, or ``only`` one, with its log; also while a server writes.

    A few hundred leads are read from one state of the database, and the next from a later one,
    so that a long run holds nothing back. Raises BadDatabase.
    """
    connection = connect_reader(path)
    try:
        last = ""
        while True:
            found = _read(connection, last, only)
            yield from found
            if only is not None or not found:
                return
            last = found[-1].id
    finally:
        connection.close()


def _read(connection: sqlite3.Connection, last: str, only: str | None) -> list[Story]:
    connection.execute("BEGIN")
    try:
        if only is None:
            leads = connection.execute(_PAGE, (last, _CHUNK)).fetchall()
        else:
            leads = connection.execute(_ONE, (only,)).fetchall()
        logs = _logs(connection, [row["id"] for row in leads])
        whose = {each.first or each.lead for log in logs.values() for each in log}
        starts = of_leads(connection, {*whose, *(row["id"] for row in leads)})
    finally:
        connection.execute("COMMIT")
    return [_story(row, logs.get(row["id"], []), starts) for row in leads]


def of_leads(connection: sqlite3.Connection, ids: Iterable[str]) -> dict[str, Snapshot]:
    """Return where the replay of these leads begins, of those that have a snapshot."""
    found = connection.execute(_SNAPSHOTS, (rows.to_json(list(ids)),))
    return {row[0]: Snapshot(row[1], row[2], rows.lead_state(row[3])) for row in found}


def _logs(connection: sqlite3.Connection, ids: Sequence[str]) -> dict[str, list[Logged]]:
    found: dict[str, list[Logged]] = {}
    for row in connection.execute(_LOGS, (rows.to_json(ids),)):
        found.setdefault(row["lead"], []).append(rows.logged(row))
    return found


def _story(row: sqlite3.Row, log: list[Logged], starts: dict[str, Snapshot]) -> Story:
    whose = {row["id"], *(each.first or each.lead for each in log)}
    own = {id: starts[id] for id in sorted(whose) if id in starts}
    return Story(row["id"], bytes(row["state"]), own, log)
