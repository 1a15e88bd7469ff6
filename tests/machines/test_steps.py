"""The kinds of steps, and the ways in which a walk ends."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec

from engine.network.ruleset import Ruleset
from tests.play import START, Play, rules

HOUR = 3_600_000
DAY = 24 * HOUR
EMAIL = {"email": "a@b.cn"}


def journey(*steps: str, more: str = "") -> str:
    """A journey of these steps, entered by a form."""
    body = "".join(f"      - {step}\n" for step in steps)
    return (
        f"journeys:\n  - id: care\n    enter: {{event: form_submitted}}\n{more}    steps:\n{body}"
    )


def play(folder: Path, *steps: str, more: str = "", **files: str) -> Play:
    """Play a journey of these steps on a lead that has just filled in a form."""
    game = Play(rules(folder, journeys=journey(*steps, more=more), **files))
    game.event("0d", "form_submitted", EMAIL)
    return game


def test_set_writes_fields_tags_and_the_stage(tmp_path: Path) -> None:
    """Fields get their values, tags are added once and removed, the stage is entered by rule."""
    game = play(
        tmp_path,
        "{id: a, set: {tags: {add: [甲, 乙, 甲]}, fields: {city: 上海}, stage: nurturing}}",
        "{id: b, set: {tags: {add: [丙], remove: [甲]}, stage: nurturing}}",
    )
    assert game.lead.facts["lead.tags"] == ["乙", "丙"]
    assert game.lead.facts["lead.city"] == "上海"
    assert game.lead.facts["stage"] == "nurturing"
    assert game.lead.stages["nurturing"] == START
    assert game.happened("stage_refused") == []


def test_a_stage_that_may_not_be_entered_is_refused_with_the_reason(tmp_path: Path) -> None:
    """The journey goes on, and the timeline says what stopped the move."""
    game = play(
        tmp_path,
        "{id: a, set: {stage: won}}",
        "{id: b, set: {tags: {add: [后]}}}",
        lifecycle="stages: [{id: new}, {id: talk, from: [new]}, {id: won, from: [talk]}, {id: lost}, {id: invalid}]\n",
    )
    refused = game.happened("stage_refused")
    assert [(r["to"], r["journey"]) for r in refused] == [("won", "care")]
    assert refused[0]["reason"] == "won is entered from talk, not new"
    assert game.lead.facts["stage"] == "new"
    assert game.lead.facts["lead.tags"] == ["后"]


def test_score_gives_points_with_the_step_as_their_rule(tmp_path: Path) -> None:
    """A ledger line of its own names the journey and the step."""
    game = play(tmp_path, "{id: bonus, score: {dimension: behavior, points: 7}}")
    lines = [
        (line.rule, line.points, line.reason) for line in game.ledger if line.rule == "care.bonus"
    ]
    assert lines == [("care.bonus", 7, "journey")]
    assert game.lead.facts["score.default.behavior"] == 7


def test_points_of_a_dimension_that_is_gone_are_told_and_not_given(tmp_path: Path) -> None:
    """An old journey outlives its dimension: the step is skipped, visibly."""
    old = journey(
        "{id: pause, wait: 1d}",
        "{id: bonus, score: {dimension: fit, points: 7}}",
        "{id: last, set: {tags: {add: [完]}}}",
    )
    game = Play(rules(tmp_path / "old", journeys=old))
    game.event("0d", "form_submitted", EMAIL)
    entered = game.ruleset.definitions.journeys
    models = "models: {default: {dimensions: {behavior: {}}, rules: [], grades: [{grade: A, from: 80}, {grade: C, from: 0}]}}"
    new = rules(tmp_path / "new", journeys=journey("{id: other, wait: 3d}"), scoring=models)
    game.ruleset = Ruleset(new.definitions, entered)
    game.clock("1d")
    (told,) = game.happened("rule_error")
    assert (told["journey"], told["step"]) == ("care", "bonus")
    assert (game.score, game.lead.facts["lead.tags"]) == (0, ["完"])


def test_end_ends_it_and_nothing_after_it_runs(tmp_path: Path) -> None:
    """The steps below an end are reached by name only."""
    game = play(tmp_path, "{id: stop, end: true}", "{id: later, set: {tags: {add: [不]}}}")
    assert game.lead.journeys["care"].reason == "completed"
    assert "lead.tags" not in game.lead.facts


def test_a_wait_since_entry_or_an_earlier_step(tmp_path: Path) -> None:
    """The span counts from then; one that is over already goes on at once."""
    game = play(
        tmp_path,
        "{id: one, wait: 2d}",
        "{id: two, wait: {until: 1d, since: enter}}",
        "{id: three, wait: {until: 3d, since: one}}",
        "{id: done, set: {tags: {add: [完]}}}",
    )
    game.clock("10d")
    done = game.lead.journeys["care"].done
    assert {step: (at - START) // DAY for step, at in done.items()} == {
        "one": 2, "two": 2, "three": 5, "done": 5,
    }  # fmt: skip


def test_a_wait_since_entry_counts_from_the_instant_of_entering(tmp_path: Path) -> None:
    """NUR-9, X15, X16: two days and three days after the entry, not after one another.

    The entry is when the condition came true, however late the lead was woken for it; who comes
    in again counts from then.
    """
    game = Play(
        rules(
            tmp_path,
            journeys="journeys:\n  - id: care\n"
            "    enter: {when: {absent: {event: any, for: 5d}}}\n"
            "    reentry: always\n    steps:\n"
            "      - {id: 两天, wait: {until: 2d, since: enter}}\n"
            "      - {id: 三天, wait: {until: 3d, since: enter}}\n",
        )
    )
    game.event("0d", "page_viewed")
    game.event("9d", "note_added")  # the clock stood still: the first wake since the fifth day
    first = game.lead.journeys["care"]
    assert first.entered_at == START + 5 * DAY
    assert first.done == {"两天": START + 7 * DAY, "三天": START + 8 * DAY}
    game.event("20d", "page_viewed")
    game.clock("29d")
    again = game.lead.journeys["care"]
    assert again.entered_at == START + 25 * DAY
    assert again.done == {"两天": START + 27 * DAY, "三天": START + 28 * DAY}


def test_a_wait_since_a_step_counts_from_when_that_was_done_last(tmp_path: Path) -> None:
    """NUR-1, X15: 48 h since the proposal; what was heard meanwhile does not move it.

    In a loop the latest time counts, and a step that the lead never came through counts from now.
    """
    game = play(
        tmp_path,
        "{id: 提案, wait: {event: email_opened, within: 24h}}",
        "{id: 演示, wait: {until: 48h, since: 提案}}",
        "{id: 多少, branch: [{when: {count: {event: email_opened, gte: 2}}, next: 之后}, {next: 提案}]}",
        "{id: 没来过, wait: 1h, next: end}",
        "{id: 之后, wait: {until: 1d, since: 没来过}}",
    )
    game.event("20h", "email_opened")
    game.clock("67h")
    assert game.lead.journeys["care"].done == {"提案": START + 20 * HOUR}
    game.clock("68h")
    assert game.lead.journeys["care"].arrived_at == START + 68 * HOUR
    assert game.lead.facts["journey.care"] == "提案"
    game.event("70h", "email_opened")
    game.clock("300h")
    done = game.lead.journeys["care"].done
    assert {step: (at - START) // HOUR for step, at in done.items()} == {
        "提案": 70, "演示": 118, "多少": 118, "之后": 142,
    }  # fmt: skip


def test_a_waiting_step_hears_people_of_the_present_only(tmp_path: Path) -> None:
    """Neither a scanner's click nor what happened before the step came answers it."""
    game = play(
        tmp_path,
        "{id: one, wait: 1d}",
        "{id: two, wait: {event: email_clicked, within: 9d}, then: yes, else: end}",
        "{id: yes, set: {tags: {add: [是]}}}",
    )
    game.clock("2d")
    game.event("3d", "email_clicked", bot=True)
    game.event("12h", "email_clicked", now="4d")
    assert game.lead.facts["journey.care"] == "two"
    game.event("5d", "email_clicked")
    assert game.lead.facts["lead.tags"] == ["是"]


