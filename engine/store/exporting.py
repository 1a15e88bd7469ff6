"""Everything there is of one kind, a row at a time, also while a server writes.

Rows come in the order of their keys, some hundred from one state of the database and the next
from a later one, so that a long export holds nothing back and takes no memory.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.store import rows, shapes
from engine.store.database import connect_reader
from engine.store.rows import LOG_COLUMNS
from engine.store.shapes import Item, when

_CHUNK: Final = 500
_KEY: Final = "_key"
Shape = Callable[[sqlite3.Row, str], Item]


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """What is exported: instants are half-open, [since, until); the rest by equality.

    ``since`` and ``until`` are about an event's own time, a lead's last change, and else the
    time of the row.
    """

    since: int | None = None
    until: int | None = None
    lead: str | None = None
    equal: Mapping[str, str] = {}


class Kind(msgspec.Struct, frozen=True):
    """One kind of rows: what is selected, the unique columns that order it, that of its time.

    ``filters`` maps names to columns; ``always`` is a condition that every row fulfils.
    """

    select: str
    key: tuple[str, ...]
    time: str
    filters: Mapping[str, str]
    shape: Shape
    lead: str = "lead"
    always: str = "1"


def _lead(row: sqlite3.Row, model: str) -> Item:
    return shapes.lead_record(rows.lead_state(row["state"]), model)


def _event(row: sqlite3.Row, model: str) -> Item:
    """Return an event as `POST /v1/events` takes it, with the lead it came to."""
    logged = rows.logged(row)
    event = logged.event
    item: Item = {
        "id": event.id,
        "type": event.type,
        "at": when(event.at),
        "lead": event.lead,
        "properties": event.properties,
        "channel": event.channel,
        "history": event.history,
    }
    if event.by is not None:
        item["by"] = event.by
    told = {"bot": event.bot, "decided_at": when(logged.decided_at), "ruleset": logged.ruleset}
    return {**item, "lead_id": logged.lead, **told}


def _ledger(row: sqlite3.Row, model: str) -> Item:
    return {"lead": row["lead"], **shapes.ledger_line(row)}


def _columns(*instants: str, json: tuple[str, ...] = ()) -> Shape:
    def shape(row: sqlite3.Row, model: str) -> Item:
        names = (name for name in row.keys() if not name.startswith(_KEY))  # noqa: SIM118 - a Row
        found = {name: row[name] for name in names}
        for name in instants:
            found[name] = when(found[name])
        for name in json:
            found[name] = rows.from_json(found[name])
        return found

    return shape


KINDS: Final[Mapping[str, Kind]] = {
    "leads": Kind(
        "state FROM leads",
        ("id",),
        "updated_at",
        {name: name for name in ("grade", "stage", "owner", "team", "pool", "source")},
        _lead,
        "id",
    ),
    "events": Kind(
        f"{LOG_COLUMNS} FROM events",
        ("seq",),
        "at",
        {"type": "type", "channel": "channel"},
        _event,
    ),
    "ledger": Kind(
        "* FROM ledger",
        ("rowid",),
        "at",
        {"model": "model", "rule": "rule"},
        _ledger,
    ),
    "transitions": Kind(
        'lead, at, "from", "to", reason, rule, event, "by" FROM transitions',
        ("number",),
        "at",
        {"stage": '"to"', "rule": "rule"},
        _columns("at"),
    ),
    "assignments": Kind(
        "lead, at, event, type, owner, team, pool, rule, reason, tried,"
        ' considered, "by" FROM assignments',
        ("number",),
        "at",
        {"owner": "owner", "team": "team", "pool": "pool", "rule": "rule"},
        _columns("at", json=("tried", "considered")),
    ),
    "journeys": Kind(
        "lead, journey, step, arrived_at, left_at, outcome FROM journey_steps",
        ("number",),
        "arrived_at",
        {"journey": "journey"},
        _columns("arrived_at", "left_at"),
    ),
    "tasks": Kind(
        "id, lead, title, owner, due, priority, status, outcome, created_at,"
        " completed_at, journey, step FROM tasks",
        ("rowid",),
        "created_at",
        {"status": "status", "owner": "owner", "journey": "journey"},
        _columns("due", "created_at", "completed_at"),
    ),
    "deliveries": Kind(
        "key AS id, lead, connection, message, audience, to_address,"
        " journey, step, status, reason, attempts, due, created_at, finished_at, provider_id"
        " FROM deliveries",
        ("rowid",),
        "created_at",
        {"status": "status", "connection": "connection", "journey": "journey"},
        _columns("due", "created_at", "finished_at"),
    ),
    "enrolments": Kind(
        "lead, journey, entered_at, step, arrived_at, left_at, reason FROM enrolments",
        ("lead", "journey", "entered_at", "entered_by"),
        "entered_at",
        {"journey": "journey"},
        _columns("entered_at", "arrived_at", "left_at"),
    ),
    "splits": Kind(
        "journey, step, lead, variant, at FROM splits",
        ("journey", "step", "lead"),
        "at",
        {"journey": "journey", "variant": "variant"},
        _columns("at"),
    ),
    "clocks": Kind(
        "lead, clock, sla, started_at, due, status, ended_at FROM clocks",
        ("lead", "started_at", "clock"),
        "started_at",
        {"clock": "clock", "status": "status"},
        _columns("started_at", "due", "ended_at"),
    ),
    "forgotten": Kind(
        "lead AS id, created_at, source, campaign, placed, stage, grade, entered FROM arrivals",
        ("lead",),
        "created_at",
        {"stage": "stage", "source": "source"},
        _columns("created_at", json=("entered",)),
        always="lead LIKE 'forgotten:%'",
    ),
}


def export(path: Path, name: str, wanted: Filter, model: str) -> Iterator[Item]:
    """Yield rows of one of `KINDS` as clients see them; ``model`` is the default scoring model.

    Raises BadDatabase, and ValueError for a filter that the kind has not.
    """
    kind = KINDS[name]
    terms, values = _terms(kind, wanted)
    order = ", ".join(kind.key)
    keys = ", ".join(f"{column} AS {_KEY}{n}" for n, column in enumerate(kind.key))
    after = f"({order}) > ({', '.join('?' * len(kind.key))})"
    last: tuple[Any, ...] = ()
    connection = connect_reader(path)
    try:
        while True:
            where = " AND ".join([*terms, *([after] if last else [])])
            statement = (
                f"SELECT {keys}, {kind.select} WHERE {where} ORDER BY {order} LIMIT {_CHUNK}"
            )
            found = connection.execute(statement, (*values, *last)).fetchall()
            for row in found:
                yield kind.shape(row, model)
            if len(found) < _CHUNK:
                return
            last = tuple(found[-1])[: len(kind.key)]
    finally:
        connection.close()


def _terms(kind: Kind, wanted: Filter) -> tuple[list[str], list[Any]]:
    unknown = sorted(set(wanted.equal) - set(kind.filters))
    if unknown:
        raise ValueError(f"{', '.join(unknown)}: known here are {', '.join(kind.filters)}")
    given: list[tuple[str, Any]] = [
        (f"{kind.filters[name]} = ?", value) for name, value in wanted.equal.items()
    ]
    for column, sign, value in (
        (kind.lead, "=", wanted.lead),
        (kind.time, ">=", wanted.since),
        (kind.time, "<", wanted.until),
    ):
        if value is not None:
            given.append((f"{column} {sign} ?", value))
    return [kind.always, *(term for term, _ in given)], [value for _, value in given]
