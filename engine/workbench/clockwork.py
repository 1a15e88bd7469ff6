"""The live machines in memory on a simulated clock, for leads that are known by their ids.

Ninety days pass in milliseconds, because nothing waits: the clock jumps from one deadline
to the next. What the outside would answer is simulated too: every delivery succeeds at once
and its receipt comes back as an event, as the delivery loop of a running server would send it.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from heapq import heappop, heappush
from itertools import count

from engine.errors import LeadrulesError
from engine.host.alarms import Alarms
from engine.machines.state import Decision, Delivery, Event, Lead, Teams
from engine.machines.turn import Entry, Turn, new_lead, take_turn
from engine.network.ruleset import Ruleset


class NoProgress(LeadrulesError):
    """A lead asks to be woken at an instant it has already been woken at."""

    code = "no-progress"


@dataclass(frozen=True)
class Moment:
    """What one event did to one lead; ``at`` is the simulated instant."""

    at: int
    lead: str
    event: Event
    decision: Decision


class Clockwork:
    """Leads and teams, and the instant that it is. `noted` is told each moment as it passes."""

    def __init__(self, ruleset: Ruleset, start: int) -> None:
        self.ruleset = ruleset
        self.now = start
        self.leads: dict[str, Lead] = {}
        self.teams = Teams()
        self._alarms = Alarms()
        self._alarms.fill((), sys.maxsize)
        self._numbers = count()
        # What waits for the end of somebody's quiet hours: (due, number, lead, its receipt).
        self._later: list[tuple[int, int, str, Event]] = []

    def noted(self, lead: str, entry: Entry) -> None:
        """Take note of what an event has just done to a lead."""

    def begin(self, lead: str, at: int) -> None:
        """Let there be a lead to which nothing has happened yet."""
        self.put(new_lead(self.ruleset, lead, at))

    def put(self, lead: Lead) -> None:
        """Have a lead as it stands, to be woken when it asks to be."""
        self.leads[lead.id] = lead
        self._alarms.set(lead.id, lead.wake_at)

    def end(self, lead: str) -> None:
        """Let there be a lead no more."""
        del self.leads[lead]
        self._alarms.set(lead, None)

    def present(self, lead: str) -> str:
        """Return what a lead is now."""
        return lead

    def post(self, event: Event, lead: str) -> None:
        """Let ``event`` happen to ``lead`` at the present instant, and what follows from it."""
        receipts = self._take(event, lead)
        if receipts:
            self.answer(lead, receipts)

    def answer(self, lead: str, waiting: list[Event]) -> None:
        """Let events happen to a lead one after the other, each with the receipts it leads to."""
        for event in waiting:  # which grows
            waiting += self._take(event, lead)

    def _take(self, event: Event, lead: str) -> list[Event]:
        turn = take_turn(self.ruleset, self.leads[lead], self.teams, event, self.now)
        return self.record(lead, turn)

    def record(self, lead: str, turn: Turn) -> list[Event]:
        """Keep what a turn did; returns the receipts of what it sent."""
        self.put(turn.lead)
        self.teams = turn.teams
        receipts: list[Event] = []
        for entry in turn.entries:
            self.noted(lead, entry)
            for delivery in entry.decision.deliveries:
                if delivery.status == "queued":
                    receipts += self._sent(delivery)
        return receipts

    def advance(self, until: int) -> None:
        """Let time pass, waking every lead at each of its deadlines up to ``until``."""
        while True:
            due = self._alarms.next_due()
            if self._later and self._later[0][0] <= min(until, until if due is None else due):
                self._hand_over()
            elif due is not None and due <= until:
                self._wake()
            else:
                break
        self.now = max(self.now, until)

    def _hand_over(self) -> None:
        at, _, lead, receipt = heappop(self._later)
        self.now = max(self.now, at)
        self.post(receipt, self.present(lead))

    def _wake(self) -> None:
        found = self._alarms.pop(sys.maxsize)
        assert found is not None
        due, id = found
        self.now = max(self.now, due)
        self.post(Event(f"wake:{id}:{due}", "timer_due", due, channel="engine"), id)
        if self.leads[id].wake_at == due:
            raise NoProgress(f"the lead {id} has been woken for {due} and asks for it again")

    def _sent(self, delivery: Delivery) -> list[Event]:
        """Return the receipt of what is sent at once; that of what waits comes with its time."""
        due = self.now if delivery.due is None else delivery.due
        receipt = self._receipt(delivery, max(due, self.now))
        if due <= self.now:
            return [receipt]
        heappush(self._later, (due, next(self._numbers), delivery.lead, receipt))
        return []

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
