"""Journeys enter, wait, branch and end as their YAML says."""

from __future__ import annotations

from pathlib import Path

from tests.play import START, Play, rules, scoring

HOUR = 3_600_000
PLAIN = """
journeys:
  - id: care
    enter: {event: form_submitted}
    reentry: %s
    exit: {when: {stage: [won, lost, invalid]}}
    goal: {event: order_placed}
    steps:
      - {id: hello, send: welcome}
      - {id: opened, wait: {event: [email_opened, email_clicked], of: hello, within: 24h}, then: talk, else: video}
      - {id: talk, task: {title: 一对一沟通, to: zhang.wei, due: 4 working_hours, priority: high}, next: end}
      - {id: video, wait: {until: 48h, since: hello}}
      - {id: fork, branch: [{when: {lead.city: 上海}, next: shanghai}, {next: park}]}
      - {id: shanghai, set: {tags: {add: [上海]}}, next: end}
      - {id: park, set: {tags: {add: [待培育]}}}
"""
EMAIL = {"email": "a@b.cn"}


def play(folder: Path, reentry: str = "never") -> Play:
    """Play the journey above on a lead that has just filled in a form."""
    game = Play(rules(folder, journeys=PLAIN % reentry))
    game.event("0d", "form_submitted", EMAIL)
    return game


def test_a_message_goes_out_at_once_and_the_journey_waits(tmp_path: Path) -> None:
    """Steps run until one waits; the delivery's key names lead, journey, step and entry."""
    game = play(tmp_path)
    assert [d.message for d in game.deliveries] == ["welcome"]
    assert game.deliveries[0].key == "lead-1:care:hello:e1"
    assert game.lead.facts["journey.care"] == "opened"
    assert game.lead.wake_at == min(game.lead.timers.values())


def test_an_open_of_the_steps_own_message_goes_the_then_way(tmp_path: Path) -> None:
    """`of` listens to the message that this journey sent, by whatever the receipt names."""
    game = play(tmp_path)
    game.event("1h", "email_opened", message="other")
    assert game.lead.facts["journey.care"] == "opened"
    game.event("2h", "email_opened", message="welcome", journey="care", step="hello")
    assert [t.title for t in game.tasks] == ["一对一沟通"]
    assert game.tasks[0].due == START + 6 * HOUR
    assert game.lead.journeys["care"].reason == "completed"


def test_an_open_at_the_last_instant_counts_and_one_later_does_not(tmp_path: Path) -> None:
    """A wait of 24 h is half-open: 23:59:59 is in time, 24:00:00 is not."""
    late = play(tmp_path / "late")
    late.event("24h", "email_opened", message="welcome")
    assert late.lead.facts["journey.care"] == "video"
    in_time = play(tmp_path / "in-time")
    in_time.event("86399s", "email_opened", message="welcome")
    assert in_time.tasks


def test_silence_goes_the_else_way_and_branches(tmp_path: Path) -> None:
    """24 h without an open, 48 h since the message, then the branch's default."""
    game = play(tmp_path)
    game.clock("24h")
    assert game.lead.facts["journey.care"] == "video"
    game.clock("48h")
    assert game.lead.facts["lead.tags"] == ["待培育"]
    done = game.lead.journeys["care"].done
    assert {k: (v - START) // HOUR for k, v in done.items()} == {
        "hello": 0,
        "opened": 24,
        "video": 48,
        "fork": 48,
        "park": 48,
    }


def test_a_branch_takes_the_first_case_that_holds(tmp_path: Path) -> None:
    """Cases are tried in order."""
    game = play(tmp_path)
    game.event("1h", "form_submitted", {"city": "上海"})
    game.clock("48h")
    assert game.lead.facts["lead.tags"] == ["上海"]


def test_an_exit_ends_the_journey_at_once(tmp_path: Path) -> None:
    """Nothing of a journey waits after its exit."""
    game = play(tmp_path)
    game.event("1h", "stage_changed", to="invalid")
    assert game.lead.journeys["care"].reason == "exit: condition"
    assert "journey:care" not in game.lead.timers


