"""The lead machine's working copy: the only place where a lead's state is written.

It is also what compiled conditions read (`engine.network.condition.Facts`).
"""

from __future__ import annotations

import copy
from collections import deque
from typing import Any

import msgspec

from engine.machines.state import (
    Decision,
    Delivery,
    Event,
    Happening,
    Lead,
    LedgerLine,
    Number,
    Request,
    Task,
)
from engine.network.condition import Compiled
from engine.network.ruleset import Ruleset


class Occurrence(msgspec.Struct, frozen=True):
    """Something rules can react to: an event from outside, or the engine's own."""

    type: str
    id: str
    at: int
    properties: dict[str, Any]
    bot: bool = False


class Work:
    """One lead being worked on at one instant.

    ``now`` is the logical instant: a timer's due time, else the present; ``present`` is
    the instant at which all this really runs. ``news`` is False for history, which is
    counted and nothing more.
    """

    __slots__ = (
        *("before", "changed", "decision", "event", "facts", "lead", "news", "now"),
        *("present", "properties", "queue", "ruleset", "windows"),
    )

    def __init__(self, ruleset: Ruleset, lead: Lead, event: Event, now: int) -> None:
        copied = copy.copy(lead)
        copied.facts = self.facts = dict(lead.facts)
        copied.windows = self.windows = dict(lead.windows)
        copied.holds = dict(lead.holds)
        copied.truths = dict(lead.truths)
        copied.timers = dict(lead.timers)
        copied.counts = dict(lead.counts)
        self.lead = copied
        self.ruleset = ruleset
        self.event = event
        self.now = now
        self.present = now
        self.news = not event.history
        self.properties: dict[str, Any] = event.properties
        self.before: dict[str, Any] = {}
        self.changed: set[str] = set()
        self.queue: deque[Occurrence] = deque()
        self.decision = Decision(
            copied, ledger=[], happenings=[], deliveries=[], tasks=[], requests=[], fired=[]
        )

    @property
    def created_at(self) -> int:
        """When the lead came to be; absence without any event counts from here."""
        return self.lead.created_at

    def set_fact(self, name: str, value: Any) -> None:
        """Write one fact; None removes it. Rules that read it wake when it changed."""
        old = self.facts.get(name)
        if old == value and type(old) is type(value):
            return
        self.before.setdefault(name, old)
        self.changed.add(name)
        if value is None:
            self.facts.pop(name, None)
        else:
            self.facts[name] = value

    def add_points(
        self, model: str, dimension: str, rule: str, points: Number, source: Any, reason: str = ""
    ) -> None:
        """Write a ledger line and the score it changes. Zero points are no line."""
        if not points:
            return
        self.decision.ledger.append(
            LedgerLine(
                self.now, model, dimension, rule, points, self.event.id, str(source),
                self.ruleset.version, reason,
            )
        )  # fmt: skip
        for name in (dimension, "total"):
            fact = f"score.{model}.{name}"
            self.set_fact(fact, tidy(self.facts.get(fact, 0) + points))

    def came_true(self, key: str, when: Compiled) -> bool:
        """Whether a watched condition holds now and did not when last looked at.

        An edge such as ``rises_to`` is true only at its instant and so comes true each time.
        """
        if when.deadline is not None:
            self.arm(key, when.deadline(self))
        if not when.holds(self):
            self.lead.truths.pop(key, None)
            return False
        if when.edge:
            return True
        if key in self.lead.truths:
            return False
        self.lead.truths[key] = self.now
        return True

    def happen(self, kind: str, **data: Any) -> None:
        """Note something for the timeline; None values are left out."""
        kept = {k: v for k, v in data.items() if v is not None}
        self.decision.happenings.append(Happening(self.now, kind, kept))

    def occur(self, kind: str, **properties: Any) -> None:
        """Let rules react to something of the engine's own, if any listens."""
        if kind in self.ruleset.listened:
            self.queue.append(Occurrence(kind, self.event.id, self.now, properties))

    def arm(self, name: str, due: int | None) -> None:
        """Set or clear a named deadline."""
        if due is None:
            self.lead.timers.pop(name, None)
        else:
            self.lead.timers[name] = due

    def deliver(self, delivery: Delivery) -> None:
        """Hand something to the outbox."""
        self.decision.deliveries.append(delivery)

    def give_task(self, task: Task) -> None:
        """Make a to-do for a person."""
        self.decision.tasks.append(task)

    def request(self, kind: str, pool: str | None = None, reason: str = "") -> None:
        """Ask the team machine; its answer comes back as an event."""
        self.lead.asked += 1
        key = f"{self.lead.id}:{kind}:{self.lead.asked}"
        self.decision.requests.append(Request(key, kind, self.now, pool, reason))


def tidy(number: Number) -> Number:
    """Round to 4 decimals, whole numbers to int, so that sums of ledger lines are exact."""
    if isinstance(number, int):
        return number
    rounded = round(number, 4)
    return int(rounded) if rounded.is_integer() else rounded
