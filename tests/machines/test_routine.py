"""The short way of most events against the long way of all of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.instants import DAY, HOUR
from engine.machines.lead import NONE, decide, decide_at_length, new_lead
from engine.machines.routine import Longer, routine
from engine.machines.state import Decision, Event, Lead
from engine.network.ruleset import Ruleset
from tests.machines.generators import Data, Step, streams
from tests.machines.rulesets import built, compiled, one_model, plans
from tests.play import START, Play, rules

PRICES: Data = {"page_viewed": {"page": "pricing"}, "email_clicked": {"url": "https://例子.cn"}}


def both_ways(ruleset: Ruleset, lead: Lead, event: Event, now: int) -> Decision:
    """Decide both ways, which must agree to the last byte and leave the lead as it was."""
    given_lead = msgspec.json.encode(lead)
    reaction = ruleset.reactions.get(event.type, NONE)
    found = reaction.rules.find(event.properties) if reaction.rules is not None else ()
    short = decide(ruleset, lead, event, now)
    long = decide_at_length(ruleset, lead, event, now, reaction, found)
    assert msgspec.json.encode(short) == msgspec.json.encode(long)
    assert msgspec.json.encode(lead) == given_lead
    return short


def is_short(ruleset: Ruleset, lead: Lead, event: Event, now: int) -> bool:
    """Whether an event takes the short way."""
    reaction = ruleset.reactions.get(event.type, NONE)
    if reaction.counts is None:
        return False
    return not isinstance(routine(ruleset, event.type, reaction)(lead, event, now), Longer)


@settings(deadline=None, max_examples=300)
@given(plan=plans(), stream=streams())
def test_the_short_way_decides_what_the_long_way_decides(plan: Data, stream: list[Step]) -> None:
    """For every kind of rule and stage, late, historical and suspected events among the others."""
    ruleset, now = built(plan), START
    lead = new_lead(ruleset, "王芳", START)
    for number, step in enumerate(stream):
        now += step.gap
        woken = Event(f"wake:{number}", "timer_due", now)
        event = woken if step.kind is None else step.event(number, now)
        lead = both_ways(ruleset, lead, event, now).lead


SIMPLE = st.lists(
    st.fixed_dictionaries(
        {
            "dimension": st.sampled_from(["公司", "行为"]),
            "event": st.sampled_from(["page_viewed", "email_clicked", "order_placed"]),
            "points": st.sampled_from([0, 3, 7, 20, -5, 0.5]),
            "repeat": st.sampled_from(["once", "each", {"at_most": 2, "per": "1d"}]),
        },
        optional={
            "when": st.one_of(
                st.builds(lambda n: {"score.default.total": {"gte": n}}, st.integers(0, 30)),
                st.builds(
                    lambda n: {"count": {"event": "email_clicked", "gte": n}}, st.integers(0, 3)
                ),
                st.just({"score.default.total": {"rises_to": 20}}),
            ),
            "expires": st.just("3d"),
        },
    ),
    min_size=1,
    max_size=4,
)
VISITS = st.lists(
    st.tuples(
        st.sampled_from([0, 1, HOUR, DAY - 1, DAY, 2 * DAY]),
        st.sampled_from([0, 0, 0, 1, DAY, 2 * DAY, -HOUR]),
        st.sampled_from(["page_viewed", "email_clicked", "email_sent", "order_placed"]),
    ),
    max_size=14,
)


@settings(deadline=None, max_examples=150)
@given(drawn=SIMPLE, visits=VISITS)
def test_points_that_turn_something_are_settled(drawn: list[Data], visits: list[Any]) -> None:
    """Several rules on one event, that read each other's points, across grades and a stage."""
    made = [{"id": f"r{n}", **rule} for n, rule in enumerate(drawn)]
    stages = {
        "stages": [
            {"id": "new"},
            {"id": "mql", "from": ["new"], "when": {"score.total": {"rises_to": 10}}},
        ]
    }
    models = one_model(made, {"公司": {"max": 12}, "行为": {}})
    ruleset, now = compiled(models, stages), START
    first = Event("first", "note_added", now)
    lead = decide(ruleset, new_lead(ruleset, "李雷", now), first, now).lead
    for number, (gap, late, kind) in enumerate(visits):
        now += gap
        event = Event(f"e{number}", kind, now - late, {}, PRICES.get(kind, {}))
        lead = both_ways(ruleset, lead, event, now).lead