FILTERED = """
journeys:
  - id: care
    enter: {event: form_submitted}
    exit: {event: opportunity_lost, where: {reason: {contains: 竞品}}}
    goal: {event: order_placed, where: {amount: {gte: 10000}}}
    steps:
      - {id: hold, wait: {event: [order_placed, opportunity_lost], within: 30d}, then: thanks}
      - {id: thanks, set: {tags: {add: [有动静]}}}
      - {id: rest, wait: 30d}
"""


def test_only_the_events_that_where_lets_through_end_a_journey(tmp_path: Path) -> None:
    """A small order is no goal, and a waiting step hears it; a large one is."""
    game = Play(rules(tmp_path, journeys=FILTERED))
    game.event("0d", "form_submitted", EMAIL)
    game.event("1h", "order_placed", amount=9999)
    assert game.lead.journeys["care"].left_at is None
    assert game.lead.facts["journey.care"] == "rest"
    assert game.lead.facts["lead.tags"] == ["有动静"]
    game.event("2h", "opportunity_lost", reason="预算取消")
    assert game.lead.journeys["care"].left_at is None
    game.event("3h", "order_placed", amount=10000)
    assert game.lead.journeys["care"].reason == "goal: order_placed"


def test_an_exit_looks_at_the_properties_of_its_event(tmp_path: Path) -> None:
    """A loss to a competitor ends the journey, whatever else is waited for."""
    game = Play(rules(tmp_path, journeys=FILTERED))
    game.event("0d", "form_submitted", EMAIL)
    game.event("1h", "opportunity_lost", reason="选择了竞品")
    assert game.lead.journeys["care"].reason == "exit: opportunity_lost"
    assert game.lead.facts.get("lead.tags") is None


def test_a_goal_ends_the_journey_and_is_named(tmp_path: Path) -> None:
    """Reaching the goal is recorded as such."""
    game = play(tmp_path)
    game.event("1h", "order_placed")
    assert game.lead.journeys["care"].reason == "goal: order_placed"


def test_reentry_is_never_unless_allowed_and_then_after_its_time(tmp_path: Path) -> None:
    """Why a lead did not enter is recorded."""
    never = play(tmp_path / "never")
    never.clock("3d")
    never.event("4d", "form_submitted")
    assert never.happened("journey_not_entered")[-1]["reason"].startswith("was in it before")
    after = play(tmp_path / "after", "{after: 10d}")
    after.clock("3d")
    after.event("4d", "form_submitted")
    after.event("13d", "form_submitted")
    assert [h["journey"] for h in after.happened("journey_entered")] == ["care", "care"]


def test_without_an_address_the_send_is_recorded_as_blocked(tmp_path: Path) -> None:
    """A message that cannot go out is an outcome with its reason."""
    game = Play(rules(tmp_path, journeys=PLAIN % "never"))
    game.event("0d", "form_submitted")
    assert [(d.status, d.reason) for d in game.deliveries] == [
        ("blocked", "the lead has no lead.email")
    ]
    assert game.happened("message_blocked")


def test_a_withdrawn_consent_blocks_its_topic(tmp_path: Path) -> None:
    """Nobody who unsubscribed gets marketing."""
    game = Play(rules(tmp_path, journeys=PLAIN % "never"))
    game.event("0d", "unsubscribed", EMAIL, topic="marketing")
    game.event("1d", "form_submitted")
    assert [d.status for d in game.deliveries] == ["blocked"]


