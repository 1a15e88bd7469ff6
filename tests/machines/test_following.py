"""Follow-ups, the clock up to the next contact, and reminders; on a simulated clock."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.machines.state import Event
from tests.play import START, Play, rules

DAY = 86_400_000
HOUR = 3_600_000
ROUTING = """
teams:
  east: {supervisor: zhou, members: [{id: li}]}
rules:
  - {id: all, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
sla:
  - {id: first, when: {stage: {at_most: assigned}}, accept: 1h, first_contact: 24 working_hours, calendar: cn}
  - id: a
    when: {grade: A}
    next_contact: 2d
    on_breach: [{after: 3d, do: remind}, {after: 5d, do: escalate}, {after: 7d, do: recycle, to: public}]
  - {id: c, next_contact: 10 working_days, calendar: cn}
pools: {public: {}}
"""
ROUTE = "journeys:\n  - {id: r, enter: {event: trial_requested}, steps: [{id: go, route: {}}, {id: w, wait: 900d}]}\n"
NOTIFIED = """
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
  notify: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
"""


def play(folder: Path, **lead: object) -> Play:
    """A lead that has just been given to Li."""
    game = Play(rules(folder, routing=ROUTING, journeys=ROUTE, server=NOTIFIED))
    game.event("0d", "trial_requested", lead)
    return game


def breaches(game: Play) -> list[tuple[str, float]]:
    """Return the rungs that were reached, with the hours since the start."""
    return [
        (h.data["rung"], (h.at - START) / HOUR) for h in game.happenings if h.kind == "sla_breached"
    ]


def test_each_contact_starts_the_next_clock(tmp_path: Path) -> None:
    """FUP-1: a grade A lead is to be heard of every two days, a contact in time starts anew."""
    game = play(tmp_path)
    game.event("0d", "grade_overridden", grade="A", reason="大客户")
    game.event("30m", "call_logged", outcome="接通")
    clock = game.lead.clocks["next_contact"]
    assert (clock.sla, clock.due) == ("a", START + 2 * DAY + HOUR // 2)
    game.event("2d", "visit_logged", outcome="面谈")
    assert game.lead.clocks["next_contact"].due == START + 4 * DAY
    game.clock("8d")
    assert breaches(game) == [
        ("next_contact", 96.0),
        ("remind", 120.0),
        ("escalate", 168.0),
    ]
    game.event("8d", "call_logged", outcome="接通")
    game.clock("14d")
    assert game.lead.facts["owner"] == "li"
    game.clock("15d")
    assert (game.lead.facts.get("owner"), game.lead.facts["pool"]) == (None, "public")
    assert game.lead.clocks["next_contact"].status == "breached"


def test_people_change_tags(tmp_path: Path) -> None:
    """Tags that a person adds stand once and in order; what they remove is gone, other tags stay."""
    game = play(tmp_path)
    game.event("1h", "tags_changed", add=["重点客户", "展会", "重点客户"])
    assert game.lead.facts["lead.tags"] == ["重点客户", "展会"]
    game.event("2h", "tags_changed", add=["老客户"], remove=["展会", "没有的"])
    assert game.lead.facts["lead.tags"] == ["重点客户", "老客户"]
    game.event("3h", "tags_changed", remove=["重点客户", "老客户"])
    assert "lead.tags" not in game.lead.facts


def test_grades_have_their_own_pace(tmp_path: Path) -> None:
    """FUP-1: what is not A is heard of within ten working days, weekends aside."""
    game = play(tmp_path)
    game.event("30m", "call_logged", outcome="接通")
    assert game.lead.clocks["next_contact"].sla == "c"
    game.clock("13d")
    assert breaches(game) == []
    game.clock("15d")
    assert [rung for rung, _ in breaches(game)] == ["next_contact"]


def test_no_clock_runs_for_what_is_over(tmp_path: Path) -> None:
    """A lead that is won breaches nothing and is taken from nobody."""
    game = play(tmp_path)
    game.event("0d", "grade_overridden", grade="A", reason="大客户")
    game.event("30m", "call_logged", outcome="接通")
    game.event("2h", "opportunity_won", amount=1_000_000)
    game.clock("30d")
    assert breaches(game) == []
    assert game.lead.facts["owner"] == "li"
    assert game.happened("sla_stopped")[-1]["reason"] == "the lead is at its end"


def test_nobody_is_chased_without_an_owner(tmp_path: Path) -> None:
    """Giving the lead back stops what runs for the owner."""
    game = play(tmp_path)
    game.event("30m", "call_logged", outcome="接通")
    game.event("2h", "lead_released", reason="转行业")
    game.clock("60d")
    assert breaches(game) == []
    assert game.lead.clocks["next_contact"].status == "stopped"


def test_the_next_date_makes_a_to_do_and_a_reminder(tmp_path: Path) -> None:
    """FUP-4: at the instant that was agreed on the owner is reminded, once."""
    game = play(tmp_path)
    game.event(
        "1h",
        "call_logged",
        summary="关注交付周期",
        next_step="发送案例",
        next_at="2026-03-05T10:00:00+08:00",
    )
    (task,) = game.tasks
    assert (task.title, task.owner, task.due) == ("发送案例", "li", START + 3 * DAY + HOUR)
    game.clock("73h")
    (note,) = [d for d in game.deliveries if d.params.get("what") == "task"]
    assert (note.to, note.status, note.at) == ("li", "queued", START + 73 * HOUR)
    game.clock("30d")
    assert len(game.happened("task_reminded")) == 1
    assert game.lead.todos == {}


def test_what_is_done_reminds_nobody(tmp_path: Path) -> None:
    """A to-do that is done before its time is not reminded of; one put off is, later."""
    game = play(tmp_path)
    game.event("1h", "task_given", title="寄样品", due="2026-03-03T09:00:00+08:00")
    game.event("1h", "task_given", title="报价", due="2026-03-03T09:00:00+08:00", priority="high")
    sample, offer = game.tasks
    assert (offer.priority, sample.owner) == ("high", "li")
    game.event("2h", "task_completed", task=sample.id)
    game.event("2h", "task_snoozed", task=offer.id, until="2026-03-06T09:00:00+08:00")
    game.clock("2d")
    assert game.happened("task_reminded") == []
    game.clock("4d")
    assert game.happened("task_reminded") == [{"task": offer.id, "owner": "li"}]


def test_signals_raise_an_alert(tmp_path: Path) -> None:
    """CNV-5: who asks about contract and trial is told of to owner and supervisor at once."""
    game = play(tmp_path)
    game.event("1h", "call_logged", signals=["合同细节", "试用"])
    (task,) = game.tasks
    assert (task.owner, task.priority, task.due) == ("li", "high", START + HOUR)
    notes = {d.to for d in game.deliveries if d.params.get("what") == "signal"}
    assert notes == {"li", "zhou"}
    assert game.happened("conversion_signal") == [{"signals": ["合同细节", "试用"]}]


def test_rules_hear_signals(tmp_path: Path) -> None:
    """A scoring rule may give points for a signal, and for each of them."""
    scoring = """
models:
  default:
    dimensions: {fit: {}}
    rules: [{id: signal, dimension: fit, event: conversion_signal, where: {signal: 合同细节}, points: 30, repeat: each}]
    grades: [{grade: A, from: 30}, {grade: C, from: 0}]
"""
    game = Play(rules(tmp_path, routing=ROUTING, journeys=ROUTE, scoring=scoring))
    game.event("0d", "trial_requested")
    game.event("1h", "visit_logged", signals=["合同细节", "试用"])
    assert (game.score, game.lead.facts["grade"]) == (30, "A")


@pytest.mark.parametrize("kind", ["call_logged", "note_added"])
def test_history_reminds_of_nothing(tmp_path: Path, kind: str) -> None:
    """Imported follow-ups count, and make neither to-dos nor alerts."""
    game = play(tmp_path)
    game.event("1h", kind, history=True, next_at="2026-03-05T10:00:00+08:00", signals=["试用"])
    assert game.tasks == []
    assert game.lead.contacted_at == START + HOUR
    assert not [name for name in game.lead.timers if name.startswith("task:")]


def test_declining_asks_the_supervisor(tmp_path: Path) -> None:
    """SLA-2: who cannot take a lead on says so, and the supervisor has it on their list."""
    game = play(tmp_path)
    game.event("10m", "lead_declined", reason="出差")
    (task,) = game.tasks
    assert (task.owner, task.priority) == ("zhou", "high")
    assert "出差" in task.title
    (note,) = [d for d in game.deliveries if d.params.get("what") == "declined"]
    assert note.to == "zhou"


def test_a_to_do_without_a_date_reminds_nobody(tmp_path: Path) -> None:
    """It stands on the list and no deadline waits; so does one whose date nobody can read."""
    game = play(tmp_path)
    game.event("1h", "task_given", title="寄样品")
    game.event("1h", "task_given", title="报价", due="下周三")
    assert [(t.title, t.owner, t.due) for t in game.tasks] == [
        ("寄样品", "li", None),
        ("报价", "li", None),
    ]
    assert game.lead.todos == {}
    assert not [name for name in game.lead.timers if name.startswith("task:")]


def test_to_dos_of_the_past_are_not_given_again(tmp_path: Path) -> None:
    """Imported ones are history, and putting one off then or to no date changes nothing."""
    game = play(tmp_path)
    game.event("1h", "task_given", history=True, title="寄样品", due="2026-03-03T09:00:00+08:00")
    assert game.tasks == []
    game.event("1h", "task_given", title="报价", due="2026-03-03T09:00:00+08:00")
    (task,) = game.tasks
    later = {"task": task.id, "until": "2026-03-06T09:00:00+08:00"}
    game.event("2h", "task_snoozed", history=True, **later)
    game.event("2h", "task_snoozed", task=task.id)
    assert game.happened("task_snoozed") == []
    game.clock("1d")
    assert game.happened("task_reminded") == [{"task": task.id, "owner": "li"}]


def test_what_nobody_knows_is_done_and_due_without_a_word(tmp_path: Path) -> None:
    """A journey's to-do is no reminder, and a stray deadline passes."""
    game = play(tmp_path)
    game.event("1h", "task_completed", task="别处的")
    timers = {**game.lead.timers, "task:别处的": START + 2 * HOUR}
    game.lead = msgspec.structs.replace(game.lead, timers=timers)
    game.clock("3h")
    assert game.happened("task_reminded") == []
    assert "task:别处的" not in game.lead.timers


def test_a_signal_of_a_lead_without_owner_goes_to_who_heard_it(tmp_path: Path) -> None:
    """No supervisor is known either, so nobody else is told; heard by nobody it is a to-do still."""
    text = ROUTING.replace("- {id: all, assign: {team: east}}\n", "")
    game = Play(rules(tmp_path, routing=text, journeys=ROUTE, server=NOTIFIED))
    game.event("0d", "trial_requested")
    at = START + HOUR
    event = Event("call", "call_logged", at, {}, {"signals": ["试用"]}, by="wang")
    game.take(event, at)
    game.event("2h", "call_logged", signals=["合同细节"])
    assert [t.owner for t in game.tasks] == ["wang", None]
    assert [d.to for d in game.deliveries if d.params.get("what") == "signal"] == ["wang"]


@pytest.mark.parametrize("history", [True, False])
def test_a_lead_of_nobody_or_of_the_past_is_not_declined(tmp_path: Path, history: bool) -> None:
    """There is nobody to be relieved of it."""
    game = play(tmp_path)
    if not history:
        game.event("5m", "lead_released", reason="换人")
    game.event("10m", "lead_declined", history=history, reason="出差")
    assert game.tasks == []
    assert game.deliveries == []
