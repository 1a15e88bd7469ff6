"""The whole ladder of an SLA on a simulated clock: weekends, Spring Festival, far years."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from engine.language.instants import parse_instant
from engine.machines.state import Event, Lead, Teams
from engine.machines.turn import new_lead, take_turn
from engine.network.ruleset import Ruleset
from tests.play import rules

ROUTING = """
teams: {east: {supervisor: zhou, members: [{id: li}]}}
rules: [{id: all, assign: {team: east}}, {id: rest, assign: {pool: public}}]
sla:
  - id: follow-up
    notify: 10m
    accept: 1h
    first_contact: 24 working_hours
    calendar: cn
    on_breach:
      - {after: 8 working_hours, do: remind}
      - {after: 2 working_days, do: escalate}
      - {after: 27 working_hours, do: recycle, to: public}
pools: {public: {}}
"""
ROUTE = "journeys:\n  - {id: r, enter: {event: trial_requested}, steps: [{id: go, route: {}}, {id: w, wait: 900d}]}\n"
CONTACTED = "call_logged"


class Life:
    """One lead from an instant on."""

    def __init__(self, ruleset: Ruleset, at: str) -> None:
        self.ruleset = ruleset
        self.lead: Lead = new_lead(ruleset, "l", parse_instant(at))
        self.teams = Teams()
        self.breached: dict[str, int] = {}
        self.tasks: dict[str, tuple[str | None, int]] = {}  # by title: whose, and since when
        self.event("trial_requested", at)

    def event(self, kind: str, at: str, **properties: Any) -> None:
        """Let something happen; deadlines before it are met in their time."""
        self.event_at(kind, parse_instant(at), **properties)

    def event_at(self, kind: str, instant: int, **properties: Any) -> None:
        """The same, for an instant in milliseconds."""
        self.until(instant)
        self._take(Event(f"{kind}-{instant}", kind, instant, properties=properties), instant)

    def until(self, instant: int) -> None:
        """Let time pass; a deadline of that very instant is met."""
        while self.lead.wake_at is not None and self.lead.wake_at <= instant:
            due = self.lead.wake_at
            self._take(Event(f"wake:{due}", "timer_due", due), due)

    def _take(self, event: Event, now: int) -> None:
        turn = take_turn(self.ruleset, self.lead, self.teams, event, now)
        self.lead, self.teams = turn.lead, turn.teams
        for entry in turn.entries:
            self.tasks |= {t.title: (t.owner, t.created_at) for t in entry.decision.tasks}
            for each in entry.decision.happenings:
                if each.kind == "sla_breached":
                    self.breached[each.data["rung"]] = each.at

    def breaches(self, until: str) -> dict[str, int]:
        """Return when each clock ran out and each rung was reached up to an instant."""
        self.until(parse_instant(until))
        return self.breached


TIMES = {
    # A Friday afternoon, over a plain weekend.
    "2026-03-06T16:00:00+08:00": {
        "notify": "2026-03-06T16:10:00+08:00",
        "accept": "2026-03-06T17:00:00+08:00",
        "remind": "2026-03-09T15:00:00+08:00",
        "escalate": "2026-03-10T16:00:00+08:00",
        "first_contact": "2026-03-11T13:00:00+08:00",
        "recycle": "2026-03-11T16:00:00+08:00",
    },
    # 春节: Saturday 14 February is worked, then nine days are off.
    "2026-02-13T16:00:00+08:00": {
        "notify": "2026-02-13T16:10:00+08:00",
        "accept": "2026-02-13T17:00:00+08:00",
        "remind": "2026-02-14T15:00:00+08:00",
        "escalate": "2026-02-24T16:00:00+08:00",
        "first_contact": "2026-02-25T13:00:00+08:00",
        "recycle": "2026-02-25T16:00:00+08:00",
    },
    # A year that nobody has announced: the festival by the lunar calendar, Tuesday to Friday.
    "2028-01-21T16:00:00+08:00": {
        "notify": "2028-01-21T16:10:00+08:00",
        "accept": "2028-01-21T17:00:00+08:00",
        "remind": "2028-01-24T15:00:00+08:00",
        "escalate": "2028-01-31T16:00:00+08:00",
        "first_contact": "2028-02-01T13:00:00+08:00",
        "recycle": "2028-02-01T16:00:00+08:00",
    },
}


@pytest.mark.parametrize("at", TIMES)
def test_every_clock_and_rung(tmp_path: Path, at: str) -> None:
    """SLA-1, SLA-2, SLA-5: minutes count at all hours, working hours and days by the calendar."""
    life = Life(rules(tmp_path, routing=ROUTING, journeys=ROUTE), at)
    expected = {rung: parse_instant(time) for rung, time in TIMES[at].items()}
    found = life.breaches(f"{int(at[:4]) + 1}-01-01T00:00:00+08:00")
    assert {rung: time for rung, time in found.items() if rung in expected} == expected
    assert (life.lead.facts.get("owner"), life.lead.facts["pool"]) == (None, "public")
    assert list(found)[-1] == "recycle"


def test_contact_in_time_ends_all(tmp_path: Path) -> None:
    """SLA-4: who calls on the last working day before the festival is not chased during it."""
    life = Life(rules(tmp_path, routing=ROUTING, journeys=ROUTE), "2026-02-13T16:00:00+08:00")
    life.event("lead_accepted", "2026-02-13T16:05:00+08:00")
    life.event(CONTACTED, "2026-02-14T10:00:00+08:00")
    assert life.breaches("2026-03-31T00:00:00+08:00") == {}
    assert {c.status for c in life.lead.clocks.values()} == {"met"}
    assert life.lead.facts["owner"] == "li"