def test_a_loop_without_a_wait_stops_visibly(tmp_path: Path) -> None:
    """A hundred steps in one go are a mistake, and said to be one."""
    game = play(
        tmp_path,
        "{id: a, branch: [{when: {lead.email: {exists: true}}, next: b}, {next: end}]}",
        "{id: b, set: {fields: {city: 上海}}, next: a}",
    )
    assert game.lead.journeys["care"].reason == "stopped: 100 steps without a wait"


def test_a_step_that_an_edit_removed_ends_the_journey(tmp_path: Path) -> None:
    """A lead that waits where nothing is any more leaves, and its reason names the step."""
    steps = ("{id: one, wait: 1d}", "{id: two, set: {tags: {add: [x]}}}")
    game = play(tmp_path / "before", *steps)
    game.ruleset = rules(tmp_path / "after", journeys=journey("{id: other, wait: 5d}"))
    game.clock("2d")
    assert game.lead.journeys["care"].reason == "step one is gone"


def test_a_journey_that_an_edit_removed_ends_and_says_so(tmp_path: Path) -> None:
    """Where nobody knows its definition any more, nothing of it waits."""
    game = play(tmp_path / "before", "{id: one, wait: 1d}", "{id: two, set: {tags: {add: [x]}}}")
    empty = "journeys: [{id: new, enter: {event: chat_started}, steps: [{id: a, wait: 1d}]}]\n"
    game.ruleset = rules(tmp_path / "after", journeys=empty)
    game.event("1h", "order_placed")
    game.clock("2d")
    assert "lead.tags" not in game.lead.facts
    assert game.lead.journeys["care"].reason == "the journey is gone"
    assert "journey:care" not in game.lead.timers


