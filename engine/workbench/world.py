"""A world in memory that runs the live machines on a simulated clock.

Ninety days pass in milliseconds, because nothing waits: the clock jumps from one deadline
to the next. What the outside would answer is simulated too: every delivery succeeds at once
and its receipt comes back as an event, as the delivery loop of a running server would send it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from engine.errors import LeadrulesError
from engine.machines.directory import Identity, resolve
from engine.machines.state import Decision, Delivery, Event, Lead, Teams
from engine.machines.turn import new_lead, take_turn
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


class World:
    """Leads, teams and identities, and the instant that it is; ``log`` is all that happened."""

    def __init__(self, ruleset: Ruleset, start: int) -> None:
        self.ruleset = ruleset
        self.now = start
        self.leads: dict[str, Lead] = {}
        self.teams = Teams()
        self.known: dict[Identity, str] = {}
        self.log: list[Moment] = []
        self._made = 0

    def lead_of(self, identities: Sequence[Identity]) -> str:
        """Return the id of the lead that ``identities`` mean, creating it when it is new."""
        self._made += 1
        found = resolve(self.known, identities, f"lead-{self._made}")
        self.known.update(dict.fromkeys(found.links, found.lead))
        if found.created:
            self.leads[found.lead] = new_lead(self.ruleset, found.lead, self.now)
        return found.lead

    def post(self, event: Event, lead: str) -> None:
        """Let ``event`` happen to ``lead`` at the world's present instant."""
        waiting = [event]
        while waiting:
            current = waiting.pop(0)
            turn = take_turn(self.ruleset, self.leads[lead], self.teams, current, self.now)
            self.leads[lead] = turn.lead
            self.teams = turn.teams
            for entry in turn.entries:
                self.log.append(Moment(self.now, lead, entry.event, entry.decision))
                waiting += self._receipts(entry.decision.deliveries)

    def advance(self, until: int) -> None:
        """Let time pass, waking every lead at each of its deadlines up to ``until``."""
        while True:
            due = min(
                ((lead.wake_at, id) for id, lead in self.leads.items() if lead.wake_at is not None),
                default=(until + 1, ""),
            )
            if due[0] > until:
                break
            self._wake(due[1], due[0])
        self.now = max(self.now, until)

    def _wake(self, id: str, due: int) -> None:
        self.now = max(self.now, due)
        self.post(Event(f"wake:{id}:{due}", "timer_due", due, channel="engine"), id)
        if self.leads[id].wake_at == due:
            raise NoProgress(f"the lead {id} has been woken for {due} and asks for it again")

    def _receipts(self, deliveries: Sequence[Delivery]) -> Iterator[Event]:
        for delivery in deliveries:
            if delivery.status == "queued":
                yield self._receipt(delivery)

    def _receipt(self, delivery: Delivery) -> Event:
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
            at=self.now,
            properties={k: v for k, v in properties.items() if v is not None},
            channel="engine",
        )
