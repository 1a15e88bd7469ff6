"""Test files: what is read, and what is said about mistakes in them."""

from __future__ import annotations

import pytest

from engine.language.diagnostic import Diagnostic, Diagnostics
from engine.language.instants import DAY, HOUR, parse_instant
from engine.network.ruleset import Ruleset
from engine.workbench.casefile import read_cases
from engine.workbench.cases import Case
from engine.workbench.runner import run_case

START = "2026-03-02T09:00:00+08:00"


def read(text: str, ruleset: Ruleset) -> tuple[list[Case], list[Diagnostic]]:
    """Read a test file; returns cases and findings."""
    found = Diagnostics()
    cases = read_cases(text.encode(), "x.test.yaml", ruleset, found)
    return cases, found.sorted()


def test_events_are_normalised_like_events_from_outside(default_rules: Ruleset) -> None:
    """A test's lead has derived fields, and its first event at the start brings its fields."""
    text = f"""
start: {START}
lead: {{name: 王芳, email: Wang@Acme-Valves.cn, phone: '138 0013 8000'}}
cases:
  - name: one
    events: [{{at: 0d, event: page_viewed, page: pricing}}, {{at: 1d, event: chat_started}}]
    expect: [{{at: 0d, score.total: 20}}]
"""
    (case,), found = read(text, default_rules)
    assert not found
    first, second = (given.event for given in case.events)
    assert first.lead["email"] == "wang@acme-valves.cn"
    assert first.lead["email.kind"] == "business"
    assert first.lead["phone"] == "+8613800138000"
    assert first.properties == {"page": "pricing"}
    assert "name" not in second.lead
    assert second.at == parse_instant(START) + DAY


def test_a_lead_exists_from_the_start(default_rules: Ruleset) -> None:
    """Without an event at the start, something that is no behaviour brings the fields."""
    text = f"start: {START}\nlead: {{industry: 制造业}}\ncases: [{{name: a, expect: [{{at: 1d, grade: D}}]}}]"
    (case,), found = read(text, default_rules)
    assert not found
    (given,) = case.events
    assert given.event.type not in default_rules.catalogue.behaviour
    assert given.event.at == parse_instant(START)


def test_a_late_event_keeps_its_own_time(default_rules: Ruleset) -> None:
    """`arrives` says when an event becomes known, `at` when it happened."""
    text = f"""
start: {START}
cases:
  - name: late
    events: [{{at: 1h, arrives: 5h, event: page_viewed, page: pricing}}]
    expect: [{{at: 5h, score.total: 15}}]
"""
    (case,), found = read(text, default_rules)
    assert not found
    assert case.events[1].event.at == parse_instant(START) + HOUR
    assert case.events[1].arrives == parse_instant(START) + 5 * HOUR


def test_a_lead_exists_before_its_first_event_arrives(default_rules: Ruleset) -> None:
    """One that happened at the start and is known later leaves the lead nothing but its fields."""
    text = f"""
start: {START}
lead: {{industry: 制造业}}
cases:
  - name: late
    events: [{{at: 0d, arrives: 5h, event: page_viewed, page: pricing}}]
    expect: [{{at: 4h, score.implicit: 0, lead.industry: 制造业}}, {{at: 5h, score.implicit: 15}}]
"""
    (case,), found = read(text, default_rules)
    assert not found
    assert [given.event.type for given in case.events] == ["note_added", "page_viewed"]
    assert run_case(default_rules, case).passed


def test_a_table_makes_one_case_of_each_row(default_rules: Ruleset) -> None:
    """Values keep their type when they stand alone, and are written into text otherwise."""
    text = f"""
start: {START}
lead: {{company: 金泰阀门}}
cases:
  - name: sizes
    lead: {{employees: $n, need: "约 ${{n}} 人"}}
    table: [{{n: 499, points: 0}}, {{n: 500, points: 15}}]
    expect: [{{at: 0d, score.explicit: $points}}]
"""
    cases, found = read(text, default_rules)
    assert not found
    assert [c.name for c in cases] == ["sizes [n=499, points=0]", "sizes [n=500, points=15]"]
    assert cases[0].events[0].event.lead["employees"] == 499
    assert cases[0].events[0].event.lead["need"] == "约 499 人"
    assert cases[0].events[0].event.lead["company"] == "金泰阀门"


MISTAKES = [
    ("expect: [{at: 0d, scroe.total: 3}]", "unknown-key", 'did you mean "score.total"', "scroe.total"),
    ("expect: [{at: 0d, send: []}]", "unknown-key", 'did you mean "sends"', "send"),
    ("expect: [{at: 0d, fired: [idel]}]", "unknown-rule", 'did you mean "idle"', "idel"),
    ("expect: [{at: 0d, grade: E}]", "operand", "A", "E"),
    ("expect: [{at: 0d, score.total: many}]", "operand", "not a number", "many"),
    ("expect: [{at: 0d, sends: [{message: welcom}]}]", "unknown-message", '"welcome"', "welcom"),
    ("expect: [{at: 0d, sends: [{mesage: welcome}]}]", "unknown-key", '"message"', "mesage"),
    ("expect: [{at: 0d, sends: welcome}]", "test-shape", "list of maps", "welcome"),
    ("expect: [{at: soon, grade: D}]", "bad-time", "'soon' is not an offset", "soon"),
    ("expect: [{at: 0d, score.total: {rises_to: 3}}]", "edge-in-test", "expect gte", "{rises_to: 3}"),
    ("expect: [{grade: D}]", "test-shape", "at and what holds then", "{grade: D}"),
    ("expect: []", "no-expectation", "expects nothing", "{name: x"),
    ("events: [{at: 0d, event: page_veiwed}], expect: [{at: 0d, grade: D}]", "unknown-type", "page_viewed", "page_veiwed"),
    ("events: [{at: 0d, event: page_viewed, pgae: x}], expect: [{at: 0d, grade: D}]", "unknown-property", "page", "x"),
    ("lead: {employees: many}, expect: [{at: 0d, grade: D}]", "bad-value", "not a whole number", "many"),
    ("lead: {emploees: 5}, expect: [{at: 0d, grade: D}]", "unknown-field", "employees", "5"),
    ("table: [{n: 1}], expect: [{at: 0d, score.total: $m}]", "unknown-value", "$m", "$m"),
    ("table: [{n: 1}], expect: [{at: 0d, score.total: 3}]", "unused-value", 'nothing uses "n"', "1"),
    ("evnts: [], expect: [{at: 0d, grade: D}]", "unknown-key", 'did you mean "events"', "evnts"),
]  # fmt: skip