def test_an_exit_that_holds_keeps_a_lead_out(tmp_path: Path) -> None:
    """Who would leave at once does not enter, and why is recorded."""
    ends = "    exit: {when: {stage: [won, lost, invalid]}}\n"
    game = Play(rules(tmp_path, journeys=journey("{id: one, wait: 1d}", more=ends)))
    game.event("0d", "stage_changed", to="invalid")
    game.event("1h", "form_submitted", EMAIL)
    assert game.happened("journey_not_entered") == [
        {"journey": "care", "reason": "its exit condition holds"}
    ]
    assert "care" not in game.lead.journeys


def test_who_is_in_a_journey_does_not_enter_it_again(tmp_path: Path) -> None:
    """The second form changes nothing of the first enrolment."""
    game = play(tmp_path, "{id: one, wait: 1d}", more="    reentry: always\n")
    before = game.lead.journeys["care"]
    game.event("1h", "form_submitted")
    assert game.lead.journeys["care"] == before
    assert game.happened("journey_not_entered")[-1]["reason"] == "already in it"


def test_a_goal_that_the_clock_brings_is_waited_for_beside_the_exit(tmp_path: Path) -> None:
    """Of two conditions with a deadline the earlier one wakes the lead."""
    ends = (
        "    exit: {when: {absent: {event: any, for: 10d}}}\n"
        "    goal: {when: {absent: {event: support_requested, for: 3d}}}\n"
    )
    game = play(tmp_path, "{id: one, wait: 30d}", more=ends)
    assert game.lead.timers["end:care"] == START + 3 * DAY
    game.clock("9d")
    left: Any = game.lead.journeys["care"]
    assert (left.reason, left.left_at) == ("goal: condition", START + 3 * DAY)


def test_a_timer_of_a_journey_that_was_left_does_nothing(tmp_path: Path) -> None:
    """Should a deadline come when the journey is over, it is over."""
    game = play(tmp_path, "{id: one, wait: 1d}", more="    exit: {event: order_placed}\n")
    game.event("1h", "order_placed")
    timers = {**game.lead.timers, "journey:care": START + DAY, "end:care": START + DAY}
    game.lead = msgspec.structs.replace(game.lead, timers=timers)
    before = game.lead.journeys["care"]
    game.clock("2d")
    assert game.lead.journeys["care"] == before


