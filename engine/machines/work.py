"""The lead machine's working copy: the only place where a lead's state is written.

It is also what compiled conditions read (`engine.network.condition.Facts`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.language.diagnostic import Source
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
from engine.network.ruleset import Ruleset, tidy


@dataclass(frozen=True)
class Occurrence:
    """Something of the engine's own that rules can react to, shaped like an event."""

    type: str
    id: str
    at: int
    properties: dict[str, Any]
    bot: bool = False


class Work:
    """One lead being worked on at one instant.

    ``now`` is the logical instant: a timer's due time, else the present; ``present`` is
    the instant at which all this really runs. ``moment`` is when that happened which is dealt
    with: it is before ``now`` for an event that arrived late. ``news`` is False for history,
    which is counted and nothing more. ``begins`` names the occasion at which clocks start once
    all else has come of the event. What has ``begun`` already is gone on with.
    """

    __slots__ = (
        *("before", "begins", "changed", "decision", "event", "facts", "lead", "moment", "news"),
        *("now", "original", "present", "properties", "queue", "ruleset", "windows"),
    )

    def __init__(
        self,
        ruleset: Ruleset,
        lead: Lead,
        event: Event,
        now: int,
        begun: Decision | None = None,
    ) -> None:
        self.original = lead
        self.decision = begun or Decision(lead.__copy__())
        self.lead = copied = self.decision.lead
        copied.ruleset = ruleset.version
        copied.updated_at = max(copied.updated_at, now)
        self.facts = copied.facts
        self.windows = copied.windows
        self.ruleset = ruleset
        self.event = event
        self.now = now
        self.present = now
        self.moment = min(event.at, now)
        self.news = not event.history
        self.properties: dict[str, Any] = event.properties
        self.before: dict[str, Any] = {}
        self.changed: set[str] = set()
        self.begins: str | None = None
        self.queue: list[Event | Occurrence] = []

    @property
    def created_at(self) -> int:
        """When the lead came to be; absence without any event counts from here."""
        return self.lead.created_at

    def set_fact(self, name: str, value: Any) -> None:
        """Write one fact; None removes it. Rules that read it wake when it changed."""
        facts = self.facts
        old = facts.get(name)
        if old == value and old.__class__ is value.__class__:
            return
        if facts is self.original.facts:
            facts = self._copied_facts()
        if name not in self.before:
            self.before[name] = old
        self.changed.add(name)
        if value is None:
            del facts[name]
        else:
            facts[name] = value

    def read(self, name: str) -> Any:
        """Return a fact, or with ``event.`` a property of what is being looked at."""
        if name.startswith("event."):
            return self.properties.get(name.removeprefix("event."))
        return self.facts.get(name)

    def held(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The rules that hold at present, as the wake index asks for them."""
        return self.lead.holds, self.lead.truths

    def writable(self, name: str) -> dict[str, Any]:
        """Return one of the lead's maps to write in; it is copied the first time."""
        mine: dict[str, Any] = getattr(self.lead, name)
        if mine is getattr(self.original, name):
            mine = dict(mine)
            setattr(self.lead, name, mine)
        return mine

    def writable_windows(self) -> dict[str, Any]:
        """Return the states of windows to write in; they are copied the first time."""
        if self.windows is self.original.windows:
            self.windows = self.lead.windows = self.windows.copy()
        return self.windows

    def _copied_facts(self) -> dict[str, Any]:
        """Return a copy of the facts to write in; callers have seen that there is none yet."""
        self.facts = self.lead.facts = self.facts.copy()
        return self.facts

    def add_points(
        self,
        model: str,
        dimension: str,
        rule: str,
        points: Number,
        source: Source | None,
        reason: str = "",
    ) -> None:
        """Write a ledger line and the score it changes. Zero points are no line."""
        if points:
            fact, total = f"score.{model}.{dimension}", f"score.{model}.total"
            place = self.ruleset.definitions.place(source) if source else "removed"
            line = LedgerLine(
                self.now, model, dimension, rule, points, self.event.id, place,
                self.ruleset.version, reason,
            )  # fmt: skip
            self.add_line(line, fact, total)

    def add_line(self, line: LedgerLine, fact: str, total: str) -> None:
        """Write a ledger line and the two scores it changes."""
        self.decision.ledger.append(line)
        facts, before, points = self.facts, self.before, line.points
        if facts is self.original.facts:
            facts = self._copied_facts()
        for name in (fact, total):
            old = facts.get(name, 0)
            new = old + points
            facts[name] = new if new.__class__ is int else tidy(new)
            if name not in before:
                before[name] = old
        self.changed.update((fact, total))

    def came_true(self, key: str, when: Compiled) -> bool:
        """Whether a watched condition holds now and did not when last looked at.

        An edge such as ``rises_to`` is true only at its instant and so comes true each time.
        """
        if when.deadline is not None:
            self.arm(key, when.deadline(self))
        if not when.holds(self):
            self.forget("truths", key)
            return False
        if when.edge:
            return True
        if key in self.lead.truths:
            return False
        self.writable("truths")[key] = self.now
        return True

    def forget(self, name: str, key: str) -> None:
        """Remove a key from one of the lead's maps, if it is there."""
        if key in getattr(self.lead, name):
            del self.writable(name)[key]

    def happen(self, kind: str, at: int | None = None, /, **data: Any) -> None:
        """Note something for the timeline, now or ``at`` an instant; None values are left out."""
        if None in data.values():
            data = {k: v for k, v in data.items() if v is not None}
        self.decision.happenings.append(Happening(self.now if at is None else at, kind, data))

    def occur(self, kind: str, **properties: Any) -> None:
        """Let rules react to something of the engine's own, if any listens."""
        if kind in self.ruleset.reactions:
            self.queue.append(Occurrence(kind, self.event.id, self.now, properties))

    def arm(self, name: str, due: int | None) -> None:
        """Set or clear a named deadline."""
        timers = self.lead.timers
        if timers.get(name) == due:
            return
        if timers is self.original.timers:
            self.lead.timers = timers = timers.copy()
        if due is None:
            del timers[name]
        else:
            timers[name] = due

    def deliver(self, delivery: Delivery) -> None:
        """Hand something to the outbox."""
        self.decision.deliveries.append(delivery)

    def give_task(self, task: Task) -> None:
        """Make a to-do for a person."""
        self.decision.tasks.append(task)

    def request(
        self, kind: str, pool: str | None = None, reason: str = "", member: str | None = None
    ) -> None:
        """Ask the team machine; its answer comes back as an event."""
        self.lead.asked += 1
        key = f"{self.lead.id}:{kind}:{self.lead.asked}"
        self.decision.requests.append(Request(key, kind, self.now, pool, reason, member))
