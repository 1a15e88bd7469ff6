"""What may not stop a lead: old events, changed types, long outages, rules that set themselves anew."""

from __future__ import annotations

from pathlib import Path

import msgspec

from engine.language.instants import DAY
from engine.machines.state import STALE, Event
from engine.machines.turn import take_turn
from tests.play import START, Play, rules, scoring

EMPLOYEES = "{id: large, dimension: fit, when: {lead.size: {gte: 500}}, points: 15}"


def test_a_value_of_another_type_is_set_aside_and_told(tmp_path: Path) -> None:
    """After a field went from text to integer no rule meets the old text, and the timeline says so."""
    text = "fields: {size: {type: string}}"
    page = "{id: page, dimension: behavior, event: page_viewed, points: 1, repeat: each}"
    before = rules(tmp_path / "a", catalog=text, scoring=scoring(page))
    after = rules(
        tmp_path / "b", catalog="fields: {size: {type: integer}}", scoring=scoring(EMPLOYEES, page)
    )
    play = Play(before)
    play.event("0d", "form_submitted", {"size": "五百", "city": "上海"})
    play.ruleset = after
    play.event("1d", "page_viewed")
    assert "lead.size" not in play.lead.facts
    assert play.lead.facts["lead.city"] == "上海"
    (told,) = [h for h in play.happenings if h.kind == "value_set_aside"]
    assert told.data["fact"] == "lead.size"
    assert told.data["type"] == "integer"
    play.event("2d", "form_submitted", {"size": 500})
    assert play.lead.facts["score.default.fit"] == 15


def test_a_number_that_takes_the_place_of_text_crosses_its_mark(tmp_path: Path) -> None:
    """An edge does not compare the new number with the text that was there under older rules."""
    rose = "{id: 变大, dimension: fit, when: {lead.size: {rises_to: 500}}, points: 7, repeat: each}"
    before = rules(tmp_path / "a", catalog="fields: {size: {type: string}}")
    after = rules(tmp_path / "b", catalog="fields: {size: {type: integer}}", scoring=scoring(rose))
    play = Play(before)
    play.event("0d", "form_submitted", {"size": "五百"})
    play.ruleset = after
    play.event("1d", "form_submitted", {"size": 600})
    assert play.happened("value_set_aside")[0]["fact"] == "lead.size"
    play.event("2d", "form_submitted", {"size": 400})
    play.event("3d", "form_submitted", {"size": 500})
    assert [line.at for line in play.ledger if line.rule == "变大"][-1] == START + 3 * DAY


def test_a_grade_that_there_is_not_is_refused(tmp_path: Path) -> None:
    """A person's grade must be one of the model's; a refusal names those, and changes nothing."""
    play = Play(rules(tmp_path, scoring=scoring(EMPLOYEES.replace("lead.size", "lead.employees"))))
    play.event("0d", "form_submitted", {"city": "上海"})
    play.event("1d", "grade_overridden", grade="S", reason="老客户")
    assert play.lead.facts["grade"] == "C"
    (told,) = [h for h in play.happenings if h.kind == "grade_refused"]
    assert told.data == {"to": "S", "reason": "there is no grade S", "allowed": ["A", "C"]}
    play.event("2d", "grade_overridden", grade="A", reason="老客户")
    assert play.lead.facts["grade"] == "A"


def test_an_outage_of_any_length_equals_prompt_waking(tmp_path: Path) -> None:
    """After more than a thousand missed deadlines a lead stands as if each had been met in time."""
    idle = (
        "{id: idle%d, dimension: behavior, when: {absent: {event: any, for: 1d}}, "
        "points: -1, repeat: each}"
    )
    ruleset = rules(tmp_path, scoring=scoring(*(idle % n for n in range(3))))
    prompt, late = Play(ruleset), Play(ruleset)
    for play in (prompt, late):
        play.event("0d", "form_submitted")
    prompt.clock("400d")
    prompt.event("400d", "form_submitted")
    late.event("400d", "form_submitted")
    assert late.score == prompt.score == -3 * 400
    assert late.ledger == [
        msgspec.structs.replace(line, event=e.event)
        for line, e in zip(prompt.ledger, late.ledger, strict=True)
    ]


def test_a_stale_event_is_kept_and_does_not_count(tmp_path: Path) -> None:
    """An event that intake found older than events are kept scores nothing and feeds no window."""
    page = "{id: page, dimension: behavior, event: page_viewed, points: 5, repeat: each}"
    seen = "{id: seen, dimension: behavior, when: {count: {event: page_viewed, gte: 1}}, points: 7}"
    play = Play(rules(tmp_path, scoring=scoring(page, seen)))
    play.event("0d", "form_submitted")
    old = Event(
        "old",
        "page_viewed",
        START - 900 * DAY,
        {"city": "苏州"},
        {"page": "pricing"},
        screened={STALE: "older than the 2y for which events are kept"},
    )
    turn = take_turn(play.ruleset, play.lead, play.teams, old, START + DAY)
    assert turn.lead.facts["score.default.total"] == 0
    assert turn.lead.windows == play.lead.windows
    assert turn.lead.facts["lead.city"] == "苏州"  # it fills a gap in the profile


def test_a_journey_that_starts_itself_is_stopped_and_told(tmp_path: Path) -> None:
    """One that its own end begins again ends after a hundred rounds, and the next event is heard."""
    enter = "enter: {event: [trial_requested, journey_left]}, reentry: always"
    steps = "steps: [{id: s, set: {tags: {add: [回访]}}}]"
    text = f"journeys:\n  - {{id: 循环, {enter}, {steps}}}\n"
    play = Play(rules(tmp_path, journeys=text))
    play.event("0d", "trial_requested")
    assert [h["reason"] for h in play.happened("rule_error")] == [
        "rules did not settle after 100 rounds"
    ]
    play.event("1d", "form_submitted", {"need": "三"})
    assert play.lead.facts["lead.need"] == "三"
    assert len(play.happened("rule_error")) == 1