def test_do_hands_its_parameters_to_the_action(tmp_path: Path) -> None:
    """To the lead, unless the owner is meant."""
    game = play(
        tmp_path,
        "{id: a, do: hook, with: {remark: 客户需求}}",
        "{id: b, do: hook, with: {to: owner}}",
        server="connections:\n  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}\n  hook: {plugin: webhook, url: 'https://example.com/x'}\n",
    )
    told = [(d.connection, d.params, d.audience, d.to, d.step) for d in game.deliveries]
    assert told == [
        ("hook", {"remark": "客户需求"}, "lead", None, "a"),
        ("hook", {"to": "owner"}, "owner", None, "b"),
    ]


def test_a_lead_of_before_versions_leaves_where_its_step_is_gone(tmp_path: Path) -> None:
    """Its enrolment names no version, so it goes by what there is now."""
    game = play(tmp_path / "before", "{id: one, wait: 1d}", "{id: two, set: {tags: {add: [x]}}}")
    old = msgspec.structs.replace(game.lead.journeys["care"], version="")
    game.lead = msgspec.structs.replace(game.lead, journeys={"care": old})
    game.ruleset = rules(tmp_path / "after", journeys=journey("{id: other, wait: 5d}"))
    game.clock("2d")
    assert game.lead.journeys["care"].reason == "step one is gone"
    assert "journey:care" not in game.lead.timers


def test_an_old_journey_that_leads_into_one_that_is_gone_goes_on(tmp_path: Path) -> None:
    """What could not be entered is noted, with the journey that meant it."""
    two = "  - {id: next, enter: {event: chat_started}, steps: [{id: a, wait: 1d}]}\n"
    steps = ("{id: one, wait: 1d}", "{id: on, enter: next}", "{id: tag, set: {tags: {add: [完]}}}")
    game = Play(rules(tmp_path / "before", journeys=journey(*steps) + two))
    game.event("0d", "form_submitted", EMAIL)
    before = game.ruleset.definitions.journeys
    after = rules(tmp_path / "after", journeys=journey("{id: other, wait: 5d}")).definitions
    game.ruleset = Ruleset(after, before)
    game.clock("1d")
    assert game.lead.facts["lead.tags"] == ["完"]
    assert game.happened("journey_not_entered") == [
        {"journey": "next", "reason": "there is no such journey any more", "by": "care"}
    ]


def test_who_has_reached_the_goal_already_is_done_at_once(tmp_path: Path) -> None:
    """It counts as a journey entered and won; no step of it runs."""
    goal = "    goal: {when: {lead.city: 上海}}\n"
    game = Play(rules(tmp_path, journeys=journey("{id: a, set: {tags: {add: [x]}}}", more=goal)))
    game.event("0d", "form_submitted", {"city": "上海"})
    assert game.lead.journeys["care"].reason == "goal: condition"
    assert [h["journey"] for h in game.happened("journey_entered")] == ["care"]
    assert game.happened("journey_step") == []
    assert "lead.tags" not in game.lead.facts


def test_only_events_with_the_properties_asked_for_lead_into_a_journey(tmp_path: Path) -> None:
    """Also where these are compared and not named."""
    text = journey("{id: a, set: {tags: {add: [细看]}}}").replace(
        "{event: form_submitted}",
        "{event: page_viewed, where: {any: [{duration: {gte: 60}}, {page: demo}]}}",
    )
    game = Play(rules(tmp_path, journeys=text))
    game.event("0d", "page_viewed", page="pricing", duration=59)
    assert game.lead.journeys == {}
    game.event("1d", "page_viewed", page="pricing", duration=60)
    assert game.lead.facts["lead.tags"] == ["细看"]


def test_a_deadline_that_nothing_knows_any_more_passes(tmp_path: Path) -> None:
    """Of a stage that an edit removed, or of a kind that only other versions have."""
    game = play(tmp_path, "{id: one, wait: 5d}")
    strays = {"stage:冷却": START + DAY, "将来:x": START + DAY, "rule:gone": START + DAY}
    game.lead = msgspec.structs.replace(game.lead, timers={**game.lead.timers, **strays})
    game.clock("2d")
    assert strays.keys().isdisjoint(game.lead.timers)
    assert game.lead.facts["journey.care"] == "one"
    assert game.happened("rule_error") == []
