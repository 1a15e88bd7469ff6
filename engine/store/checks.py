"""Is everything in the database as it should be? Each check says so, or what is wrong.

`quick` looks at the file; `deep` at every row: each score against its ledger, each projection
against the state it is made from, the search index against both. All of it only reads, and
holds nothing back while a server writes.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final, Literal

import msgspec
from sqlite_utils import Database

from engine.machines.state import Lead
from engine.network.ruleset import tidy
from engine.store import arrivals, entries, rows, search, splits, tags, turns
from engine.store.database import BadDatabase, connect_reader
from engine.store.schema import migrations

Level = Literal["ok", "note", "warning", "error"]
_EXAMPLES: Final = 5
_CHUNK: Final = 500
# Tables whose rows each belong to a lead.
OWNED: Final = (
    *("events", "identities", "ledger", "happenings", "deliveries", "tasks", "enrolments"),
    *("journey_steps", "assignments", "transitions", "grade_changes", "clocks", "timers"),
    *("searched", "snapshots", "companies", "tags"),
)
# What reports count stays with a lead that was merged into another; a digest is about several.
_ORPHANS: Final = """
SELECT lead FROM {table} t WHERE lead <> ''
    AND NOT EXISTS (SELECT 1 FROM leads WHERE id = t.lead)
    AND NOT EXISTS (SELECT 1 FROM merges WHERE absorbed = t.lead AND undone_at IS NULL)
    AND NOT EXISTS (SELECT 1 FROM forgotten f WHERE t.lead = f.lead OR t.lead GLOB f.lead || ':*')
LIMIT 100
"""
_MERGED: Final = """
SELECT survivor FROM merges WHERE survivor IN (SELECT value FROM json_each(?1))
UNION SELECT absorbed FROM merges WHERE absorbed IN (SELECT value FROM json_each(?1))
"""
# Rows in which the journeys, clocks and owners of two leads stand beside each other.
_OF_BOTH: Final = ("enrolments", "clocks", "owners")
_LEADS: Final = "SELECT id, state FROM leads WHERE id > ? ORDER BY id LIMIT ?"
_SUMS: Final = """
SELECT lead, model, dimension, sum(points) FROM ledger WHERE {of} GROUP BY lead, model, dimension
"""
_COLUMNS: Final = """
SELECT id, created_at, updated_at, name, company, score, grade, stage, owner, team, pool, source,
    wake_at FROM leads WHERE id IN (SELECT value FROM json_each(?))
"""
_OF: Final = "lead IN (SELECT value FROM json_each(?))"
_NEWEST: Final = """
SELECT lead, {columns} FROM {table} WHERE number IN (
    SELECT max(number) FROM {table} WHERE lead IN (SELECT value FROM json_each(?)) GROUP BY lead)
"""
_TOKENS: Final = """
SELECT coalesce(sum(length(words) - length(replace(words, ' ', '')) + (words <> '')), 0)
    + coalesce(sum(length(contacts) - length(replace(contacts, ' ', '')) + (contacts <> '')), 0)
