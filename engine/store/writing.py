"""The commit path: rows gathered in memory, written by prepared statements, many rows in each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Collection, Iterable, Mapping
from functools import cache, lru_cache
from itertools import compress
from operator import ne
from typing import Any, Final

from engine.machines.directory import Identity
from engine.machines.people import todos
from engine.machines.people.notes import COLLECTED
from engine.machines.state import Decision, Delivery, Event, Happening, Lead, TeamBook
from engine.store import arrivals, companies, digests, rows, search, splits, tags, turns
from engine.store.bulk import Insert, Target
from engine.store.projecting import ProjectionRows, write_timers
from engine.store.rows import EVENT_COLUMNS, Row

_EVENT: Final = Insert(f"events ({EVENT_COLUMNS})", 11)
_IDENTITY: Final = Insert("identities (kind, value, lead)", 3)
_LEDGER: Final = Insert(
    "ledger (lead, at, model, dimension, rule, points, event, source, ruleset, reason)", 10
)
_HAPPENING: Final = Insert("happenings (lead, at, kind, event, data)", 5)
# A repeated decision repeats its keys; the first one counts.
_DELIVERY: Final = Insert(
    """deliveries (key, lead, connection, message, audience, to_address, journey, step, params,
    status, reason, due, created_at, finished_at, queued_at, deadline_at, person, kind)""",
    18,
    "ON CONFLICT (key) DO NOTHING",
)
_TASK: Final = Insert(
    "tasks (id, lead, title, owner, due, priority, created_at, journey, step)",
    9,
    "ON CONFLICT (id) DO NOTHING",
)
_TASK_DONE: Final = """
UPDATE tasks SET status = 'done', outcome = ?, completed_at = ?
WHERE id = ? AND lead = ? AND status = 'open'
"""
_TASK_LATER: Final = """
UPDATE tasks SET due = ? WHERE id = ? AND lead = ? AND status = 'open'
"""
_TEAM: Final = "INSERT OR REPLACE INTO teams (id, state) VALUES (?,?)"


def never(delivery: Delivery) -> int | None:
    """Return that a delivery may wait."""
    return None


class Rows:
    """The rows of one transaction, in the order of their making.

    ``wall`` is the computer's time, ``deadline`` gives the ms after which a delivery is not to
    be sent any more. ``queued`` maps the connections that get something to do to the earliest
    deadline among it.
    """

    def __init__(self, wall: int = 0, deadline: Callable[[Delivery], int | None] = never) -> None:
        self._wall = wall
        self._deadline = deadline
        self.queued: dict[str, int | None] = {}
        self.events: list[Row] = []
        self.identities: list[Row] = []
        self.ledger: list[Row] = []
        self.happenings: list[Row] = []
        self.deliveries: list[Row] = []
        self.collected: list[Delivery] = []
        self.tasks: list[Row] = []
        self.tasks_done: list[Row] = []
        self.tasks_later: list[Row] = []
        self.linked: set[str] = set()
        self.contacted: set[str] = set()
        self.mailed: set[str] = set()
        self._projections = ProjectionRows()

    def log(self, event: Event, lead: str, now: int, ruleset: str) -> None:
        """Add an event to the log; one about a task closes that task, or puts it off."""
        self.events.append(rows.event_row(event, lead, now, ruleset))
        if event.type in turns.CONTACTS:
            self.contacted.add(lead)
        elif event.type in splits.HEARD and event.properties.get("journey"):
            self.mailed.add(lead)
        if event.type == "task_completed":
            done = event.properties.get("outcome"), event.at, event.properties.get("task"), lead
            self.tasks_done.append(done)
        elif event.type == "task_snoozed":
            until = todos.instant(event.properties.get("until"))
            self.tasks_later.append((until, event.properties.get("task"), lead))

    def link(self, identities: tuple[Identity, ...], lead: str) -> None:
        """Let identities mean a lead from now on."""
        if identities:
            self.identities.extend((kind, value, lead) for kind, value in identities)
            self.linked.add(lead)

    def decided(self, event: Event, decision: Decision, before: Lead | None = None) -> None:
        """Add what a decision brought; ``before`` is the lead as it was, None for a new one."""
        lead = decision.lead.id
        self._projections.decided(before, event, decision)
        for line in decision.ledger:
            self.ledger.append(rows.ledger_row(lead, line))
        for happening in decision.happenings:
            self.happened(lead, event.id, happening)
        for delivery in decision.deliveries:
            self._deliver(delivery)
        for task in decision.tasks:
            self.tasks.append(rows.task_row(task))

    def _deliver(self, delivery: Delivery) -> None:
        within = self._deadline(delivery)
        postponed = 0 if delivery.due is None else delivery.due - delivery.at
        deadline_at = None if within is None else self._wall + postponed + within
        self.deliveries.append(rows.delivery_row(delivery, self._wall, deadline_at))
        if delivery.status == COLLECTED:
            self.collected.append(delivery)
            self.queued.setdefault(delivery.connection, None)
        elif delivery.status == "queued":
            known = self.queued.get(delivery.connection)
            given = [at for at in (known, deadline_at) if at is not None]
            self.queued[delivery.connection] = min(given, default=None)

    def happened(self, lead: str, event: str, happening: Happening) -> None:
        """Add one happening, for the timeline."""
        self.happenings.append(rows.happening_row(lead, event, happening))

    def write(self, target: Target) -> None:
        """Write everything within the caller's transaction, but for what is ``collected``."""
        for statement, values in (
            (_EVENT, self.events),
            (_IDENTITY, self.identities),
            (_LEDGER, self.ledger),
            (_HAPPENING, self.happenings),
            (_DELIVERY, self.deliveries),
            (_TASK, self.tasks),
        ):
            statement.write(target, values)
        if self.tasks_done:
            target.executemany(_TASK_DONE, self.tasks_done)
        if self.tasks_later:
            target.executemany(_TASK_LATER, self.tasks_later)
        self._projections.write(target)
        if self._projections.transitions:
            arrivals.measure(target, self._projections.transitions)
        turned = self.contacted | self._projections.turned
        if turned:
            turns.refresh(target, sorted(turned))
        dealt = self.mailed | self._projections.dealt
        if dealt:
            splits.refresh(target, sorted(dealt))

    def collect(self, connection: sqlite3.Connection) -> None:
        """Put what is collected into its digests; after `write`."""
        for note in self.collected:
            digests.collect(connection, note, self._wall)


