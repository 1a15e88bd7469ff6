"""Events that arrive late: news for journeys, but what is sent at once has its own moment."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from engine.machines.state import Event
from tests.play import START, Play, rules

HOUR = 3_600_000
WHO: dict[str, Any] = {"email": "wang@acme-valves.cn", "name": "王芳", "city": "上海"}
CARE = """
journeys:
  - id: 展会跟进
    enter: {event: form_submitted}
    steps:
      - {id: owner, route: {}}
      - {id: hello, send: welcome}
      - {id: call, task: {title: 电话回访, to: zhang.wei}}
      - {id: pause, wait: 2d}
      - {id: again, send: welcome}
      - {id: opened, wait: {event: email_opened, of: again, within: 9d}, then: thanks, else: end}
      - {id: thanks, send: welcome}
"""
HELLO = "messages:\n  welcome: {action: email, subject: 您好, text: 感谢光临展位}\n"


def play(folder: Path, more: str = "") -> Play:
    """Play the journey above; a message is stale after two days."""
    return Play(rules(folder, journeys=CARE, messages=HELLO + more))


def sends(game: Play) -> list[tuple[str | None, str, str]]:
    """The step, the status and the reason of each message."""
    return [(d.step, d.status, d.reason) for d in game.deliveries if d.message]


def test_a_late_event_leads_in_but_what_is_sent_at_once_is_stale(tmp_path: Path) -> None:
    """The greeting of three days ago is blocked, though somebody was asked for in between."""
    game = play(tmp_path)
    game.event("0d", "form_submitted", WHO, now="3d")
    assert sends(game) == [("hello", "blocked", "stale: its moment was 2026-03-02T01:00:00Z")]
    assert [task.title for task in game.tasks] == ["电话回访"]
    assert game.happened("message_blocked")[0]["step"] == "hello"


def test_waits_count_from_the_arrival_of_a_late_event(tmp_path: Path) -> None:
    """Nothing is made up for at once: two days from now the next message is due, and in time."""
    game = play(tmp_path)
    game.event("0d", "form_submitted", WHO, now="3d")
    assert game.lead.journeys["展会跟进"].entered_at == START + 72 * HOUR
    game.clock("4d23h59m")
    assert len(sends(game)) == 1
    game.clock("5d")
    assert sends(game)[1:] == [("again", "queued", "")]


def test_a_message_is_late_from_one_instant_on(tmp_path: Path) -> None:
    """`stale_after` of the event's age goes out, a millisecond more does not."""
    for at, status in ((START, "queued"), (START - 1, "blocked")):
        game = play(tmp_path / status)
        game.take(Event("表单", "form_submitted", at, WHO), START + 48 * HOUR)
        assert [each[1] for each in sends(game)] == [status]


def test_an_open_that_is_reported_late_moves_on_and_sends_what_is_not_stale(
    tmp_path: Path,
) -> None:
    """A wait hears a late event; the answer to it has the event's moment, too."""
    for now, status in (("7d", "queued"), ("9d", "blocked")):
        game = play(tmp_path / status)
        game.event("0d", "form_submitted", WHO)
        game.clock("2d")
        game.event("6d", "email_opened", now=now, journey="展会跟进", step="again")
        assert [each[:2] for each in sends(game)[2:]] == [("thanks", status)]
        assert game.lead.journeys["展会跟进"].reason == "completed"


def test_what_a_deadline_sends_is_not_late_because_a_late_event_woke_the_lead(
    tmp_path: Path,
) -> None:
    """Its moment is the deadline, whatever event comes at the same instant."""
    game = play(tmp_path)
    game.event("9d", "form_submitted", WHO)
    game.event("0d", "page_viewed", now="11d", page="pricing")
    assert [each[:2] for each in sends(game)] == [("hello", "queued"), ("again", "queued")]


def test_quiet_hours_count_from_the_events_own_moment(tmp_path: Path) -> None:
    """Of a message that is a day old and would wait beyond its two days nothing goes out."""
    quiet = 'quiet_hours: [{between: ["08:00", "07:00"]}]\n'
    for at, status in (("2d", []), ("18h", ["blocked"])):
        game = play(tmp_path / at, quiet)
        game.event(at, "form_submitted", WHO, now="2d")
        assert [each[1] for each in sends(game)] == status


def test_an_edited_journey_begins_anew_in_time(tmp_path: Path) -> None:
    """What an edit restarts is of now, even when a late event is what woke the lead."""
    restart = CARE.replace("    enter:", "    on_change: restart\n    enter:").replace("9d", "8d")
    game = play(tmp_path / "old")
    game.event("9d", "form_submitted", WHO)
    game.ruleset = rules(tmp_path / "new", journeys=restart)
    game.event("0d", "page_viewed", now="10d", page="pricing")
    assert [each[:2] for each in sends(game)] == [("hello", "queued"), ("hello", "queued")]


def test_a_stage_is_entered_when_that_happened_by_which_it_is(tmp_path: Path) -> None:
    """A sale told on Monday was won on Friday, but not before the lead came into the stage before."""
    stages = (
        "stages: [{id: new}, {id: met, event: visit_logged}, {id: won, event: opportunity_won}]"
    )
    game = Play(rules(tmp_path, journeys=CARE, lifecycle=stages, messages=HELLO))
    game.event("0d", "form_submitted", WHO, now="1d")
    game.event("3d", "visit_logged", now="5d")
    game.event("2d", "opportunity_won", now="6d")
    days = {stage: (at - START) / (24 * HOUR) for stage, at in game.lead.stages.items()}
    assert days == {"new": 0, "met": 3, "won": 3}
    told = [each.at for each in game.happenings if each.kind == "stage"]
    assert told == [*game.lead.stages.values()]


def test_history_of_an_owner_before_the_present_one_changes_nothing(tmp_path: Path) -> None:
    """Who had the lead last year does not take it from whom it was given to since."""
    game = play(tmp_path)
    game.event("2d", "lead_assigned", WHO, owner="zhang.wei")
    game.event("1d", "lead_assigned", {}, now="3d", history=True, owner="li.na")
    assert game.lead.facts["owner"] == "zhang.wei"
    assert game.lead.assignment is not None
    assert game.lead.assignment.at == START + 48 * HOUR
