"""What one transaction holds in memory: its leads, teams and rows, until they are written.

Nothing outside changes before the commit: leads, teams and clock are handed on by `Batch.keep`.
Only the alarms are moved at once; after a rollback they are read anew.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from msgspec.structs import replace

from engine.errors import NotFound
from engine.host import merging
from engine.host.ahead import Ahead, Brought
from engine.host.alarms import Alarms
from engine.host.cache import LeadCache
from engine.host.clock import Clock
from engine.host.gate import Gate
from engine.host.limits import deadline_of
from engine.host.outcome import summary_of
from engine.host.telemetry import Telemetry
from engine.machines.directory import Identity
from engine.machines.state import Decision, Event, Lead, Teams
from engine.machines.turn import Turn
from engine.network.ruleset import Ruleset
from engine.store import lookup, merges, search, snapshots
from engine.store.bulk import Target
from engine.store.database import savepoint
from engine.store.sheet import Sheet
from engine.store.writing import Rows, write_states, write_teams


@dataclass
class Memory:
    """What the writer keeps from one transaction to the next: committed, all but ``ahead``."""

    clock: Clock
    cache: LeadCache
    alarms: Alarms
    teams: Teams
    telemetry: Telemetry = field(default_factory=Telemetry)
    ahead: Ahead = field(default_factory=Ahead)

    def renew(self, connection: sqlite3.Connection) -> None:
        """Take everything from the database again, which somebody else may have changed."""
        self.cache.clear()
        self.alarms.forget()
        self.ahead.forget()
        self.teams = lookup.teams(connection)
        newest = lookup.last_decided_at(connection)
        if newest is not None:
            self.clock.advance(newest)


class NotAhead(Exception):
    """A batch looks into tables, or writes them at once: all before it must be durable first."""


class Batch:
    """The leads and rows of one transaction. Used once.

    With a ``sheet`` it writes there, and reads from a database that lacks what ``memory.ahead``
    has. Raises NotAhead for what cannot be done so.
    """

    def __init__(
        self,
        ruleset: Ruleset,
        memory: Memory,
        connection: sqlite3.Connection,
        sheet: Sheet | None = None,
    ) -> None:
        self._ruleset = ruleset
        self._memory = memory
        self._ahead = memory.ahead
        self._connection = connection
        self._sheet = sheet
        self._rows = Rows(memory.clock.wall(), partial(deadline_of, ruleset.definitions))
        self._touched: dict[str, Lead] = {}
        self._read: dict[str, Lead] = {}
        self._new: dict[str, str] = {}
        self._known: dict[Identity, str] = {}
        self._gate = Gate(ruleset, connection, memory.clock.wall())
        self._given = memory.teams if self._ahead.teams is None else self._ahead.teams
        self._teams = self._given
        self._now = _now(memory)
        self._newest: int | None = None
        self._decisions: list[tuple[Event, Decision]] = []
        self._absorbed: dict[str, str] = {}
        self._parted = False
        self.turns = 0

    def _record(self, before: Lead, turn: Turn) -> None:
        """Note what a turn did to a lead. Only from here on does the turn count."""
        lead, version = turn.lead, self._ruleset.version
        for entry in turn.entries:
            self._rows.log(entry.event, lead.id, self._now, version)
            self._rows.decided(entry.event, entry.decision, before)
            before = entry.decision.lead
            self._new[entry.event.id] = lead.id
            self._decisions.append((entry.event, entry.decision))
        self.turns += 1
        self._touched[lead.id] = lead
        self._teams = turn.teams
        self._memory.alarms.set(lead.id, lead.wake_at)

    def _summary(self, lead: Lead) -> dict[str, Any]:
        return summary_of(lead, self._ruleset.default_model)

    # --- leads -------------------------------------------------------------------------------

    def _present(self, id: str) -> str:
        """Return the lead that an id means now, which may have been merged into another."""
        while id in self._absorbed:
            id = self._absorbed[id]
        if id in self._touched or self._stored(id) is not None:
            return id
        return merges.survivor_of(self._connection, id) or id

    def _lead(self, id: str) -> Lead | None:
        found = self._touched.get(id) or self._stored(id)
        if found is None:
            self._fetch([id])
            found = self._read.get(id)
        return found

    def _stored(self, id: str) -> Lead | None:
        """Return a lead as it was before this transaction, if it was read before."""
        return self._read.get(id) or self._at_hand(id)

    def _at_hand(self, id: str) -> Lead | None:
        return self._ahead.leads.get(id) or self._memory.cache.get(id)

    def _fetch(self, ids: Iterable[str]) -> None:
        """Have these leads at hand as the database has them; what is not in memory is read."""
        wanted = []
        for id in ids:
            if id not in self._read:
                lead = self._at_hand(id)
                if lead is None:
                    wanted.append(id)
                else:
                    self._read[id] = lead
        if wanted:
            self._read.update(lookup.leads(self._connection, wanted))

    # --- leads that are one ------------------------------------------------------------------

    def _merge(self, survivor: str, absorbed: str, event: Event) -> None:
        self._flush()
        pair = self._lead(survivor), self._lead(absorbed)
        if pair[0] is None or pair[1] is None:
            raise NotFound(f"there is no lead {absorbed if pair[0] else survivor!r}")
        with savepoint(self._connection):
            turn = merging.merge(
                self._ruleset, self._connection, self._teams, (pair[0], pair[1]), event, self._now
            )
        self._forget(absorbed, survivor)
        self._rows.linked.add(survivor)
        # Its last assignment is written already, and has moved if it was the other one's.
        answer = turn.entries[0].decision.lead.assignment
        self._record(replace(pair[0], assignment=answer), turn)

    def _forget(self, absorbed: str, survivor: str) -> None:
        """Know a lead under its survivor's id only; after a rollback it is read anew."""
        self._absorbed[absorbed] = survivor
        for held in (self._touched, self._read):
            held.pop(absorbed, None)
        self._memory.cache.drop(absorbed)
        self._memory.alarms.set(absorbed, None)
        for known in (self._known, self._new):
            for key in [key for key, lead in known.items() if lead == absorbed]:
                known[key] = survivor  # type: ignore[index]

    def _part(self, id: str, absorbed: str, event: Event) -> None:
        self._flush()
        lead = self._lead(id)
        if lead is None:
            raise NotFound(f"there is no lead {id!r}")
        with savepoint(self._connection):
            parted = merging.part(
                self._ruleset, self._connection, self._teams, lead, event, self._now
            )
        self._absorbed.pop(absorbed, None)
        self._parted = True
        self._known.update(dict.fromkeys(parted.identities, absorbed))
        self._rows.log(parted.event, id, self._now, self._ruleset.version)
        self._new[event.id] = id
        for decision in (parted.survivor, parted.absorbed):
            after = decision.lead
            before = Lead(after.id, after.created_at, after.created_at)
            before.assignment = merges.given(self._connection, after)
            self._rows.decided(parted.event, decision, before)
            self._rows.linked.add(after.id)
            self._touched[after.id] = after
            self._memory.alarms.set(after.id, after.wake_at)
        self._teams = parted.teams
        self._flush()
        if parted.keeps_snapshot:
            snapshots.take(self._connection, id, self._memory.clock.wall())

    def _flush(self) -> None:
        """Write what is decided so far, for those who look into the tables."""
        self._check_alone()
        self._write_rows()
        queued = self._rows.queued
        self._rows = Rows(
            self._memory.clock.wall(), partial(deadline_of, self._ruleset.definitions)
        )
        self._rows.queued.update(queued)
        self._read.update(self._touched)

    # --- the end -----------------------------------------------------------------------------

    def write(self) -> None:
        """Write everything within the caller's transaction."""
        self._write_rows()
        if not self._gate.is_plain:
            self._check_alone()
        self._gate.write(self._target)
        before = self._given.books
        changed = {k: v for k, v in self._teams.books.items() if before.get(k) is not v}
        if changed:
            write_teams(self._target, changed)

    @property
    def _target(self) -> Target:
        return self._connection if self._sheet is None else self._sheet

    def _check_alone(self) -> None:
        if self._sheet is not None:
            raise NotAhead

    def _write_rows(self) -> None:
        if self._rows.collected:
            self._check_alone()
        target, links = self._target, self._links()
        self._rows.write(target)
        self._rows.collect(self._connection)
        if self._touched:
            stored = {id: lead for id in self._touched if (lead := self._stored(id))}
            model = self._ruleset.default_model
            leads = write_states(target, self._touched.values(), stored, model, self._rows.linked)
            search.refresh(target, self._connection, leads, links)

    def _links(self) -> list[search.Link]:
        """Return the identities that the database does not have yet."""
        if self._sheet is None:
            return []
        before = [(kind, value, lead) for (kind, value), lead in self._ahead.links.items()]
        return [*before, *self._rows.identities]

    @property
    def queued(self) -> Mapping[str, int | None]:
        """The connections that got something to do, with the earliest deadline among it."""
        return self._rows.queued

    def run_ahead(self) -> None:
        """Let the next ones build on this, which is not durable yet."""
        self._ahead.add(self._brought)

    @property
    def _brought(self) -> Brought:
        links = {(kind, value): lead for kind, value, lead in self._rows.identities}
        return Brought(self._touched, self._new, links, self._teams, self._newest)

    def keep(self) -> None:
        """Hand on what is committed now."""
        self._memory.cache.put(self._touched.values())
        self._memory.teams = self._teams
        if self._newest is not None:
            self._memory.clock.advance(self._newest)
        brought = self._brought
        if self._sheet is not None:
            self._ahead.settle(brought)
        if self._absorbed or self._parted:
            self._memory.cache.unlink()
        else:
            self._memory.cache.link(brought.links)
        for event, decision in self._decisions:
            self._memory.telemetry.decided(event, decision)

    def take_back(self) -> None:
        """Set the alarms of its leads as they were; nothing else has changed."""
        for id in self._touched:
            before = self._stored(id)
            self._memory.alarms.set(id, None if before is None else before.wake_at)


def _now(memory: Memory) -> int:
    """Return the present instant, once what is decided already is durable."""
    now, newest = memory.clock.now(), memory.ahead.newest
    return now if newest is None else max(now, memory.clock.reach(newest))
