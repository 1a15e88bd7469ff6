"""How far the short way of events reaches: leads in journeys, under caps, with running clocks."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from engine.language.instants import DAY, HOUR
from engine.machines.arrival import arrival
from engine.machines.lead import NONE, decide, new_lead
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from tests.machines.test_routine import PRICES, SCORING, VISITS, both_ways, is_short
from tests.play import START, Play, rules

JOURNEYS = """
journeys:
  - id: 欢迎
    enter: {event: form_submitted}
    exit: {event: order_placed}
    goal: {event: contract_signed}
    steps:
      - {id: 稍等, wait: 1d}
      - {id: 打开, wait: {event: [page_viewed, email_clicked], within: 30d}, then: 再等, else: end}
      - {id: 再等, wait: 2d}
"""


@pytest.mark.parametrize(
    ("kind", "day", "short"),
    [
        ("page_viewed", 0.5, True),  # its step is not reached yet
        ("page_viewed", 3, False),
        ("email_clicked", 3, False),
        ("video_watched", 3, True),
        ("order_placed", 0.5, False),
        ("contract_signed", 3, False),
        ("form_submitted", 3, False),
        ("form_submitted", 0.5, False),
    ],
)
def test_a_journey_hears_what_ends_it_and_what_its_present_step_waits_for(
    tmp_path: Path, kind: str, day: float, short: bool
) -> None:
    """Other events of a lead in a journey take the short way, and all once it has left it."""
    play = Play(rules(tmp_path, scoring=SCORING, journeys=JOURNEYS))
    play.event("0h", "form_submitted")
    if day > 1:
        play.event("25h", "timer_due")
    assert play.lead.facts["journey.欢迎"] == ("稍等" if day < 1 else "打开")
    event = Event("e", kind, START + int(day * DAY))
    assert is_short(play.ruleset, play.lead, event, event.at) is short
    both_ways(play.ruleset, play.lead, event, event.at)
    play.event("4d", "order_placed")
    late = Event("late", kind, START + 5 * DAY)
    assert is_short(play.ruleset, play.lead, late, late.at) is (kind != "form_submitted")
    both_ways(play.ruleset, play.lead, late, late.at)


@settings(deadline=None, max_examples=60)
@given(visits=VISITS)
def test_a_lead_on_its_way_through_journeys_is_decided_alike(visits: list[Any]) -> None:
    """Both ways agree at each step, whoever hears the event."""
    ruleset, now = journeying(), START
    lead = decide(
        ruleset, new_lead(ruleset, "韩梅", now), Event("0", "form_submitted", now), now
    ).lead
    for number, (gap, late, kind) in enumerate(visits):
        now += gap
        event = Event(f"e{number}", kind, now - late, {}, PRICES.get(kind, {}))
        lead = both_ways(ruleset, lead, event, now).lead


@cache
def journeying() -> Ruleset:
    """Two journeys, one entered by an event, one by a score."""
    with tempfile.TemporaryDirectory() as folder:
        hot = "  - {id: 高分, enter: {when: {score.total: {rises_to: 5}}}, steps: [{id: 等, wait: 3d}]}\n"
        return rules(Path(folder), scoring=SCORING, journeys=JOURNEYS + hot)


CAPPED = """
models:
  default:
    dimensions: {behavior: {max: 12, min: -2}}
    rules:
      - {id: 看价格, dimension: behavior, event: page_viewed, points: 5, repeat: each}
      - {id: 退回, dimension: behavior, event: email_clicked, points: -6, repeat: each}
    grades: [{grade: A, from: 8}, {grade: C, from: -9}]
"""


def test_points_within_their_limits_take_the_short_way(tmp_path: Path) -> None:
    """Up to the cap and down to the floor; what that takes off, and its end, take the long way."""
    play = Play(rules(tmp_path, scoring=CAPPED))
    play.event("0h", "note_added")
    up, down = ("page_viewed", "email_clicked")
    scores = []
    for hour, (kind, short) in enumerate(
        ((up, True), (up, True), (up, False), (down, False), (down, True), (down, False)), 1
    ):
        event = Event(f"e{hour}", kind, START + hour * HOUR)
        assert is_short(play.ruleset, play.lead, event, event.at) is short
        play.lead = both_ways(play.ruleset, play.lead, event, event.at).lead
        scores.append(play.lead.facts["score.default.behavior"])
    assert scores == [5, 10, 12, 9, 3, -2]


ROUTING = """
teams:
  销售: {members: [{id: li.lei, name: 李雷}]}
rules:
  - {id: rest, assign: {pool: public}}
sla:
  - {id: 快, accept: 1h}
pools:
  public: {}
"""


def test_clocks_are_met_the_long_way_alone(tmp_path: Path) -> None:
    """Of a lead whose owner is waited for, only what may meet a clock needs more."""
    play = Play(rules(tmp_path, scoring=SCORING, routing=ROUTING))
    play.event("0h", "lead_assigned", owner="li.lei", team="销售")
    assert play.lead.clocks
    for kind, short in (("page_viewed", True), ("message_sent", False), ("lead_accepted", False)):
        event = Event("e", kind, START + HOUR // 2)
        assert is_short(play.ruleset, play.lead, event, event.at) is short
        both_ways(play.ruleset, play.lead, event, event.at)


def test_new_fields_take_the_long_way_where_a_journey_or_a_clock_hears_the_event(
    tmp_path: Path,
) -> None:
    """As do those that come with an event whose points a cap has a say in."""
    capped = CAPPED.replace("max: 12", "max: 4")
    play = Play(rules(tmp_path, scoring=capped, journeys=JOURNEYS, routing=ROUTING))
    ruleset = play.ruleset
    assert ruleset.direct is not None
    play.event("0h", "form_submitted")
    play.event("25h", "lead_assigned", owner="li.lei", team="销售")

    def is_brief(kind: str) -> bool:
        event = Event("e", kind, play.lead.updated_at, {"city": "苏州"})
        reaction = ruleset.reactions.get(kind, NONE)
        found = reaction.rules.find({}) if reaction.rules is not None else ()
        both_ways(ruleset, play.lead, event, event.at)
        return arrival(ruleset, play.lead, event, event.at, reaction, found) is not None

    assert is_brief("video_watched")
    assert not is_brief("order_placed")
    assert not is_brief("lead_accepted")
    assert not is_brief("page_viewed")
    play.event("26h", "order_placed")
    assert is_brief("order_placed")
    assert not is_brief("page_viewed")
