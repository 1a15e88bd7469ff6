"""Which rulesets may be scored in one pass, and what that pass is given."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.network.ruleset import Ruleset
from tests.play import rules

SCORING = """
models:
  default:
    dimensions: {fit: {}, behavior: {}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
      - {id: director, dimension: fit, when: {lead.title_level: {at_least: director}}, points: 20, exclusive: title}
      - {id: pricing, dimension: behavior, event: page_viewed, points: 15, repeat: each, expires: 9d}
      - {id: idle, dimension: behavior, when: {absent: {event: any, for: 30d}}, points: -10, repeat: each}
      - ADDED
    grades: [{grade: A, from: 80}, {grade: B, from: -5}]
  value:
    dimensions: {money: {LIMITS}}
    rules:
      - {id: ordered, dimension: money, when: {count: {event: order_placed, gte: 1}}, points: 1}
    grades: [{grade: 高, from: 0}]
"""
LIFECYCLE = """
stages:
  - {id: fresh}
  - {id: mql, when: {score.total: {rises_to: 50}}}
  - {id: old, event: EVENT, when: {score.fit: {gte: 3}}}
"""
JOURNEYS = """
journeys:
  - {id: j, enter: {when: {score.fit: {lt: 7}}}, exit: {when: {score.behavior: {gte: 9}}}, goal: {when: {grade: A}},
     steps: [{id: s, wait: 1d}, {id: day, wait: {date: lead.birthday}}]}
"""


def made(
    folder: Path, added: str = "", limits: str = "", event: str = "chat_started", **files: str
) -> Ruleset:
    """A ruleset that can be scored in one pass, but for what is added; ``limits`` of the money."""
    scoring = SCORING.replace("      - ADDED\n", f"      - {added}\n" if added else "")
    return rules(
        folder,
        scoring=scoring.replace("LIMITS", limits),
        lifecycle=LIFECYCLE.replace("EVENT", event),
        journeys=JOURNEYS,
        **files,
    )


def test_fields_events_and_silence_are_scored_in_one_pass(tmp_path: Path) -> None:
    """It knows the grades, the silences by their deadline, and the facts of a new lead."""
    found = made(tmp_path).direct
    assert found is not None
    assert found.fresh == {
        "stage": "fresh",
        "score.default.fit": 0,
        "score.default.behavior": 0,
        "score.default.total": 0,
        "score.value.money": 0,
        "score.value.total": 0,
    }
    assert [rule.id for rule in found.silences.values()] == ["idle"]
    assert [*found.silences] == ["rule:default.behavior.idle"]
    shown = [(g.total, g.fact, g.model, g.default, g.floors, g.grades) for g in found.graded]
    assert shown == [
        ("score.default.total", "grade.default", "default", True, [-5, 80], ["B", "A"]),
        ("score.value.total", "grade.value", "value", False, [0], ["高"]),
    ]


def test_fields_that_are_only_written(tmp_path: Path) -> None:
    """Every field has its fact, but tags, what makes a touch, and topics of consent have not."""
    text = "fields: {consent.newsletter: {type: string}, plan: {type: string}}"
    ruleset = made(tmp_path, catalog=text)
    assert ruleset.direct is not None
    fields = ruleset.direct.fields
    assert fields["plan"] == "lead.plan"
    assert fields["title_level"] == "lead.title_level"
    assert fields["email.kind"] == "lead.email.kind"
    known = set(ruleset.definitions.catalogue.fields)
    assert known - fields.keys() == {"tags", "source.channel", "consent.newsletter"}


def test_stages_and_journeys_look_at_their_own_numbers_only(tmp_path: Path) -> None:
    """A grade's band is nobody's business but grading's; entering by an event is no business of
    numbers; a date that is waited for is looked at each time.
    """
    found = made(tmp_path).direct
    assert found is not None
    assert found.moving.bounds == {
        "score.default.total": [50],
        "score.default.fit": [7],
        "score.default.behavior": [9],
    }
    assert found.moving.loud == {"grade", "lead.birthday"}


def test_what_a_new_lead_lacks_is_looked_at(tmp_path: Path) -> None:
    """A score that is not yet high lets a new lead in, though nothing has changed below a bound."""
    scoring = SCORING.replace("      - ADDED\n", "").replace("LIMITS", "")
    journeys = JOURNEYS.replace("{score.fit: {lt: 7}}", "{not: {score.fit: {gte: 7}}}")
    assert journeys != JOURNEYS
    ruleset = rules(tmp_path, scoring=scoring, journeys=journeys)
    assert ruleset.direct is not None
    assert ruleset.unprompted == {"score.default.fit"}
    assert ruleset.direct.awaited == dict.fromkeys(ruleset.direct.fresh or (), None)
    assert "score.default.fit" in ruleset.direct.awaited
    assert "score.default.fit" in ruleset.direct.moving.present
    assert "score.default.fit" in ruleset.turns.present
    facts = {"score.default.fit": 0}
    assert not ruleset.direct.moving.quiet({"score.default.fit": None}, facts)


@pytest.mark.parametrize(
    "rule",
    [
        "{id: x, dimension: fit, when: {score.value.total: {gte: 3}}, points: 1}",
        "{id: x, dimension: fit, when: {grade.value: 高}, points: 1}",
        "{id: x, dimension: fit, when: {lead.industry: 教育}, points: {field: lead.budget}}",
        "{id: x, dimension: fit, when: {lead.industry: 教育}, points: 1, repeat: once}",
        "{id: x, dimension: fit, when: {lead.employees: {rises_to: 9}}, points: 1, repeat: each}",
        "{id: x, dimension: fit, when: {count: {event: page_viewed, within: 3d, gte: 2}}, points: 1}",
        "{id: x, dimension: fit, when: {absent: {event: any, for: 3d}}, points: 1}",
        "{id: x, dimension: fit, when: {absent: {event: any, for: 3d}}, points: 1, repeat: once}",
        "{id: x, dimension: fit, event: grade_changed, points: 1, repeat: once}",
    ],
)
def test_a_rule_that_needs_rounds_takes_the_whole_ruleset_along(tmp_path: Path, rule: str) -> None:
    """One that reads scores or grades, fields for points, the clock, or hears of grades."""
    assert made(tmp_path, rule).direct is None


def test_a_rule_on_an_event_may_do_as_it_likes(tmp_path: Path) -> None:
    """It is asked when its event comes, whether it is plain."""
    rule = "{id: x, dimension: fit, event: chat_started, when: {score.total: {gte: 3}}, points: 1, repeat: once}"
    assert made(tmp_path, rule).direct is not None


@pytest.mark.parametrize("limits", ["max: 5", "min: -5"])
def test_a_limited_dimension_needs_rounds(tmp_path: Path, limits: str) -> None:
    """A cap and a floor are a line of their own after each other one."""
    assert made(tmp_path, limits=limits).direct is None


@pytest.mark.parametrize("event", ["lead_created", "stage_changed"])
def test_a_new_lead_takes_the_long_way_where_its_creation_is_heard(
    tmp_path: Path, event: str
) -> None:
    """The rest of what happens to it does not."""
    found = made(tmp_path, event=event).direct
    assert found is not None
    assert found.fresh is None
