"""A new lead is asked at once about what it lacks: stages, journeys and pools, as scores are."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.machines.test_steps import EMAIL
from tests.play import START, Play, rules

DAY = 24 * 3_600_000
LACKS = {
    "no city": "{lead.city: {exists: false}}",
    "another city or none": "{not: {lead.city: 上海}}",
    "few employees or none": "{not: {lead.employees: {gte: 500}}}",
    "nobody's": "{owner: {exists: false}}",
    "no visit": "{count: {event: page_viewed, eq: 0}}",
    "no order": "{sum: {event: order_placed, of: amount, lt: 100}}",
    "one of two": "{any: [{lead.city: 北京}, {lead.industry: {exists: false}}]}",
    "both": "{lead.email: {exists: true}, lead.city: {exists: false}}",
}


def journey(when: str) -> str:
    """A journey that this condition leads into."""
    return f"journeys: [{{id: care, enter: {{when: {when}}}, steps: [{{id: w, wait: 9d}}]}}]"


@pytest.mark.parametrize("when", LACKS.values(), ids=LACKS.keys())
@pytest.mark.parametrize("event", ["note_added", "form_submitted", "chat_started"])
def test_what_a_new_lead_lacks_leads_into_a_journey(tmp_path: Path, when: str, event: str) -> None:
    """Nothing changes by its lack, and yet the condition holds from the creation on."""
    game = Play(rules(tmp_path, journeys=journey(when)))
    game.event("0d", event, EMAIL)
    assert game.lead.facts.get("journey.care") == "w"


@pytest.mark.parametrize("event", ["note_added", "form_submitted"])
def test_a_silence_begins_with_the_creation(tmp_path: Path, event: str) -> None:
    """A lead that has never done it is silent from its creation on, whoever brought it."""
    game = Play(rules(tmp_path, journeys=journey("{absent: {event: page_viewed, for: 3d}}")))
    game.event("0d", event, EMAIL)
    assert game.lead.timers["enter:care"] == START + 3 * DAY
    game.clock("4d")
    assert game.lead.journeys["care"].entered_at == START + 3 * DAY


def test_a_stage_of_silence_is_entered_without_any_event_of_the_lead(tmp_path: Path) -> None:
    """As the page of stages says of `when`: by itself, when it comes true."""
    stages = """
stages:
  - {id: new}
  - {id: dormant, when: {absent: {event: any, for: 30d}}}
  - {id: won, event: opportunity_won, final: true}
"""
    game = Play(rules(tmp_path, lifecycle=stages, journeys="journeys: []"))
    game.event("0d", "note_added", EMAIL)
    game.clock("31d")
    assert game.lead.facts["stage"] == "dormant"
    assert game.lead.stages["dormant"] == START + 30 * DAY


def test_history_leaves_it_to_the_first_news(tmp_path: Path) -> None:
    """An imported lead starts nothing; the first live event asks for what it lacks."""
    game = Play(rules(tmp_path, journeys=journey("{lead.city: {exists: false}}")))
    game.event("0d", "note_added", EMAIL, history=True)
    assert not game.lead.journeys
    game.event("1d", "page_viewed")
    assert game.lead.journeys["care"].entered_at == START + DAY


def test_who_has_it_from_the_start_lacks_nothing(tmp_path: Path) -> None:
    """Fields that the first event brings are there when it is asked."""
    game = Play(rules(tmp_path, journeys=journey("{lead.city: {exists: false}}")))
    game.event("0d", "form_submitted", {**EMAIL, "city": "上海"})
    game.event("1d", "page_viewed")
    assert not game.lead.journeys
