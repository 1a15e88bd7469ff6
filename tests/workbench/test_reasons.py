"""Under each difference stands why: the rules in question, as the lead is at that instant."""

from __future__ import annotations

import re

import pytest

from engine.language.diagnostic import Diagnostics
from engine.network.ruleset import Ruleset
from engine.workbench.casefile import read_cases
from engine.workbench.report import report
from engine.workbench.runner import run_case

HEAD = "start: 2026-03-02T09:00:00+08:00\nlead: {email: wang@acme-valves.cn, city: 上海}\ncases:\n"
DIRECTOR = "lead: {title_level: director, employees: 600}"
HOT = """lead: {title_level: director, employees: 600, industry: 制造业},
    events: [{at: 0d, event: page_viewed, page: pricing},
             {at: 0d, event: webinar_registered, webinar: 公开课},
             {at: 0d, event: webinar_attended, webinar: 公开课}]"""


def told(case: str, ruleset: Ruleset) -> str:
    """Run a case that fails and return what is printed, places without their folder."""
    found = Diagnostics()
    text = f"{HEAD}  - {{name: 甲, {case}}}\n"
    (read,) = read_cases(text.encode(), "x.test.yaml", ruleset, found)
    assert not found.items, found.items
    result = run_case(ruleset, read)
    assert not result.passed
    return re.sub(r"  config/(\w+)\.yaml:\d+:\d+", r"  \1", "\n".join(report(result)))


def test_a_rule_that_should_have_fired_shows_its_condition(default_rules: Ruleset) -> None:
    """With what is wanted and what there is."""
    text = told(
        "lead: {industry: 餐饮业}, expect: [{at: 0d, fired: [target-industry]}]", default_rules
    )
    assert "- expected fired\n      + actual   not fired\n      rule target-industry" in text
    assert "✗ lead.industry: [制造业, 金融业] — 餐饮业  scoring" in text


def test_an_event_rule_shows_the_latest_events_it_heard(default_rules: Ruleset) -> None:
    """Three at most, each with how its properties fit."""
    pages = ", ".join(f"{{at: {day}d, event: page_viewed, page: home}}" for day in range(5))
    text = told(f"events: [{pages}], expect: [{{at: 9d, fired: [visited-pricing]}}]", default_rules)
    assert text.count("page_viewed event-") == 3
    assert "✗ page: [pricing, solution] — home  scoring" in text


def test_a_rule_that_should_not_have_fired_says_when_it_did(default_rules: Ruleset) -> None:
    """Its condition holds, and it fired at these offsets."""
    text = told(f"{DIRECTOR}, expect: [{{at: 2d, not_fired: [large-company]}}]", default_rules)
    assert "- expected not fired\n      + actual   fired\n      it fired at 0d\n" in text
    assert "✓ lead.employees: {gte: 500} — 600  scoring" in text


def test_a_score_shows_the_lines_that_make_it_up(default_rules: Ruleset) -> None:
    """Those of the dimension that was asked for, and no others."""
    case = (
        f"{DIRECTOR}, events: [{{at: 1d, event: page_viewed, page: pricing}}], "
        "expect: [{at: 1d, %s}]"
    )
    explicit = told(case % "score.explicit: 30", default_rules)
    assert "0d     +20  = 20     title-director  scoring" in explicit
    assert "visited-pricing" not in explicit
    total = told(case % "score.total: 30", default_rules)
    assert "1d     +15  = 55     visited-pricing  scoring" in total


def test_a_grade_shows_its_bands_and_the_total(default_rules: Ruleset) -> None:
    """And that a person set it, where one has."""
    text = told(f"{DIRECTOR}, expect: [{{at: 0d, grade: A}}]", default_rules)
    assert "the total is 40; A from 80, B from 60, C from 30, D from -1000\n" in text
    assert "large-company  scoring" in text
    case = "events: [{at: 0d, event: grade_overridden, grade: A}], expect: [{at: 0d, grade: D}]"
    assert "a person set the grade by hand" in told(case, default_rules)


def test_a_stage_shows_how_it_came_and_what_keeps_the_other(default_rules: Ruleset) -> None:
    """The present stage in a sentence, the expected one with its condition, refusals too."""
    text = told(f"{DIRECTOR}, expect: [{{at: 0d, stage: mql}}]", default_rules)
    assert "new since 0d: new lead\n      stage mql" in text
    assert "✗ score.total: {rises_to: 50} — 40, not crossing now  lifecycle" in text
    case = "events: [{at: 1d, event: stage_changed, to: lost}], expect: [{at: 1d, stage: lost}]"
    assert "lost was refused at 1d: lost requires a reason" in told(case, default_rules)