FROM searched
"""


class Finding(msgspec.Struct, frozen=True):
    """What a check found; ``examples`` name leads or rows, at most a few."""

    check: str
    level: Level
    message: str
    examples: tuple[str, ...] = ()


def quick(path: Path) -> Iterator[Finding]:
    """Yield what the file itself tells: its schema, how far the log goes. Raises BadDatabase."""
    connection = connect_reader(path)
    try:
        yield _schema(connection)
        events, leads = connection.execute(
            "SELECT (SELECT max(seq) FROM events), (SELECT count(*) FROM leads)"
        ).fetchone()
        yield Finding("database", "ok", f"{leads} leads, the log is at event {events or 0}")
    except sqlite3.DatabaseError as error:
        raise BadDatabase(f"{str(path)!r} is no database of leadrules: {error}") from error
    finally:
        connection.close()


def _schema(connection: sqlite3.Connection) -> Finding:
    empty = Database(memory=True)
    known = [step.name for step in migrations().pending(empty)]
    empty.close()
    applied = [step.name for step in migrations().applied(Database(connection))]
    later = [name for name in applied if name not in known]
    missing = [name for name in known if name not in applied]
    if later:
        text = f"made by a later leadrules: {', '.join(later)} is not known here; upgrade leadrules"
        return Finding("schema", "error", text)
    if missing:
        text = f"made by an earlier leadrules; the next `serve` brings {', '.join(missing)}"
        return Finding("schema", "warning", text)
    return Finding("schema", "ok", f"version {len(applied)} ({applied[-1]})")


def deep(path: Path, model: str, told: Callable[[int], None] | None = None) -> Iterator[Finding]:
    """Yield what a look at every row finds; ``model`` is the default scoring model.

    ``told`` hears how many leads have been looked at. The schema must be the present one.
    """
    connection = connect_reader(path)
    try:
        yield _integrity(connection)
        yield _orphans(connection)
        yield from _leads(connection, model, told)
        yield _index(connection)
    finally:
        connection.close()


def _integrity(connection: sqlite3.Connection) -> Finding:
    found = [row[0] for row in connection.execute("PRAGMA integrity_check(5)")]
    if found == ["ok"]:
        return Finding("integrity", "ok", "every page and index is sound")
    text = "the file is damaged; restore a backup, and replay what came later"
    return Finding("integrity", "error", text, tuple(found))


def _orphans(connection: sqlite3.Connection) -> Finding:
    found = [
        f"{table}: {row[0]}"
        for table in OWNED
        for row in connection.execute(_ORPHANS.format(table=table))
    ]
    if not found:
        return Finding("orphans", "ok", f"each row of {len(OWNED)} tables has its lead")
    text = f"{len(found)} rows or more belong to leads that are not there"
    return Finding("orphans", "error", text, tuple(found[:_EXAMPLES]))


_FAULTS: Final = {
    "scores": ("each score is the sum of its ledger", "leads have a score that is not the sum"),
    "columns": ("each list column is as the state", "leads have a column unlike their state"),
    "timers": ("each deadline is as the state", "leads have deadlines unlike their state"),
    "enrolments": ("each enrolment is as the state", "leads have enrolments unlike their state"),
    "clocks": ("each SLA clock is as the state", "leads have SLA clocks unlike their state"),
    "stages": ("each stage is that of its last transition", "leads have another stage"),
    "owners": ("each owner is that of its last assignment", "leads have another assignment"),
    "figures": ("each lead is counted as its rows say", "leads are counted unlike their rows"),
    "tags": ("each tag is as the state", "leads have tags unlike their state"),
    "search": ("each lead is indexed as it is called", "leads are indexed under other texts"),
}


def _leads(
    connection: sqlite3.Connection, model: str, told: Callable[[int], None] | None
) -> Iterator[Finding]:
    bad: dict[str, list[str]] = {name: [] for name in _FAULTS}
    last, seen = "", 0
    while True:
        connection.execute("BEGIN")
        try:
            found = connection.execute(_LEADS, (last, _CHUNK)).fetchall()
            leads = [rows.lead_state(row["state"]) for row in found]
            for name, lead in _Chunk(connection, leads, model).faults():
                bad[name].append(lead)
        finally:
            connection.execute("COMMIT")
        seen += len(leads)
        if told is not None:
            told(seen)
        if len(found) < _CHUNK:
            break
        last = found[-1]["id"]
    for name, (good, wrong) in _FAULTS.items():
        if bad[name]:
            text = f"{len(bad[name])} {wrong}"
            yield Finding(name, "error", text, tuple(bad[name][:_EXAMPLES]))
        else:
            yield Finding(name, "ok", f"{good} ({seen} leads)")


class _Chunk:
    """Some leads beside what the tables say of them, all from one state of the database."""

    def __init__(self, connection: sqlite3.Connection, leads: list[Lead], model: str) -> None:
        self._connection = connection
        self._leads = leads
        self._model = model
        self._ids = rows.to_json([lead.id for lead in leads])

    def faults(self) -> Iterator[tuple[str, str]]:
        """Yield (check, lead) for each that is wrong."""
        merged = {row[0] for row in self._rows(_MERGED)}
        for name, stored, wanted in (
            ("scores", self._sums(), self._scores),
            ("columns", self._columns(), self._row),
            ("timers", self._grouped("name, due", "timers"), _timers),
            ("enrolments", self._enrolments(), _enrolments),
            ("clocks", self._clocks(), _clocks),
            ("stages", self._last('"to"', "transitions"), _stage),
            ("owners", self._last("owner, team, pool", "assignments"), _owner),
            ("tags", self._grouped("tag", "tags"), _tags),
            ("search", self._texts(), self._wanted_texts),
        ):
            for lead in self._leads:
                if name in _OF_BOTH and lead.id in merged:
                    continue
                expected = wanted(lead)
                if stored.get(lead.id, _NOTHING) != expected and (
                    expected is not None or lead.id in stored
                ):
                    yield name, lead.id
        for kept in (arrivals, entries, splits, turns):
            yield from (("figures", lead) for lead in kept.wrong(self._connection, self._ids))

    def _sums(self) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for lead, model, dimension, points in self._rows(_SUMS.format(of=_OF)):
            score = found.setdefault(lead, {})
            score[f"score.{model}.{dimension}"] = tidy(points)
            total = f"score.{model}.total"
            score[total] = tidy(score.get(total, 0) + points)
        return {lead: _nonzero(score) for lead, score in found.items() if _nonzero(score)}

    def _scores(self, lead: Lead) -> dict[str, Any] | None:
        facts = lead.facts.items()
        return _nonzero({k: tidy(v) for k, v in facts if k.startswith("score.")}) or None

    def _columns(self) -> dict[str, Any]:
        return {row[0]: tuple(row) for row in self._rows(_COLUMNS)}

    def _row(self, lead: Lead) -> tuple[Any, ...]:
        return rows.lead_row(lead, self._model)[:-1]

    def _grouped(self, columns: str, table: str, more: str = "") -> dict[str, Any]:
        found: dict[str, Any] = {}
        for row in self._rows(f"SELECT lead, {columns} FROM {table} WHERE {_OF} {more}"):
            found.setdefault(row[0], set()).add(tuple(row)[1:])
        return found

    def _enrolments(self) -> dict[str, Any]:
        """Return the latest enrolment of each lead in each journey."""
        columns = "entered_at, journey, step, arrived_at, left_at, reason, entered_by"
        every = self._grouped(columns, "enrolments")
        return {lead: _latest(found, 1) for lead, found in every.items()}

    def _clocks(self) -> dict[str, Any]:
        """Return the clocks that began last; of a lead without any the ended ones are earlier."""
        columns = "started_at, clock, sla, due, status, ended_at"
        every = self._grouped(columns, "clocks")
        for lead in self._leads:
            if not lead.clocks and all(row[-1] is not None for row in every.get(lead.id, ())):
                every.pop(lead.id, None)
        return {lead: _latest(found, None) for lead, found in every.items()}

    def _last(self, columns: str, table: str) -> dict[str, Any]:
        found = self._rows(_NEWEST.format(columns=columns, table=table))
        return {row[0]: tuple(row)[1:] for row in found}

    def _texts(self) -> dict[str, Any]:
        found = self._rows(f"SELECT lead, words, contacts FROM searched WHERE {_OF}")
        return {row[0]: tuple(row)[1:] for row in found}

    def _wanted_texts(self, lead: Lead) -> tuple[Any, ...]:
        ((_, *texts),) = search.searched_rows(self._connection, [lead])
        return tuple(texts)

    def _rows(self, statement: str) -> list[sqlite3.Row]:
        return self._connection.execute(statement, (self._ids,)).fetchall()


_NOTHING: Final = object()


def _nonzero(scores: dict[str, Any]) -> dict[str, Any]:
    return {name: points for name, points in scores.items() if points}


def _latest(found: set[tuple[Any, ...]], by: int | None) -> set[tuple[Any, ...]]:
    """Return of each journey the row that began last; without ``by`` all that began last."""
    newest: dict[Any, int] = {}
    for row in found:
        key = row[by] if by is not None else None
        newest[key] = max(row[0], newest.get(key, row[0]))
    return {row for row in found if row[0] == newest[row[by] if by is not None else None]}


def _timers(lead: Lead) -> set[tuple[Any, ...]] | None:
    return set(lead.timers.items()) or None


def _tags(lead: Lead) -> set[tuple[Any, ...]] | None:
    return {(tag,) for tag in tags.of_lead(lead)} or None


def _enrolments(lead: Lead) -> set[tuple[Any, ...]] | None:
    return {
        (e.entered_at, e.journey, e.step, e.arrived_at, e.left_at, e.reason, e.entered_by)
        for e in lead.journeys.values()
    } or None


def _clocks(lead: Lead) -> set[tuple[Any, ...]] | None:
    return {
        (c.started_at, name, c.sla, c.due, c.status, c.ended_at) for name, c in lead.clocks.items()
    } or None


def _stage(lead: Lead) -> tuple[Any, ...] | None:
    stage = lead.facts.get("stage")
    return None if stage is None else (stage,)


def _owner(lead: Lead) -> tuple[Any, ...] | None:
    answer = lead.assignment
    return None if answer is None else (answer.owner, answer.team, answer.pool)


def _index(connection: sqlite3.Connection) -> Finding:
    """Compare how many tokens the index holds with how many it was given."""
    connection.execute("PRAGMA query_only = OFF")  # for a table of its own, in memory
    connection.execute("CREATE VIRTUAL TABLE temp.tokens USING fts5vocab('main', 'search', 'row')")
    try:
        (held,) = connection.execute("SELECT coalesce(sum(cnt), 0) FROM temp.tokens").fetchone()
    except sqlite3.DatabaseError as error:
        return Finding("index", "error", f"the search index cannot be read: {error}")
    (given,) = connection.execute(_TOKENS).fetchone()
    if held == given:
        return Finding("index", "ok", f"the search index holds all {given} tokens")
    text = f"the search index holds {held} tokens of {given}"
    return Finding("index", "error", text)
