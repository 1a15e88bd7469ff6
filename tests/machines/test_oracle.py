"""The engine against an independent judge that looks at the whole past again each time.

Each generated condition stands in two scoring rules: one that holds while the condition does,
so that its truth can be read from its dimension at any instant, and one that fires for each
event at whose arrival the condition holds.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from engine.machines.lead import decide, new_lead
from engine.machines.state import Decision, Event
from engine.network.ruleset import Ruleset
from tests.machines.generators import (
    CENTS,
    EDGES,
    LASTING,
    NAMED,
    PAYING,
    TEMPORAL,
    TYPES,
    WITH_GUARDS,
    Data,
    Step,
    aggregates,
    crowded_conditions,
    crowded_streams,
    streams,
    with_edge,
)
from tests.machines.oracle import Past
from tests.machines.rulesets import behaviour, compiled, one_model
from tests.play import START

ALL_TYPES = sorted({*TYPES, *PAYING})
MANY = settings(deadline=None, max_examples=150)


def level_rule(index: int, condition: Data) -> Data:
    """A rule whose dimension is 1 while the condition holds."""
    return {"id": f"level-{index}", "dimension": f"l{index}", "when": condition, "points": 1}


def event_rule(index: int, condition: Data) -> Data:
    """A rule that fires for each event at whose arrival the condition holds."""
    return {
        "id": f"event-{index}",
        "dimension": f"e{index}",
        "event": ALL_TYPES,
        "when": condition,
        "points": 1,
        "repeat": "each",
    }


class Match:
    """One lead in the engine and in the judge's books, compared after everything."""

    def __init__(self, levels: Sequence[Data], on_events: Sequence[Data]) -> None:
        rules = [level_rule(i, c) for i, c in enumerate(levels)]
        rules += [event_rule(i, c) for i, c in enumerate(on_events)]
        self.levels, self.on_events = levels, on_events
        self.ruleset: Ruleset = compiled(one_model(rules), named=NAMED)
        self.past = Past(START, behaviour(), NAMED)
        self.now = START
        self.lead = new_lead(self.ruleset, "王芳", START)
        self._decide(Event("first", "note_added", START))
        self.compare()

    def play(self, stream: Sequence[Step]) -> None:
        """Let a stream happen to both and compare whenever the engine has looked."""
        for number, step in enumerate(stream):
            self.pass_time(step.gap, step.how)
            if step.kind is not None:
                self.take(step.event(number, self.now))

    def pass_time(self, gap: int, how: str) -> None:
        """Let time pass, waking the lead at its deadlines, once at the end, or not at all."""
        until = self.now + gap
        while how == "prompt" and self.lead.wake_at is not None and self.lead.wake_at <= until:
            # A deadline that history left behind is met at the present.
            self.now = max(self.lead.wake_at, self.now)
            due = self.lead.wake_at
            self._wake()
            self.compare()
            assert self.lead.wake_at is None or self.lead.wake_at > due
        self.now = until
        if how != "none":
            if how == "late":
                self._wake()
            self.compare()

    def take(self, event: Event) -> None:
        """Let an event happen to both; only live ones move conditions that the clock moves."""
        self.past.take(event)
        fired = self._decide(event).fired
        if not event.bot:
            wanted = [
                f"event-{i}" for i, c in enumerate(self.on_events) if self.past.holds(c, self.now)
            ]
            assert [id for id in fired if id.startswith("event-")] == wanted
        self.past.before = self.past.facts
        if not event.history:
            self.compare()

    def compare(self) -> None:
        """The engine's truths at this instant are the judge's."""
        ours = [bool(self.lead.facts[f"score.default.l{i}"]) for i in range(len(self.levels))]
        theirs = [self.past.holds(c, self.now) for c in self.levels]
        assert ours == theirs, (self.now - START, self.levels)

    def _wake(self) -> None:
        self._decide(Event(f"wake:{self.now}", "timer_due", self.now))

    def _decide(self, event: Event) -> Decision:
        decision = decide(self.ruleset, self.lead, event, self.now)
        self.lead = decision.lead
        return decision


def conditions(kind: Any) -> st.SearchStrategy[list[Data]]:
    """Several conditions in one ruleset: they may share windows."""
    return st.lists(kind, min_size=1, max_size=4)


@settings(MANY, max_examples=300)
@given(said=conditions(TEMPORAL), stream=streams(profiles=False))
def test_aggregates_and_absences_hold_when_the_whole_past_says_so(
    said: list[Data], stream: list[Step]
) -> None:
    """At every instant, for late, equal, early-dated and historical events, woken as it may be."""
    Match(said, said).play(stream)


@MANY
@given(said=conditions(LASTING), stream=streams())
def test_any_lasting_condition_holds_when_the_whole_past_says_so(
    said: list[Data], stream: list[Step]
) -> None:
    """Fields, groups, negation and named conditions beside windows."""
    Match(said, said).play(stream)


@MANY
@given(said=conditions(WITH_GUARDS), edges=conditions(EDGES), stream=streams(odd=False))
def test_conditions_of_an_event_rule_are_judged_at_its_arrival(
    said: list[Data], edges: list[Data], stream: list[Step]
) -> None:
    """Time of day and edges are true at an instant: that of the event."""
    mixed = [with_edge(s, e) for s, e in zip(said, edges, strict=False)]
    Match([], [*said, *edges, *mixed]).play(stream)


def order(gap: int, amount: float) -> Step:
    """An order that comes so long after what was before."""
    return Step(gap, "late", "order_placed", properties={"amount": amount})


DIME = {"event": "order_placed", "of": "amount", "eq": 0.8}


@MANY
@example(said=[{"sum": DIME}], stream=[order(0, 0.1), order(1, 0.7)])
@example(said=[{"sum": DIME | {"within": "1h"}}], stream=[order(0, 0.1), order(1, 0.7)])
@example(
    said=[{"sum": DIME | {"within": "1s"}}],
    stream=[order(0, 19.99), order(500, 0.1), order(100, 0.7), Step(400, "prompt")],
)
@given(said=conditions(aggregates(CENTS)), stream=streams(amounts=CENTS, profiles=False))
def test_sums_of_money_are_what_a_person_adds_up_on_paper(
    said: list[Data], stream: list[Step]
) -> None:
    """0.1 and 0.2 are 0.3, and what leaves a window leaves nothing behind."""
    Match(said, said).play(stream)


@settings(MANY, max_examples=400)
@given(
    said=st.lists(crowded_conditions(), min_size=3, max_size=6),
    stream=crowded_streams(),
)
def test_a_crowded_window_is_right_at_every_bound(said: list[Data], stream: list[Step]) -> None:
    """Many events in one hour, out of order, at equal instants and at its very edges."""
    Match(said, said).play(stream)