def test_overdue_steps_run_in_order_once_and_stale_sends_are_skipped(tmp_path: Path) -> None:
    """After an outage every wait ends at its own instant; what is too old is not sent."""
    text = """
journeys:
  - id: drip
    enter: {event: form_submitted}
    steps:
      - {id: one, wait: 1d}
      - {id: first, send: welcome}
      - {id: two, wait: 1d}
      - {id: second, send: welcome}
      - {id: three, wait: 10d}
      - {id: third, send: welcome}
"""
    game = Play(rules(tmp_path, journeys=text))
    game.event("0d", "form_submitted", EMAIL)
    game.event("12d", "note_added")  # the host was down for twelve days
    assert [(d.step, d.status) for d in game.deliveries] == [
        ("first", "blocked"),
        ("second", "blocked"),
        ("third", "queued"),
    ]
    assert [(d.at - START) // (24 * HOUR) for d in game.deliveries] == [1, 2, 12]


def test_silence_alone_ends_a_journey_at_its_instant(tmp_path: Path) -> None:
    """An exit that the clock makes true needs no event."""
    text = """
journeys:
  - id: care
    enter: {event: form_submitted}
    exit: {when: {absent: {event: any, for: 10d}}}
    steps: [{id: pause, wait: 30d}, {id: hello, send: welcome}]
"""
    game = Play(rules(tmp_path, journeys=text))
    game.event("0d", "form_submitted", EMAIL)
    game.event("3d", "page_viewed", page="home")
    game.clock("40d")
    enrolment = game.lead.journeys["care"]
    assert (enrolment.reason, enrolment.left_at) == ("exit: condition", START + 13 * 24 * HOUR)
    assert game.deliveries == []


def test_each_visit_of_a_loop_has_its_own_key(tmp_path: Path) -> None:
    """A step visited again makes another task, not the same one twice."""
    text = """
journeys:
  - id: loop
    enter: {event: form_submitted}
    exit: {event: order_placed}
    steps:
      - {id: call, task: {title: 回访, to: marketing}}
      - {id: pause, wait: 2d, next: call}
"""
    game = Play(rules(tmp_path, journeys=text))
    game.event("0d", "form_submitted", EMAIL)
    game.clock("5d")
    assert len({t.id for t in game.tasks}) == len(game.tasks) == 3


def test_history_starts_no_journey(tmp_path: Path) -> None:
    """History is not news."""
    game = Play(rules(tmp_path, journeys=PLAIN % "never"))
    game.event("0d", "form_submitted", EMAIL, history=True)
    assert game.deliveries == []
    assert game.lead.journeys == {}


def test_what_an_event_ends_does_not_go_on_by_it(tmp_path: Path) -> None:
    """An exit that holds with what the event brings comes before the step that waits for it."""
    text = """
journeys:
  - id: care
    enter: {event: form_submitted}
    exit: {when: {score.total: {gte: 10}}}
    steps:
      - {id: w, wait: {event: page_viewed, within: 9d}, then: mark, else: end}
      - {id: mark, set: {tags: {add: [去]}}}
"""
    points = scoring("{id: p, dimension: fit, event: page_viewed, points: 10, repeat: each}")
    game = Play(rules(tmp_path, journeys=text, scoring=points))
    game.event("0d", "form_submitted", {"email": "a@b.cn"})
    game.event("1d", "page_viewed")
    assert game.lead.journeys["care"].reason == "exit: condition"
    assert "lead.tags" not in game.lead.facts


def test_the_clock_changes_scores_before_journeys_look(tmp_path: Path) -> None:
    """A silence that costs the grade and leads into a journey ends at one instant for both."""
    text = """
journeys:
  - id: for-a
    enter: {when: {absent: {event: any, for: 3d}, grade: A}}
    steps: [{id: w, wait: 9d}]
  - id: care
    enter: {event: form_submitted}
    steps:
      - {id: w, wait: 3d}
      - {id: b, branch: [{when: {grade: A}, next: hot}, {next: cool}]}
      - {id: hot, set: {tags: {add: [hot]}}, next: end}
      - {id: cool, set: {tags: {add: [cool]}}}
"""
    points = scoring(
        "{id: form, dimension: fit, event: form_submitted, points: 80, repeat: each}",
        "{id: idle, dimension: fit, when: {absent: {event: any, for: 3d}}, points: -10, repeat: each}",
    )
    game = Play(rules(tmp_path, journeys=text, scoring=points.replace("max: 60", "max: 100")))
    game.event("0d", "form_submitted", {"email": "a@b.cn"})
    game.clock("3d")
    assert (game.score, game.lead.facts["grade"]) == (70, "C")
    assert "for-a" not in game.lead.journeys
    assert game.lead.facts["lead.tags"] == ["cool"]
