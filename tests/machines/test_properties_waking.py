"""When a host wakes a lead, how it batches, and where state is kept change nothing."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.instants import DAY
from engine.machines.state import Event, Happening, Lead, LedgerLine, Teams
from engine.machines.turn import new_lead, take_turn
from engine.network.ruleset import Ruleset
from tests.machines.generators import GAPS, Data, Step, streams
from tests.machines.rulesets import built, plans
from tests.play import START

MANY = settings(deadline=None, max_examples=150)
END = 60 * DAY  # after the last event: by then every deadline of the generated spans is over


class Host:
    """One lead run through take_turn; ``lines`` and ``entered`` are what happened to it.

    ``extra`` are instants at which it is woken for no reason.
    """

    def __init__(self, ruleset: Ruleset, extra: Sequence[int] = (), stored: bool = False) -> None:
        self.ruleset = ruleset
        self.extra = sorted(extra)
        self.stored = stored
        self.now = START
        self.lead: Lead = new_lead(ruleset, "王芳", START)
        self.teams = Teams()
        self.lines: list[LedgerLine] = []
        self.happened: list[Happening] = []
        self.take(Event("first", "note_added", START))

    def take(self, event: Event) -> None:
        """Take a turn; a ``stored`` lead is written to JSON and read again in between."""
        turn = take_turn(self.ruleset, self.lead, self.teams, event, self.now)
        self.lead, self.teams = turn.lead, turn.teams
        if self.stored:
            self.lead = msgspec.json.decode(msgspec.json.encode(self.lead), type=Lead)
        for entry in turn.entries:
            self.lines += entry.decision.ledger
            self.happened += entry.decision.happenings

    def wake(self) -> None:
        """Wake the lead now."""
        self.take(Event(f"wake:{self.now}", "timer_due", self.now))

    def reach(self, instant: int, how: str) -> None:
        """Let time pass: woken at every deadline, once afterwards, or by nobody."""
        while how == "prompt" and (due := self._next(instant)) is not None:
            self.now = max(self.now, due)
            self.wake()
            assert self.lead.wake_at is None or self.lead.wake_at > self.now, self.lead.timers
        self.now = instant
        if how == "late":
            self.wake()

    def _next(self, until: int) -> int | None:
        """The next deadline or extra instant; each extra one is used once."""
        extra = self.extra.pop(0) if self.extra and self.extra[0] <= until else None
        deadline = self.lead.wake_at
        due = min((d for d in (deadline, extra) if d is not None), default=None)
        if extra is not None and due != extra:
            self.extra.insert(0, extra)
        return due if due is not None and due <= until else None

    def play(self, stream: Sequence[Step], hows: Sequence[str]) -> None:
        """Play a stream; ``hows`` says for each step how the clock gets there."""
        for number, (step, how) in enumerate(zip(stream, hows, strict=True)):
            self.reach(self.now + step.gap, how)
            if step.kind is not None:
                self.take(step.event(number, self.now))
        self.reach(self.now + END, hows[0] if hows[0] != "none" else "late")
        self.wake()

    def outcome(self) -> Any:
        """The lead and all that happened to it, without what names the waking itself."""
        lead = msgspec.structs.replace(self.lead, updated_at=0)
        lines = [(n.at, n.model, n.dimension, n.rule, n.points, n.reason) for n in self.lines]
        return msgspec.to_builtins(lead), lines, [(h.at, h.kind, h.data) for h in self.happened]


def _same(one: Host, other: Host) -> None:
    for ours, theirs in zip(one.outcome(), other.outcome(), strict=True):
        assert ours == theirs


@MANY
@given(plan=plans(), stream=streams(odd=False), data=st.data())
def test_a_late_wake_equals_a_prompt_one(plan: Data, stream: list[Step], data: Any) -> None:
    """After an outage every deadline is met at its own instant: the ledger's lines say so."""
    ways = st.lists(
        st.sampled_from(["late", "none", "prompt"]), min_size=len(stream), max_size=len(stream)
    )
    ruleset = built(plan)
    prompt, late = Host(ruleset), Host(ruleset)
    prompt.play(stream, ["prompt"] * len(stream))
    late.play(stream, data.draw(ways))
    _same(prompt, late)


@MANY
@given(
    plan=plans(),
    stream=streams(odd=False),
    gaps=st.lists(GAPS, min_size=1, max_size=12),
)
def test_waking_at_other_instants_changes_nothing(
    plan: Data, stream: list[Step], gaps: list[int]
) -> None:
    """A wake when nothing is due decides nothing, wherever it falls between the events."""
    extra = [START + sum(gaps[: i + 1]) for i in range(len(gaps))]
    ruleset = built(plan)
    plain, restless = Host(ruleset), Host(ruleset, extra)
    for host in (plain, restless):
        host.play(stream, ["prompt"] * len(stream))
    _same(plain, restless)


@MANY
@given(plan=plans(), stream=streams())
def test_a_lead_that_is_written_and_read_again_decides_as_before(
    plan: Data, stream: list[Step]
) -> None:
    """State is plain data: a batch may end, and the process too, after any event."""
    hows = [step.how for step in stream]
    ruleset = built(plan)
    kept, stored = Host(ruleset), Host(ruleset, stored=True)
    for host in (kept, stored):
        host.play(stream, hows)
    assert msgspec.json.encode(kept.lead) == msgspec.json.encode(stored.lead)
    _same(kept, stored)


@MANY
@given(plan=plans(), stream=streams(odd=False), data=st.data())
def test_splitting_a_batch_changes_nothing(plan: Data, stream: list[Step], data: Any) -> None:
    """Events of one batch share an instant; wakes and storage between them make no difference."""
    cuts = data.draw(st.lists(st.booleans(), min_size=len(stream), max_size=len(stream)))
    ruleset = built(plan)
    whole, split = Host(ruleset), Host(ruleset, stored=True)
    for number, (step, cut) in enumerate(zip(stream, cuts, strict=True)):
        for host in (whole, split):
            if step.kind is not None:
                host.take(step.event(number, host.now))
        if cut:
            split.wake()
    for host in (whole, split):
        host.reach(START + END, "prompt")
    _same(whole, split)
