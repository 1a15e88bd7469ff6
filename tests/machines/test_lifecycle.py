"""Stages: who may move a lead where, and what is answered to who may not."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.play import START, Play, rules

LIFECYCLE = """
stages:
  - {id: new}
  - {id: talk, event: call_logged, where: {outcome: 接通}, when: {lead.city: 上海}}
  - {id: offer, from: [talk]}
  - {id: won, final: true}
  - {id: lost, requires: [reason]}
  - {id: invalid}
"""


@pytest.fixture
def game(tmp_path: Path) -> Play:
    """A lead in the first stage."""
    played = Play(rules(tmp_path, lifecycle=LIFECYCLE))
    played.event("0d", "note_added", {"city": "南京"})
    return played


def refusal(game: Play) -> tuple[str, list[str]]:
    """Why the last move was refused, and what was allowed instead."""
    last = game.happened("stage_refused")[-1]
    return last["reason"], last["allowed"]


def test_an_event_enters_a_stage_only_as_its_rule_says(game: Play) -> None:
    """Its properties and the lead's fields must both fit; the event is the reason."""
    game.event("1h", "call_logged", outcome="未接")
    game.event("2h", "call_logged", outcome="接通")
    assert game.lead.facts["stage"] == "new"
    game.event("3h", "call_logged", {"city": "上海"}, outcome="接通")
    assert game.lead.facts["stage"] == "talk"
    assert game.lead.stages["talk"] == START + 3 * 3_600_000
    told = game.happened("stage")[-1]
    assert (told["from"], told["to"], told["reason"], told["rule"]) == (
        "new", "talk", "call_logged", "talk",
    )  # fmt: skip


def test_who_is_in_a_stage_does_not_enter_it(game: Play) -> None:
    """A second call does not date the stage anew, and a person is told."""
    game.event("1h", "call_logged", {"city": "上海"}, outcome="接通")
    game.event("2h", "call_logged", outcome="接通")
    assert len([h for h in game.happened("stage") if h["to"] == "talk"]) == 1
    game.event("3h", "stage_changed", to="talk")
    assert refusal(game)[0] == "the lead is already in stage talk"


def test_a_person_is_told_from_where_a_stage_is_entered(game: Play) -> None:
    """A refusal names what is allowed instead."""
    game.event("1h", "stage_changed", to="offer")
    assert refusal(game) == (
        "offer is entered from talk, not new",
        ["talk", "won", "lost", "invalid"],
    )
    game.event("2h", "stage_changed", to="talk")
    game.event("3h", "stage_changed", to="offer")
    assert game.lead.facts["stage"] == "offer"
    assert game.happened("stage")[-1]["reason"] == "by hand"


def test_a_stage_that_is_not_there_is_refused(game: Play) -> None:
    """The name is quoted."""
    game.event("1h", "stage_changed", to="赢单")
    assert refusal(game)[0] == "there is no stage 赢单"
    assert game.lead.facts["stage"] == "new"


def test_a_required_reason_must_be_given(game: Play) -> None:
    """Without one nothing happens; with one it is recorded."""
    game.event("1h", "stage_changed", to="lost")
    assert refusal(game)[0] == "lost requires a reason"
    game.event("2h", "stage_changed", to="lost", reason="预算取消")
    assert game.lead.facts["stage"] == "lost"
    assert game.happened("stage")[-1]["reason"] == "预算取消"


def test_nothing_leads_out_of_a_final_stage(game: Play) -> None:
    """Neither a person nor a rule moves a lead that is done."""
    game.event("1h", "stage_changed", to="won")
    game.event("2h", "stage_changed", to="invalid")
    assert refusal(game) == ("won is final", [])
    game.event("3h", "call_logged", {"city": "上海"}, outcome="接通")
    assert game.lead.facts["stage"] == "won"