def test_an_owner_shows_the_routing_that_gave_the_lead_away(default_rules: Ruleset) -> None:
    """Every rule tried, why the expected person was passed over, and the rule that knows them."""
    text = told(f"{HOT}, expect: [{{at: 0d, owner: zhang.wei}}]", default_rules)
    assert "given to zhao.min at 0d: journey sales-ready\n" in text
    assert "key-account: condition does not hold\n" in text
    assert "by-city: assigned to zhao.min\n" in text
    assert "✗ lead.amount: {gt: 500000} — missing  routing" in text
    colleague = told(f"{HOT}, expect: [{{at: 0d, owner: xu.bo}}]", default_rules)
    assert "xu.bo: territory does not cover 上海" in colleague
    nobody = told(f"{HOT}, expect: [{{at: 0d, owner: null}}]", default_rules)
    assert "route by-city  routing" in nobody
    assert "✓ lead.city: {exists: true} — 上海  routing" in nobody


@pytest.mark.parametrize("expected", ["team: key-accounts", "pool: public"])
def test_teams_and_pools_are_answers_of_routing_too(default_rules: Ruleset, expected: str) -> None:
    """The routing rule that leads there is explained."""
    text = told(f"{HOT}, expect: [{{at: 0d, {expected}}}]", default_rules)
    route = "key-account" if "team" in expected else "rest"
    assert f"route {route}  routing" in text


def test_a_lead_that_was_never_routed_shows_who_would_ask(default_rules: Ruleset) -> None:
    """The journey that sends leads to routing, and what it waits for."""
    text = told(f"{DIRECTOR}, expect: [{{at: 0d, owner: zhao.min}}]", default_rules)
    assert "no journey has sent this lead to routing yet\n      journey sales-ready" in text
    assert "✗ score.total: {rises_to: 80} — 40, not crossing now  journeys" in text


def test_what_nobody_expected_says_which_step_did_it(default_rules: Ruleset) -> None:
    """And when; the ladder of an SLA is no step."""
    form = "events: [{at: 0d, event: form_submitted, form: 咨询}]"
    text = told(f"{form}, expect: [{{at: 2d, sends: [], tasks: []}}]", default_rules)
    assert "welcome came at 0d from journey welcome, step hello  journeys" in text
    assert (
        "欢迎邮件未打开，请电话回访 came at 2d from journey welcome, step phone  journeys" in text
    )
    ladder = told(
        f"{HOT}, expect: [{{at: 0d, does: [{{}}, {{}}]}}, {{at: 1d3h, does: []}}]", default_rules
    )
    assert "notify came at 1d3h from an SLA" in ladder


def test_what_is_missing_shows_the_journey_that_would_do_it(default_rules: Ruleset) -> None:
    """Why the lead is not in it, or that it was done before the list was last looked at."""
    text = told("expect: [{at: 0d, sends: [{message: welcome}]}]", default_rules)
    assert "journey welcome" in text
    assert "✗ no form_submitted has come" in text
    form = "events: [{at: 0d, event: form_submitted, form: 咨询}]"
    twice = "sends: [{message: welcome}]"
    again = told(f"{form}, expect: [{{at: 0d, {twice}}}, {{at: 1d, {twice}}}]", default_rules)
    assert "welcome came at 0d\n" in again
    ladder = told("expect: [{at: 0d, tasks: [{title: 超时}]}]", default_rules)
    assert "sla follow-up" in ladder
    unknown = told(
        "expect: [{at: 0d, blocked: [{message: welcome, step: nowhere}]}]", default_rules
    )
    assert "no step of a journey gives welcome" in unknown


def test_a_journeys_step_shows_where_the_lead_is(default_rules: Ruleset) -> None:
    """A way out is shown only of a journey that the lead is in."""
    inside = told(
        "events: [{at: 0d, event: form_submitted, form: 咨询}], "
        "expect: [{at: 1d, journey.welcome: phone}]",
        default_rules,
    )
    assert "at step opened" in inside
    assert "exit\n" in inside
    outside = told("expect: [{at: 1d, journey.welcome: phone}]", default_rules)
    assert "✗ the lead has never been in it" in outside
    assert "exit\n" not in outside


def test_what_no_rule_makes_has_no_reason(default_rules: Ruleset) -> None:
    """A field is what events brought."""
    text = told("expect: [{at: 0d, lead.city: 苏州}]", default_rules)
    assert text.endswith("lead.city:\n      - expected 苏州\n      + actual   上海")


def test_nothing_is_told_twice(default_rules: Ruleset) -> None:
    """An owner and a team that are missing have one reason; it is referred to."""
    case = f"{DIRECTOR}, expect: [{{at: 0d, owner: zhao.min, team: regions}}, {{at: 1d, grade: A}}]"
    text = told(case, default_rules)
    assert text.count("score.total: {rises_to: 80}") == 1
    assert "journey sales-ready 高意向线索派单  journeys  (as above)" in text
