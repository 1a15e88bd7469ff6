"""Running cases: what is compared, and how a failure reads."""

from __future__ import annotations

import json

from engine.language.diagnostic import Diagnostics
from engine.network.ruleset import Ruleset
from engine.workbench.casefile import read_cases
from engine.workbench.report import as_diagnostics, as_json, report
from engine.workbench.runner import Result, run_case
from engine.workbench.values import offset

HEAD = "start: 2026-03-02T09:00:00+08:00\nlead: {email: wang@acme-valves.cn}\ncases:\n  - name: x\n"


def run(body: str, ruleset: Ruleset) -> Result:
    """Run one case."""
    found = Diagnostics()
    (case,) = read_cases((HEAD + body).encode(), "x.test.yaml", ruleset, found)
    assert not found.items, found.items
    return run_case(ruleset, case)


FORM = "    events: [{at: 0d, event: form_submitted, form: contact}]\n"


def test_lists_hold_everything_since_they_were_last_asked_for(default_rules: Ruleset) -> None:
    """A send is expected once: an expectation without `sends` in between swallows nothing."""
    body = FORM + (
        "    expect:\n"
        "      - {at: 1d, grade: D}\n"
        "      - {at: 2d, sends: [{message: welcome}]}\n"
        "      - {at: 4d, sends: [{message: case-study, at: 3d}]}\n"
    )
    assert run(body, default_rules).passed


def test_a_send_that_nobody_expects_fails(default_rules: Ruleset) -> None:
    """`sends` lists all that was sent, in order."""
    result = run(FORM + "    expect: [{at: 4d, sends: [{message: welcome}]}]\n", default_rules)
    (mismatch,) = result.failures[0].mismatches
    assert mismatch.expected == [{"message": "welcome"}]
    assert mismatch.actual == [{"message": "welcome"}, {"message": "case-study"}]


def test_predicates_may_be_expected_too(default_rules: Ruleset) -> None:
    """An expectation is a condition: a constant, a list or operators."""
    body = FORM + (
        "    expect:\n"
        "      - {at: 0d, score.total: {gte: 5, lt: 6}, grade: [C, D], owner: null}\n"
        "      - {at: 0d, stage: {at_most: mql}, lead.name: {exists: false}}\n"
    )
    assert run(body, default_rules).passed


def test_rules_are_counted_as_fired_since_the_start(default_rules: Ruleset) -> None:
    """`fired` and `not_fired` look back to the start, not to the last expectation."""
    body = (
        "    events: [{at: 0d, event: page_viewed, page: pricing}]\n"
        "    expect:\n"
        "      - {at: 5d, fired: [visited-pricing], not_fired: [idle, welcome]}\n"
        "      - {at: 40d, fired: [visited-pricing, idle]}\n"
    )
    assert run(body, default_rules).passed


def test_a_failure_shows_both_sides_and_the_ledger(default_rules: Ruleset) -> None:
    """The report names the expectation's place and every line that made the score."""
    body = (
        "    lead: {title_level: director}\n"
        "    events: [{at: 2d, event: page_viewed, page: pricing}]\n"
        "    expect:\n"
        "      - {at: 2d, score.total: 75, owner: li.na, fired: [idle]}\n"
    )
    result = run(body, default_rules)
    assert not result.passed
    text = "\n".join(report(result))
    assert "FAILED x.test.yaml:4:11: x" in text
    assert "at 2d (2026-03-04T01:00:00Z), x.test.yaml:8:9:" in text
    assert "score.total:\n      - expected 75\n      + actual   40" in text
    assert "owner:\n      - expected li.na\n      + actual   null" in text
    assert "idle:\n      - expected fired\n      + actual   not fired" in text
    assert "+20  = 20" in text
    assert "title-director" in text
    assert "config/scoring.yaml:" in text