@pytest.mark.parametrize(("body", "code", "says", "at"), MISTAKES)
def test_mistakes_are_shown_where_they_stand(
    body: str, code: str, says: str, at: str, default_rules: Ruleset
) -> None:
    """Each mistake in a test is an error with the place of the wrong word and a way out."""
    line = f"  - {{name: x, {body}}}"
    _, found = read(f"start: {START}\ncases:\n{line}\n", default_rules)
    first = next((d for d in found if d.code == code), None)
    assert first is not None, found
    assert says.strip("$") in f"{first.message} {first.hint}"
    assert first.source.line == 3
    assert line[first.source.column - 1 :].startswith(at)
    assert first.hint


def test_a_start_is_needed(default_rules: Ruleset) -> None:
    """A test without a start has no clock."""
    _, found = read("cases: [{name: x, expect: [{at: 0d, grade: D}]}]", default_rules)
    assert "does not say when it starts" in found[0].message


@pytest.mark.parametrize(
    ("expectation", "code", "hint"),
    [
        ("fird: [idle]", "unknown-key", 'did you mean "fired"?'),
        ("not_fire: [idle]", "unknown-key", 'did you mean "not_fired"?'),
        ("send: []", "unknown-key", 'did you mean "sends"?'),
        ("task: []", "unknown-key", 'did you mean "tasks"?'),
        ("ownr: null", "unknown-key", 'did you mean "owner"?'),
        ("score.totl: 5", "unknown-key", 'did you mean "score.total"?'),
        ("journey.welcom: null", "unknown-key", 'did you mean "journey.welcome"?'),
        ("sends: [{mesage: welcome}]", "unknown-key", 'did you mean "message"?'),
        ("sends: [{message: welcom}]", "unknown-message", 'did you mean "welcome"?'),
        ("tasks: [{titel: 回访}]", "unknown-key", 'did you mean "title"?'),
        ("fired: [visited-princing]", "unknown-rule", 'did you mean "visited-pricing"?'),
        ("fired: {idel: true}", "unknown-rule", 'did you mean "idle"?'),
        ("fired: ['stage:mqll']", "unknown-rule", "there is no rule, journey, route, stage or SLA"),
        ("fired: {idle: 是}", "test-shape", "write fired: [NAME], or fired: {NAME: true}"),
        ("not_fired: 3", "test-shape", "write not_fired: [NAME], or not_fired: {NAME: true}"),
    ],
)
def test_misspelt_expectations_name_the_nearest(
    default_rules: Ruleset, expectation: str, code: str, hint: str
) -> None:
    """Of everything that can be expected, with the place and a way out."""
    text = f"start: {START}\ncases: [{{name: a, expect: [{{at: 0d, {expectation}}}]}}]"
    _, (finding,) = read(text, default_rules)
    assert finding.code == code
    assert hint in f"{finding.message} {finding.hint}"
    assert finding.source.line == 2


@pytest.mark.parametrize(
    ("at", "said"),
    [
        ("2026-03-01T09:00:00+08:00", "is before the start of the test, 2026-03-02T01:00:00Z"),
        ("2026-03-04T09:00:00", "has no time zone"),
        ("2026-03-04", "has no time zone"),
        ("tomorrow", "is not an offset"),
    ],
)
def test_an_instant_has_to_come_after_the_start(default_rules: Ruleset, at: str, said: str) -> None:
    """An offset or a whole instant; the finding stands at the text."""
    text = f"start: {START}\ncases: [{{name: a, expect: [{{at: {at}, grade: D}}]}}]"
    _, (finding,) = read(text, default_rules)
    assert finding.code == "bad-time"
    assert said in finding.message
    assert "2d12h" in str(finding.hint)
    assert finding.source.column == text.splitlines()[1].index(at) + 1


def test_named_conditions_are_refused(default_rules: Ruleset) -> None:
    """They would mean nothing; the rest of the file is checked all the same."""
    text = f"""
start: {START}
conditions: {{hot: {{grade: A}}}}
cases: [{{name: a, expect: [{{at: 0d, grade: D, stgae: new}}]}}]
"""
    _, (first, second) = read(text, default_rules)
    assert (first.code, first.source.line, first.source.column) == ("conditions-in-test", 3, 1)
    assert "expects fields" in first.message
    assert second.code == "unknown-key"


def test_a_table_may_ask_whether_a_rule_fired(default_rules: Ruleset) -> None:
    """A row's true or false stands for fired or not."""
    text = f"""
start: {START}
cases:
  - name: 满 7 天再算
    events: [{{at: 0d, event: page_viewed, page: $page}}]
    table: [{{page: pricing, fired: true}}, {{page: home, fired: false}}]
    expect: [{{at: 0d, fired: {{visited-pricing: $fired}}}}]
"""
    cases, found = read(text, default_rules)
    assert not found
    assert [run_case(default_rules, case).passed for case in cases] == [True, True]
