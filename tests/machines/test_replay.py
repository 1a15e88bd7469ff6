"""A lead's log played again is the lead."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from engine.language.instants import DAY, HOUR
from engine.language.load import load_folder
from engine.machines.replay import Entry, replay
from engine.machines.state import Event, Lead, Teams
from engine.machines.turn import new_lead, take_turn
from engine.network.ruleset import Ruleset
from tests.machines.test_properties import CONFIG, STREAMS
from tests.play import START, rules, scoring


@pytest.fixture(scope="module")
def ruleset() -> Ruleset:
    """The default configuration."""
    loaded = load_folder(CONFIG)
    assert loaded.definitions is not None, loaded.diagnostics
    return Ruleset(loaded.definitions)


class Live:
    """A lead as a host runs it: woken at each deadline, everything logged."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.lead = new_lead(ruleset, "l", START + HOUR)
        self.teams = Teams()
        self.log: list[Entry] = []
        self.ledger: list[Any] = []
        self.states: list[tuple[int, Lead]] = []

    def take(self, event: Event, now: int) -> None:
        turn = take_turn(self.ruleset, self.lead, self.teams, event, now)
        self.lead, self.teams = turn.lead, turn.teams
        self.log += (Entry(entry.event, now) for entry in turn.entries)
        self.ledger += (line for entry in turn.entries for line in entry.decision.ledger)
        self.states.append((now, self.lead))

    def wake(self, until: int) -> None:
        while self.lead.wake_at is not None and self.lead.wake_at <= until:
            due = self.lead.wake_at
            self.take(Event(f"wake:{due}", "timer_due", due, channel="engine"), due)


@settings(max_examples=60, deadline=None)
@given(STREAMS)
def test_the_log_gives_the_lead_of_any_instant(ruleset: Ruleset, stream: list[Any]) -> None:
    """Replayed up to an instant, the log gives the state and the ledger that the lead had then."""
    live, now = Live(ruleset), START
    for number, (gap, (kind, fields, properties)) in enumerate(stream):
        now += (gap if number else 1) * HOUR
        live.wake(now)
        live.take(Event(f"e{number}", kind, now, fields, properties), now)
    for index, (at, lead) in enumerate(live.states):
        if index + 1 < len(live.states) and live.states[index + 1][0] == at:
            continue  # one instant, several decisions: the last one stands
        replayed = replay(ruleset, "l", live.log, at)
        assert replayed is not None
        assert replayed.lead == lead
    assert replayed is not None
    assert list(replayed.past.ledger) == live.ledger
    assert [entry.event for entry in live.log] == list(replayed.past.events)


def test_before_its_first_event_there_is_no_lead(ruleset: Ruleset) -> None:
    """A lead that has not come yet is nobody."""
    entry = Entry(Event("e", "chat_started", START), START)
    assert replay(ruleset, "l", [entry], START - 1) is None
    assert replay(ruleset, "l", [entry], START) is not None


def test_time_goes_on_after_the_last_event(tmp_path: Path) -> None:
    """Looking ahead meets the deadlines to come, as if nothing else happened."""
    idle = "{id: idle, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -10, repeat: each}"
    ruleset = rules(tmp_path, scoring=scoring(idle))
    log = [Entry(Event("e", "chat_started", START), START)]
    for days, points in ((29, 0), (30, -10), (89, -20), (90, -30)):
        replayed = replay(ruleset, "l", log, START + days * DAY)
        assert replayed is not None
        assert replayed.lead.facts["score.default.total"] == points
