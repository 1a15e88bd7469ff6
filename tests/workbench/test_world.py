"""The simulated world: time, receipts, teams and identities."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from engine.language.instants import DAY, HOUR
from engine.machines.state import Event, Lead
from engine.network.ruleset import Ruleset
from engine.workbench.clockwork import NoProgress
from engine.workbench.world import World

START = 1_772_413_200_000  # 2026-03-02T09:00:00+08:00
SCORING = """
models:
  default:
    dimensions: {behavior: {}}
    rules:
      - {id: viewed, dimension: behavior, event: page_viewed, points: 90, repeat: once}
      - {id: idle, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -10, repeat: each}
"""
ROUTING = """
teams:
  east:
    members: [{id: a, name: 甲}, {id: b, name: 乙}, {id: c, name: 丙}]
rules:
  - {id: all, assign: {team: east, strategy: round_robin}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
"""
JOURNEYS = """
journeys:
  - id: hot
    enter: {when: {score.total: {rises_to: 80}}}
    steps: [{id: assign, route: {}}]
"""


def viewed(number: int) -> Event:
    """A page view that makes a lead hot."""
    return Event(f"e{number}", "page_viewed", START)


def test_leads_rotate_over_the_members(rules: Callable[..., Ruleset]) -> None:
    """Six hot leads at one instant go to three members twice around, in order."""
    world = World(rules(scoring=SCORING, routing=ROUTING, journeys=JOURNEYS), START)
    for number in range(6):
        world.take(viewed(number), [("user_id", str(number))])
    owners = [lead.facts["owner"] for lead in world.leads.values()]
    assert owners == ["a", "b", "c", "a", "b", "c"]


def test_identities_lead_to_the_same_lead(rules: Callable[..., Ruleset]) -> None:
    """Somebody known by e-mail is the same person when a phone number comes along."""
    world = World(rules(scoring=SCORING), START)
    first = world.take(viewed(1), [("email", "a@b.cn")])
    assert world.take(viewed(2), [("email", "a@b.cn"), ("phone", "+8613800000000")]) == first
    assert world.take(viewed(3), [("phone", "+8613800000000")]) == first
    assert world.take(viewed(4), [("phone", "+8613900000000")]) != first


def test_every_deadline_is_met_at_its_own_instant(rules: Callable[..., Ruleset]) -> None:
    """A year passes in one call and each idle period is scored when it ends."""
    world = World(rules(scoring=SCORING), START)
    world.take(viewed(1), [("user_id", "1")])
    world.advance(START + 365 * DAY)
    lines = [line for m in world.log for line in m.decision.ledger if line.rule == "idle"]
    assert [line.at for line in lines] == [START + n * 30 * DAY for n in range(1, 13)]
    assert world.now == START + 365 * DAY


def test_time_never_goes_back(rules: Callable[..., Ruleset]) -> None:
    """Advancing to an instant that has passed changes nothing."""
    world = World(rules(scoring=SCORING), START)
    world.advance(START - HOUR)
    assert world.now == START


def test_a_send_comes_back_as_a_receipt(default_rules: Ruleset) -> None:
    """What is sent is reported as sent, with its message, journey and step, as a server would."""
    world = World(default_rules, START)
    who = {"email": "wang@acme-valves.cn"}
    world.take(Event("e1", "form_submitted", START, who, {"form": "contact"}), [("user_id", "1")])
    receipts = [m.event for m in world.log if m.event.id.startswith("receipt:")]
    assert [r.type for r in receipts] == ["email_sent"]
    assert receipts[0].properties["message"] == "welcome"
    assert receipts[0].properties["journey"] == "welcome"
    assert receipts[0].properties["step"] == "hello"


def test_a_deadline_that_does_not_pass_is_an_error(rules: Callable[..., Ruleset]) -> None:
    """A lead that asks to be woken at the same instant for ever is found, not waited for."""
    world = World(rules(scoring=SCORING), START)
    stuck = Lead("stuck", START, START, facts={"stage": "new"}, timers={"nothing:x": START})

    class Stuck(World):
        def post(self, event: Event, lead: str) -> None:
            self.put(stuck)

    stubborn = Stuck(world.ruleset, START)
    stubborn.put(stuck)
    with pytest.raises(NoProgress, match="stuck"):
        stubborn.advance(START + DAY)