def test_results_are_data_too(default_rules: Ruleset) -> None:
    """JSON holds every mismatch and why, and there is a finding at its line."""
    result = run(FORM + "    expect: [{at: 0d, grade: A}]\n", default_rules)
    data = as_json(result)
    assert data["passed"] is False
    (failure,) = data["failures"]
    why = failure.pop("why")
    assert failure == {
        "at": "2026-03-02T01:00:00Z",
        "file": "x.test.yaml",
        "line": 6,
        "name": "grade",
        "expected": "A",
        "actual": "D",
    }
    assert why["notes"] == ["the total is 5; A from 80, B from 60, C from 30, D from -1000"]
    assert [(line["rule"], line["points"]) for line in why["ledger"]] == [("business-email", 5)]
    assert json.loads(json.dumps(data, ensure_ascii=False)) == data | {"failures": data["failures"]}
    (finding,) = as_diagnostics(result)
    assert (finding.code, finding.source.line) == ("test-failed", 6)
    assert finding.message == "grade: expected A, actual D"


def test_passing_says_nothing(default_rules: Ruleset) -> None:
    """A case that passed has no report."""
    result = run(FORM + "    expect: [{at: 0d, grade: D}]\n", default_rules)
    assert report(result) == as_diagnostics(result) == []


def test_offsets_are_written_as_tests_write_them() -> None:
    """An offset reads like the ones in test files."""
    assert offset(0) == "0d"
    assert offset(((2 * 24 + 12) * 60 + 5) * 60_000) == "2d12h5m"


def test_rules_of_every_kind_can_be_expected(default_rules: Ruleset) -> None:
    """Journeys when entered, routes when they decide, stages by their rule, SLAs when they start."""
    hot = """    lead: {title_level: director, employees: 600, industry: 制造业, city: 上海}
    events:
      - {at: 0d, event: page_viewed, page: pricing}
      - {at: 0d, event: webinar_registered, webinar: 公开课}
      - {at: 0d, event: webinar_attended, webinar: 公开课}
    expect:
"""
    body = (
        "      - {at: 0d, fired: [fast-conversion, by-city, mql, 'stage:mql', 'sla:follow-up']}\n"
        "      - {at: 0d, fired: {by-city: true, rest: false, 'stage:nurturing': false}}\n"
        "      - {at: 0d, not_fired: {by-city: false, rest: true}}\n"
        # The answer to a journey's `route` leads to this one, by its own rule.
        "      - {at: 0d, stage: assigned, fired: [assigned]}\n"
    )
    assert run(hot + body, default_rules).passed


def test_a_stage_fires_by_its_own_rule(default_rules: Ruleset) -> None:
    """One without a rule fires by hand; one that has a rule, only by that."""
    body = """    events: [{at: 1d, event: stage_changed, to: invalid, reason: 空号}]
    expect:
      - {at: 1d, stage: invalid, fired: ['stage:invalid'], not_fired: ['stage:mql']}
"""
    assert run(body, default_rules).passed
    by_hand = """    events: [{at: 1d, event: stage_changed, to: contacted}]
    expect: [{at: 1d, stage: contacted, not_fired: ['stage:contacted']}]
"""
    assert run(by_hand, default_rules).passed


def test_instants_may_be_absolute(default_rules: Ruleset) -> None:
    """`at` of an event, of an expectation and of an item of a list, in any zone."""
    body = """    events:
      - {at: 2026-03-03T09:00:00+08:00, event: form_submitted, form: 咨询}
      - {at: 36h, arrives: 2026-03-05T01:00:00Z, event: page_viewed, page: pricing}
    expect:
      - {at: 1d, sends: [{message: welcome, at: 2026-03-03T01:00:00Z}], score.implicit: 0}
      - {at: 2026-03-05T09:00:00+08:00, score.implicit: 15}
"""
    assert run(body, default_rules).passed


def test_lists_are_laid_side_by_side(default_rules: Ruleset) -> None:
    """What fits stands between what is missing and what nobody expected."""
    body = (
        FORM + "    expect: [{at: 4d, sends: [{message: product-demo}, {message: case-study}]}]\n"
    )
    text = "\n".join(report(run(body, default_rules)))
    assert (
        "sends:\n"
        "      - expected {message: product-demo}\n"
        "      + actual   {message: welcome}\n"
        "                 {message: case-study}\n"
    ) in text
    none = "\n".join(report(run(FORM + "    expect: [{at: 0d, sends: []}]\n", default_rules)))
    assert "      - expected []\n      + actual   {message: welcome}\n" in none
    early = "    expect: [{at: 0d, sends: [{message: welcome}]}]\n"
    nothing = "\n".join(report(run(early, default_rules)))
    assert "      - expected {message: welcome}\n      + actual   []\n" in nothing