SCORING = """
models:
  default:
    dimensions: {behavior: {}}
    rules:
      - {id: 看价格, dimension: behavior, event: page_viewed, where: {page: pricing}, points: 5,
         repeat: {at_most: 1, per: 1d}}
      - {id: 静默, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -1}
    grades: [{grade: A, from: 8}, {grade: C, from: -9}]
"""


@pytest.fixture
def played(tmp_path: Path) -> Play:
    """A lead that is there already."""
    play = Play(rules(tmp_path, scoring=SCORING))
    play.event("0h", "note_added")
    return play


@pytest.mark.parametrize(
    ("kind", "more", "days", "short"),
    [
        ("page_viewed", {"properties": {"page": "首页"}}, 1, True),
        ("page_viewed", {"properties": {"page": "pricing"}}, 1, True),
        ("email_clicked", {}, 1, True),
        ("page_viewed", {"lead": {"city": "苏州"}}, 1, False),
        ("page_viewed", {"history": True}, 1, False),
        ("page_viewed", {"bot": True}, 1, False),
        ("page_viewed", {"screened": {"flags": ["可疑"]}}, 1, False),
        ("page_viewed", {}, 31, False),
    ],
)
def test_the_short_way_is_for_events_with_nothing_else_about_them(
    played: Play, kind: str, more: dict[str, Any], days: int, short: bool
) -> None:
    """Plain views, scored ones and clicks take it; fields, history, bots and deadlines do not."""
    now = START + days * DAY
    event = Event("e", kind, now, **more)
    assert is_short(played.ruleset, played.lead, event, now) is short
    both_ways(played.ruleset, played.lead, event, now)


TWO = """
models:
  default:
    dimensions: {behavior: {}}
    rules:
      - {id: 看价格, dimension: behavior, event: page_viewed, points: 5, repeat: each}
    grades: [{grade: A, from: 10}, {grade: C, from: 0}]
  意向:
    dimensions: {interest: {}}
    rules:
      - {id: 兴趣, dimension: interest, event: page_viewed, points: 1, repeat: each}
    grades: [{grade: 高, from: 2}, {grade: 低, from: 1}]
"""


def test_each_model_has_its_grade_and_the_default_models_is_the_leads(tmp_path: Path) -> None:
    """A person's own choice stays what the lead has; the computed grade goes on beside it."""
    play = Play(rules(tmp_path, scoring=TWO))
    play.event("0h", "note_added")
    play.event("1h", "grade_overridden", grade="A", reason="老客户")
    for hour, (default, other) in enumerate((("C", "低"), ("A", "高"))):
        now = START + (hour + 2) * 3_600_000
        event = Event(f"e{hour}", "page_viewed", now)
        assert is_short(play.ruleset, play.lead, event, now)
        play.lead = both_ways(play.ruleset, play.lead, event, now).lead
        facts = play.lead.facts
        assert (facts["grade.default"], facts["grade.意向"], facts["grade"]) == (
            default,
            other,
            "A",
        )


def test_a_ruleset_that_reads_its_own_scores_is_scored_the_short_way_and_settled(
    tmp_path: Path,
) -> None:
    """What grades and later rules make of the points is found in rounds."""
    ladder = "      - {id: 高分, dimension: interest, when: {score.default.total: {gte: 10}}, points: 4}\n"
    play = Play(
        rules(
            tmp_path,
            scoring=TWO.replace("    grades: [{grade: 高", f"{ladder}    grades: [{{grade: 高"),
        )
    )
    assert play.ruleset.direct is None
    play.event("0h", "note_added")
    for hour in (1, 2):
        now = START + hour * 3_600_000
        event = Event(f"e{hour}", "page_viewed", now)
        assert is_short(play.ruleset, play.lead, event, now)
        play.lead = both_ways(play.ruleset, play.lead, event, now).lead
    assert play.lead.facts["score.意向.total"] == 6
