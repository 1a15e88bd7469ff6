"""What is told of one rule and one lead: its conditions, what stands in its way, what was seen."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import msgspec

from engine.language.definitions import Condition
from engine.language.diagnostic import Source
from engine.language.instants import format_instant
from engine.language.label import Text
from engine.machines.state import Event, Happening, Lead, LedgerLine
from engine.machines.work import Work
from engine.network.condition import Compiled, canonical
from engine.network.explain import Explanation, explain
from engine.network.ruleset import Ruleset
from engine.network.waking import Wake

MOST_SEEN: Final = 10  # occurrences shown, the newest first
# Happenings that rules hear as events of the engine's own, and under which name.
_HEARD_AS: Final = {
    "stage": "stage_changed",
    "grade": "grade_changed",
    **{kind: kind for kind in ("journey_entered", "journey_left", "sla_breached")},
}


class Past(msgspec.Struct, frozen=True):
    """A lead's way so far, oldest first: its events, its ledger and what was decided."""

    events: Sequence[Event] = ()
    ledger: Sequence[LedgerLine] = ()
    happenings: Sequence[Happening] = ()


class Look(msgspec.Struct, frozen=True):
    """One condition of a rule as it stands; ``role``: when, enter, exit, goal, pause."""

    role: str
    tree: Explanation


class Obstacle(msgspec.Struct, frozen=True):
    """One thing in a rule's way. ``code`` is stable; at ``until`` it goes by itself."""

    code: str
    text: str
    until: int | None = None


class Seen(msgspec.Struct, frozen=True):
    """An event that a rule listens for, and what became of it; ``tree`` is its ``where``."""

    event: str
    type: str
    at: int
    counted: bool
    outcome: str
    tree: Explanation | None = None


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """All that is to be said of a rule and a lead at the instant ``at``.

    ``active``: it has its effect now, as ``effect`` says in words. ``obstacles`` say why it has
    not; ``timers`` are its own deadlines, as (instant, name).
    """

    kind: str
    id: str
    name: str
    label: Text | None
    source: Source
    at: int
    active: bool
    effect: str
    looks: tuple[Look, ...] = ()
    obstacles: tuple[Obstacle, ...] = ()
    seen: tuple[Seen, ...] = ()
    wakes: tuple[Wake, ...] = ()
    timers: tuple[tuple[int, str], ...] = ()


class Case:
    """One rule being looked into: the lead at an instant as conditions read it, and its past."""

    def __init__(self, ruleset: Ruleset, lead: Lead, past: Past, now: int) -> None:
        self.ruleset = ruleset
        self.lead = lead
        self.past = past
        self.now = now
        self.view = Work(ruleset, lead, Event("explain", "timer_due", now), now)

    def look(
        self,
        role: str,
        when: Compiled | None,
        definition: Condition | None,
        events: Sequence[str] = (),
    ) -> list[Look]:
        """Return the look at one condition, none where there is none.

        One that is asked when an event comes reads the properties of the latest of ``events``.
        """
        if when is None:
            return []
        heard = self.heard(events)
        self.view.properties = heard[0].properties if heard else {}
        return [Look(role, explain(when, self.view, definition))]

    def where(self, definition: Condition | None, event: Event) -> Explanation | None:
        """Return how an event's properties fit a ``where``."""
        if definition is None:
            return None
        self.view.properties = event.properties
        compiled = self.ruleset.conditions[canonical(definition)]
        return explain(compiled, self.view, definition, "event.")

    def heard(self, types: Iterable[str]) -> list[Event]:
        """Return what came of these types, newest first; the engine's own from the timeline."""
        wanted = set(types)
        found = [event for event in self._occurrences() if event.type in wanted]
        return sorted(found, key=lambda event: event.at, reverse=True)

    def _occurrences(self) -> Iterator[Event]:
        yield from self.past.events
        known = {event.type for event in self.past.events}
        for happening in self.past.happenings:
            kind = _HEARD_AS.get(happening.kind)
            if kind is not None and kind not in known:
                yield Event("", kind, happening.at, properties=happening.data, channel="engine")


def condition_fails(looks: Sequence[Look]) -> list[Obstacle]:
    """Return the obstacle of a condition that does not hold."""
    if all(look.tree.holds for look in looks):
        return []
    tree = next(look.tree for look in looks if not look.tree.holds)
    missing = sum(not node.holds for node in tree.nodes() if not node.items)
    text = "its condition does not hold"
    return [Obstacle("condition", text if missing < 2 else f"{text}: {missing} parts are false")]


def nothing_heard(types: Sequence[str], seen: Sequence[Seen]) -> list[Obstacle]:
    """Return the obstacle of an event that never came."""
    if seen or not types:
        return []
    several = "none of" if len(types) > 1 else "no"
    return [Obstacle("event", f"{several} {', '.join(types)} has come")]


def nothing_fits(seen: Sequence[Seen]) -> list[Obstacle]:
    """Return the obstacle of events that came and did not count."""
    if not seen or any(each.counted for each in seen):
        return []
    which = "the only event" if len(seen) == 1 else f"none of the latest {len(seen)} events"
    verb = "did not count" if len(seen) == 1 else "counted"
    return [Obstacle("where", f"{which} {verb}: {seen[0].outcome}")]


def overdue(lead: Lead, timer: str, now: int) -> list[Obstacle]:
    """Return the obstacle of a deadline that has come while nobody woke the lead."""
    due = lead.timers.get(timer)
    if due is None or due > now:
        return []
    text = f"its deadline of {said(due)} has come; a running server wakes the lead for it"
    return [Obstacle("overdue", text)]


def said(instant: int) -> str:
    """Return an instant for a sentence."""
    return format_instant(instant)