@lru_cache(maxsize=500)
def _lead(changed: tuple[str, ...]) -> Insert:
    """Return the statement for leads of which these of `rows.LISTED` have changed.

    It sets no others: SQLite writes anew each index of a column that is set, also to the same.
    """
    columns = ("id", "created_at", "updated_at", "state", *changed)
    kept = ("id",) if changed == rows.LISTED else ("id", "created_at")
    sets = ", ".join(f"{name} = excluded.{name}" for name in columns if name not in kept)
    into = f"leads ({', '.join(columns)})"
    return Insert(into, len(columns), f"ON CONFLICT (id) DO UPDATE SET {sets}")


def _changed(
    before: Lead | None, lead: Lead, model: str
) -> tuple[tuple[str, ...], tuple[Any, ...], bool]:
    """Return which of `rows.LISTED` are to be written, and what they are now.

    Last, whether the lead is to be listed, counted and found otherwise than before. With most
    events nothing moves but windows, timers and the score.
    """
    # Under other rules another model may be the default one.
    if before is None or before.ruleset != lead.ruleset or before.created_at != lead.created_at:
        return rows.LISTED, rows.listed(lead, model), True
    wake = lead.wake_at
    woken = wake != before.wake_at
    restaged = before.stages is not lead.stages
    if before.facts is lead.facts:
        return (("wake_at",), (wake,), restaged) if woken else ((), (), restaged)
    names = _watched(model)
    now = [*map(lead.facts.get, names)]
    differs = [*map(ne, now, map(before.facts.get, names))]
    restated = restaged or any(differs[1:])
    if not restated:
        return _only_rescored(differs[0], now[0], woken, wake)
    listed = rows.listed(lead, model)
    others = [*map(ne, listed, rows.listed(before, model))]
    return tuple(compress(rows.LISTED, others)), tuple(compress(listed, others)), True


def _only_rescored(
    rescored: bool, score: Any, woken: bool, wake: int | None
) -> tuple[tuple[str, ...], tuple[Any, ...], bool]:
    """Return what `_changed` does for a lead of which score and deadline alone have moved."""
    columns, values = (("score",), (score,)) if rescored else ((), ())
    return ((*columns, "wake_at"), (*values, wake), False) if woken else (columns, values, False)


@cache
def _watched(model: str) -> tuple[str, ...]:
    """Return the facts that lists, figures and search read, the score before all others."""
    links = (*companies.LINKS.facts, *tags.LINKS.facts)
    all_ = (*rows.listed_facts(model), *search.TEXTS, *arrivals.READ, *links)
    return tuple(dict.fromkeys((f"score.{model}.total", *all_)))


def write_leads(
    connection: sqlite3.Connection,
    leads: Iterable[Lead],
    stored: Mapping[str, Lead],
    model: str,
    linked: Collection[str] = (),
) -> None:
    """Do what `write_states` does, and let search find these leads by what they say now."""
    found = write_states(connection, leads, stored, model, linked)
    search.refresh(connection, connection, found)


def write_states(
    target: Target,
    leads: Iterable[Lead],
    stored: Mapping[str, Lead],
    model: str,
    linked: Collection[str] = (),
) -> list[Lead]:
    """Write whole states and deadlines; after their `Rows`. Returns whom search finds otherwise.

    ``model`` is the default scoring model. ``stored`` holds leads as the database has them, as
    far as they are known; the more, the quicker. ``linked`` names leads that got identities.
    """
    texts, restated = [], []
    states: dict[tuple[str, ...], list[Row]] = {}
    # In order of id, neighbours in the index are written together.
    ordered = sorted(leads, key=lambda lead: lead.id)
    for lead in ordered:
        before = stored.get(lead.id)
        changed, values, is_restated = _changed(before, lead, model)
        if is_restated:
            restated.append(lead)
        if lead.id in linked or (
            is_restated and (before is None or not search.same_text(before, lead))
        ):
            texts.append(lead)
        row = lead.id, lead.created_at, lead.updated_at, rows.encoded(lead), *values
        states.setdefault(changed, []).append(row)
    for changed, found in states.items():
        _lead(changed).write(target, found)
    arrivals.refresh(target, restated, stored)
    companies.LINKS.refresh(target, restated, stored)
    tags.LINKS.refresh(target, restated, stored)
    write_timers(target, ordered, stored)
    return texts


def write_teams(target: Target, books: dict[str, TeamBook]) -> None:
    """Write the teams whose running state changed."""
    target.executemany(_TEAM, [rows.book_row(team, book) for team, book in books.items()])
