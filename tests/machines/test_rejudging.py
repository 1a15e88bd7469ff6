"""Leads under rules that are others now: nothing happens to them by that but what rules say."""

from __future__ import annotations

from pathlib import Path

from tests.machines.test_steps import EMAIL
from tests.play import START, Play, rules, scoring

DAY = 24 * 3_600_000
VIEWS = "{id: view, dimension: fit, event: page_viewed, points: 30, repeat: each}"
IDLE = "{id: idle, dimension: behavior, when: {absent: {event: page_viewed, for: 30d}}, points: -10, repeat: each}"
GRADES = "[{grade: A, from: 80}, {grade: B, from: 40}, {grade: C, from: -1000}]"


def stages(*added: str) -> str:
    """A lifecycle with these stages between the first and the last two."""
    middle = "".join(f"  - {{id: {each}}}\n" for each in added)
    ends = "  - {id: won, event: opportunity_won, final: true}\n  - {id: lost, final: true}\n"
    return f"stages:\n  - {{id: new}}\n  - {{id: mql}}\n{middle}{ends}"


def journey(when: str) -> str:
    """A journey that this condition leads into."""
    return f"journeys: [{{id: care, enter: {{when: {when}}}, steps: [{{id: w, wait: 9d}}]}}]"


def test_a_new_journey_is_entered_by_nobody_whose_score_is_what_it_was(tmp_path: Path) -> None:
    """A condition that held before the journey was there has not come true."""
    old = scoring(VIEWS, grades=GRADES)
    game = Play(rules(tmp_path / "old", scoring=old, journeys="journeys: []"))
    game.event("0d", "page_viewed", EMAIL)
    game.event("0d", "page_viewed")
    new = journey("{score.total: {gte: 50}}")
    game.ruleset = rules(tmp_path / "new", scoring=old, journeys=new)
    game.event("1d", "note_added")
    assert not game.lead.journeys


def test_other_bands_are_found_where_points_change_too(tmp_path: Path) -> None:
    """A rule is gone and the bands are others in one edit: 60 was a B, and 50 is an A."""
    fit = "{id: city, dimension: fit, when: {lead.city: 上海}, points: 10}"
    twice = VIEWS.replace("30", "50")
    game = Play(rules(tmp_path / "old", scoring=scoring(twice, fit, grades=GRADES)))
    game.event("0d", "page_viewed", {**EMAIL, "city": "上海"})
    assert (game.score, game.lead.facts["grade"]) == (60, "B")
    bands = "[{grade: A, from: 45}, {grade: B, from: 40}, {grade: C, from: -1000}]"
    game.ruleset = rules(tmp_path / "new", scoring=scoring(twice, grades=bands))
    game.event("1d", "note_added")
    assert (game.score, game.lead.facts["grade"]) == (50, "A")


def test_a_silence_that_is_new_in_the_rules_begins_with_them(tmp_path: Path) -> None:
    """Who was there yesterday is not taken for idle, for nobody counted before."""
    game = Play(rules(tmp_path / "old", scoring=scoring(VIEWS, grades=GRADES)))
    game.event("0d", "page_viewed", EMAIL)
    game.event("39d", "page_viewed")
    game.ruleset = rules(tmp_path / "new", scoring=scoring(VIEWS, IDLE, grades=GRADES))
    game.event("40d", "note_added")
    assert "idle" not in game.fired
    game.clock("69d")
    assert "idle" not in game.fired
    game.clock("70d")
    assert game.fired.count("idle") == 1


def test_a_silence_of_before_goes_on(tmp_path: Path) -> None:
    """An edit elsewhere moves no deadline."""
    game = Play(rules(tmp_path / "old", scoring=scoring(IDLE, grades=GRADES)))
    game.event("0d", "note_added", EMAIL)
    game.ruleset = rules(tmp_path / "new", scoring=scoring(VIEWS, IDLE, grades=GRADES))
    game.event("10d", "note_added")
    assert game.lead.timers["rule:default.behavior.idle"] == START + 30 * DAY


def test_a_dimension_that_is_new_is_nothing_and_not_missing(tmp_path: Path) -> None:
    """Conditions read it as 0, as for new leads."""
    game = Play(rules(tmp_path / "old", scoring=scoring(VIEWS, grades=GRADES)))
    game.event("0d", "page_viewed", EMAIL)
    more = scoring(VIEWS, grades=GRADES).replace("behavior: {}", "behavior: {}, talk: {}")
    text = "journeys: [{id: care, enter: {event: chat_started, when: {score.talk: {lt: 5}}}, steps: [{id: w, wait: 9d}]}]"
    game.ruleset = rules(tmp_path / "new", scoring=more, journeys=text)
    game.event("1d", "chat_started")
    assert "care" in game.lead.journeys


def test_a_stage_that_is_gone_is_below_and_above_nothing(tmp_path: Path) -> None:
    """Whoever is in it stays there, is told of, and goes on to other stages."""
    text = "journeys: [{id: care, enter: {event: chat_started, when: {stage: {at_least: new}}}, steps: [{id: w, wait: 9d}]}]"
    game = Play(rules(tmp_path / "old", lifecycle=stages("demo"), journeys=text))
    game.event("0d", "stage_changed", EMAIL, to="demo")
    game.ruleset = rules(tmp_path / "new", lifecycle=stages(), journeys=text)
    game.event("1d", "chat_started")
    assert (game.lead.facts["stage"], game.lead.journeys) == ("demo", {})
    assert game.happened("rule_error") == [{"reason": "there is no stage demo any more"}]
    game.event("2d", "opportunity_won")
    assert game.lead.facts["stage"] == "won"


def test_a_grade_of_a_person_that_is_gone_gives_way_to_the_computed_one(tmp_path: Path) -> None:
    """And the timeline says so."""
    old = scoring(VIEWS, grades=GRADES.replace("grade: B", "grade: S"))
    game = Play(rules(tmp_path / "old", scoring=old))
    game.event("0d", "page_viewed", EMAIL)
    game.event("0d", "grade_overridden", grade="S", reason="VIP")
    text = "journeys: [{id: care, enter: {event: chat_started, when: {grade: {at_most: B}}}, steps: [{id: w, wait: 9d}]}]"
    new = rules(tmp_path / "new", scoring=scoring(VIEWS, grades=GRADES), journeys=text)
    game.ruleset = new
    game.event("1d", "chat_started")
    assert game.lead.facts["grade"] == "C"
    assert "care" in game.lead.journeys
    [told] = game.happened("value_set_aside")
    assert told["reason"] == "there is no grade S any more"


def test_the_clock_of_an_sla_that_is_gone_stops_when_it_is_due(tmp_path: Path) -> None:
    """With the reason on the timeline; no clock runs that nobody looks at."""
    text = """
teams: {east: {members: [{id: li.na}]}}
rules: [{id: east, assign: {team: east}}, {id: rest, assign: {pool: public}}]
sla: [{id: %s, accept: 1h, on_breach: [{after: 2h, do: remind}]}]
pools: {public: {}}
"""
    game = Play(rules(tmp_path / "old", routing=text % "first", journeys="journeys: []"))
    game.event("0d", "lead_assigned", EMAIL, owner="li.na")
    game.ruleset = rules(tmp_path / "new", routing=text % "other", journeys="journeys: []")
    game.clock("59m")
    assert game.lead.clocks["accept"].status == "running"
    game.clock("2h")
    assert game.lead.clocks["accept"].status == "stopped"
    assert game.happened("sla_stopped") == [{"clocks": ["accept"], "reason": "the SLA is gone"}]
    assert not [name for name in game.lead.timers if name.startswith("sla:")]
