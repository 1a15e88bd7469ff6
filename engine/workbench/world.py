"""A world in memory that runs the live machines on a simulated clock.

Ninety days pass in milliseconds, because nothing waits: the clock jumps from one deadline
to the next. What the outside would answer is simulated too: every delivery succeeds at once
and its receipt comes back as an event, as the delivery loop of a running server would send it.
Leads that an event shows to be one are merged as in a running server, by `engine.machines.uniting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from operator import itemgetter
from typing import Any

import msgspec

from engine.errors import LeadrulesError
from engine.machines import balance, uniting
from engine.machines.directory import Conflict, Identity, Named, Resolution, resolve, unite
from engine.machines.merging import Entry, Side
from engine.machines.state import Decision, Delivery, Event, Happening, Lead, LedgerLine, Teams
from engine.machines.turn import Turn, new_lead, take_turn
from engine.network.ruleset import Ruleset


class NoProgress(LeadrulesError):
    """A lead asks to be woken at an instant it has already been woken at."""

    code = "no-progress"


class Moment(msgspec.Struct, frozen=True):
    """What one event did to one lead; ``at`` is the simulated instant."""

    at: int
    lead: str
    event: Event
    decision: Decision


class View(msgspec.Struct, frozen=True):
    """A lead as compiled conditions read it, at one instant and outside any event."""

    facts: dict[str, Any]
    windows: dict[str, list[Any]]
    created_at: int
    now: int
    properties: dict[str, Any] = {}
    before: dict[str, Any] = {}


class Past(msgspec.Struct):
    """What a merge needs to know of a lead: its log and its ledger."""

    log: list[Entry] = []
    ledger: list[LedgerLine] = []


class World:
    """Leads, teams and identities, and the instant that it is; ``log`` is all that happened.

    ``first`` is the id of the first lead, the others are lead-2 and so on.
    """

    def __init__(self, ruleset: Ruleset, start: int, first: str = "lead-1") -> None:
        self.ruleset = ruleset
        self._first = first
        self.now = start
        self.leads: dict[str, Lead] = {}
        self.teams = Teams()
        self.known: dict[Identity, str] = {}
        self.log: list[Moment] = []
        self._past: dict[str, Past] = {}
        self._absorbed: dict[str, str] = {}
        self._conflicts: list[Conflict] = []
        self._told: set[tuple[str, str]] = set()
        self._made = 0
        # What waits for the end of somebody's quiet hours: (due, lead, its receipt).
        self._later: list[tuple[int, str, Event]] = []

    def take(self, event: Event, identities: Sequence[Identity]) -> str:
        """Let ``event`` happen to the lead that ``identities`` mean; returns that lead's id."""
        lead = self._whose(event, identities)
        self.post(event, lead)
        return lead

    def present(self, lead: str) -> str:
        """Return what a lead is now, which may have been merged into another one."""
        while lead in self._absorbed:
            lead = self._absorbed[lead]
        return lead

    # --- whose an event is -------------------------------------------------------------------

    def _whose(self, event: Event, identities: Sequence[Identity]) -> str:
        self._made += 1
        new = f"lead-{self._made}" if self._made > 1 else self._first
        rule = self.ruleset.definitions.intake.merge
        other = uniting.somebody_else(rule, identities, self.known, self._kinds)
        if other is not None:
            links = tuple(each for each in identities if each not in self.known)
            found = Resolution(new, True, links, ())
            self._conflict(new, Conflict(other, uniting.SHARED))
        else:
            found = resolve(self.known, identities, new)
        if found.created:
            since = min(event.at, self.now)
            self.leads[new] = new_lead(self.ruleset, new, since)
            self._past[new] = Past()
        lead = self._unite(event, identities) if found.conflicts else found.lead
        self.known.update(dict.fromkeys(found.links, lead))
        return lead

    def _kinds(self, lead: str) -> frozenset[str]:
        return frozenset(kind for (kind, _), of in self.known.items() if of == lead)

    def _unite(self, event: Event, identities: Sequence[Identity]) -> str:
        """Merge what the event shows to be one lead, and return it."""
        by = uniting.names_by(identities, None, self.known)
        named = [Named(id, by[id], self._kinds(id), self.leads[id].created_at) for id in by]
        union = unite(self.ruleset.definitions.intake.merge, named)
        for survivor, absorbed in union.merges:
            kinds = by[survivor] | by[absorbed]
            self._merge(survivor, absorbed, event, kinds)
            by[survivor] = kinds
        for conflict in union.conflicts:
            self._conflict(union.lead, conflict)
        return union.lead

    def _merge(self, survivor: str, absorbed: str, event: Event, kinds: frozenset[str]) -> None:
        shown = uniting.automatic(event, survivor, absorbed, kinds, self.now)
        sides = self._side(survivor), self._side(absorbed)
        number = len(self._absorbed) + 1
        united = uniting.merge(self.ruleset, self.teams, sides, shown, number, self.now)
        one, other = self._past[survivor], self._past.pop(absorbed)
        log = sorted([*one.log, *other.log], key=lambda entry: entry.seq)
        self._past[survivor] = Past(log, [*one.ledger, *other.ledger])
        self._absorbed[absorbed] = survivor
        del self.leads[absorbed]
        moved = [identity for identity, lead in self.known.items() if lead == absorbed]
        self.known.update(dict.fromkeys(moved, survivor))
        self._answer(survivor, self._record(survivor, united.turn))

    def _side(self, lead: str) -> Side:
        past = self._past[lead]
        return Side(self.leads[lead], past.log, None, balance.sums(past.ledger))

    def _conflict(self, lead: str, conflict: Conflict) -> None:
        """Have the event tell once of two leads that it names and that stay two."""
        pair = (lead, conflict.lead)
        if pair not in self._told:
            self._told.add(pair)
            self._conflicts.append(conflict)

    # --- what happens to it ------------------------------------------------------------------

    def post(self, event: Event, lead: str) -> None:
        """Let ``event`` happen to ``lead`` at the world's present instant."""
        self._answer(lead, [event])

    def _answer(self, lead: str, waiting: list[Event]) -> None:
        while waiting:
            event = waiting.pop(0)
            turn = take_turn(self.ruleset, self.leads[lead], self.teams, event, self.now)
            waiting += self._record(lead, turn)

    def _record(self, lead: str, turn: Turn) -> list[Event]:
        """Keep what a turn did; returns the receipts of what it sent."""
        self.leads[lead] = turn.lead
        self.teams = turn.teams
        past, version = self._past[lead], self.ruleset.version
        receipts: list[Event] = []
        for entry in turn.entries:
            decision = entry.decision
            past.log.append(Entry(entry.event, self.now, version, lead, len(self.log)))
            past.ledger += decision.ledger
            for each in self._conflicts:
                data = {"leads": [each.lead], "reason": each.reason}
                decision.happenings.append(Happening(self.now, "identity_conflict", data))
            self._conflicts.clear()
            self.log.append(Moment(self.now, lead, entry.event, decision))
            for delivery in decision.deliveries:
                if delivery.status == "queued":
                    due = self.now if delivery.due is None else delivery.due
                    if due <= self.now:
                        receipts.append(self._receipt(delivery, self.now))
                    else:
                        self._later.append((due, delivery.lead, self._receipt(delivery, due)))
        return receipts

    def advance(self, until: int) -> None:
        """Let time pass, waking every lead at each of its deadlines up to ``until``."""
        while True:
            due = min(
                ((lead.wake_at, id) for id, lead in self.leads.items() if lead.wake_at is not None),
                default=(until + 1, ""),
            )
            first = min(self._later, key=itemgetter(0), default=None)
            if first is not None and first[0] <= min(due[0], until):
                self._hand_over(first)
                continue
            if due[0] > until:
                break
            self._wake(due[1], due[0])
        self.now = max(self.now, until)

    def _hand_over(self, waiting: tuple[int, str, Event]) -> None:
        self._later.remove(waiting)
        self.now = max(self.now, waiting[0])
        self.post(waiting[2], self.present(waiting[1]))

    def _wake(self, id: str, due: int) -> None:
        self.now = max(self.now, due)
        self.post(Event(f"wake:{id}:{due}", "timer_due", due, channel="engine"), id)
        if self.leads[id].wake_at == due:
            raise NoProgress(f"the lead {id} has been woken for {due} and asks for it again")

    def _receipt(self, delivery: Delivery, at: int) -> Event:
        connection = self.ruleset.definitions.server.connections.get(delivery.connection)
        mail = connection is not None and connection.plugin == "email"
        properties = {
            "message": delivery.message,
            "journey": delivery.journey,
            "step": delivery.step,
            "delivery": delivery.key,
            "audience": delivery.audience,
        }
        return Event(
            id=f"receipt:{delivery.key}",
            type="email_sent" if mail else "message_sent",
            at=at,
            properties={k: v for k, v in properties.items() if v is not None},
            channel="engine",
        )
