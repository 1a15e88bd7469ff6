"""Several journeys of one lead: beside each other, in groups, one after the other."""

from __future__ import annotations

from pathlib import Path

from tests.machines.test_steps import EMAIL
from tests.play import Play, rules


def text(one: str = "", two: str = "", last: str = "{id: b, wait: 9d}") -> str:
    """Two journeys: the first by a form, the second by a form or a trial."""
    return f"""
journeys:
  - id: 新手
    enter: {{event: form_submitted}}
{one}
    steps:
      - {{id: a, set: {{tags: {{add: [新手]}}}}}}
      - {last}
  - id: 决策
    enter: {{event: [form_submitted, trial_requested]}}
{two}
    steps:
      - {{id: a, set: {{tags: {{add: [决策]}}}}}}
      - {{id: b, wait: 9d}}
"""


def play(folder: Path, *more: str) -> Play:
    """Play these journeys."""
    return Play(rules(folder, journeys=text(*more)))


def inside(game: Play) -> list[str]:
    """The journeys that the lead is in."""
    return [name for name, each in game.lead.journeys.items() if each.left_at is None]


def test_without_a_group_a_lead_is_in_both(tmp_path: Path) -> None:
    """Journeys that don't exclude each other run beside each other."""
    game = play(tmp_path)
    game.event("0d", "form_submitted", EMAIL)
    assert inside(game) == ["新手", "决策"]


def test_of_a_group_the_more_important_one_goes_first(tmp_path: Path) -> None:
    """At the same instant only that is entered, wherever it is written; the other says why not."""
    game = play(tmp_path, "    group: 培育", "    group: 培育\n    priority: 10")
    game.event("0d", "form_submitted", EMAIL)
    assert inside(game) == ["决策"]
    assert game.lead.facts["lead.tags"] == ["决策"]
    assert game.happened("journey_not_entered") == [
        {"journey": "新手", "reason": "决策 of the same group goes first"}
    ]


def test_a_more_important_journey_takes_the_place_of_another(tmp_path: Path) -> None:
    """The one that ran ends with its reason, and nothing of it waits."""
    game = play(tmp_path, "    group: 培育", "    group: 培育\n    priority: 10")
    game.ruleset = rules(
        tmp_path / "later",
        journeys=text("    group: 培育", "    group: 培育\n    priority: 10").replace(
            "[form_submitted, trial_requested]", "trial_requested"
        ),
    )
    game.event("0d", "form_submitted", EMAIL)
    assert inside(game) == ["新手"]
    game.event("1d", "trial_requested")
    assert inside(game) == ["决策"]
    assert game.lead.journeys["新手"].reason == "gave way to 决策"
    assert "journey:新手" not in game.lead.timers


def test_among_equals_the_one_that_runs_stays(tmp_path: Path) -> None:
    """Equal priority never breaks off what has begun."""
    game = play(tmp_path, "    group: 培育", "    group: 培育")
    game.event("0d", "form_submitted", EMAIL)
    game.event("1d", "trial_requested")
    assert inside(game) == ["新手"]


def test_enter_leads_into_another_journey_and_goes_on(tmp_path: Path) -> None:
    """Both run afterwards; the timeline says which one led there."""
    game = play(tmp_path, "", "", "{id: over, enter: 决策}\n      - {id: rest, wait: 9d}")
    game.ruleset = rules(
        tmp_path / "enter",
        journeys=text(last="{id: over, enter: 决策}\n      - {id: rest, wait: 9d}").replace(
            "[form_submitted, trial_requested]", "trial_requested"
        ),
    )
    game.event("0d", "form_submitted", EMAIL)
    assert inside(game) == ["新手", "决策"]
    assert game.lead.facts["journey.新手"] == "rest"
    assert game.happened("journey_entered")[-1] == {"journey": "决策", "by": "新手"}


def test_enter_within_a_group_hands_the_place_over(tmp_path: Path) -> None:
    """The first journey ends, for there is one place only."""
    steps = "{id: over, enter: 决策}\n      - {id: rest, wait: 9d}"
    both = text("    group: 培育", "    group: 培育", steps).replace(
        "[form_submitted, trial_requested]", "trial_requested"
    )
    game = Play(rules(tmp_path, journeys=both))
    game.event("0d", "form_submitted", EMAIL)
    assert inside(game) == ["决策"]
    assert game.lead.journeys["新手"].reason == "went on to 决策"
    assert game.lead.facts["lead.tags"] == ["新手", "决策"]


def test_enter_obeys_reentry(tmp_path: Path) -> None:
    """A journey that may not be entered again is not, and this one goes on."""
    game = Play(
        rules(
            tmp_path,
            journeys=text(
                "    reentry: always", "    goal: {event: order_placed}", "{id: over, enter: 决策}"
            ),
        )
    )
    game.event("0d", "form_submitted", EMAIL)
    game.event("1d", "order_placed")
    game.event("2d", "form_submitted")
    refused = [h for h in game.happened("journey_not_entered") if h.get("by") == "新手"]
    assert refused[-1]["reason"] == "was in it before and reentry is never"
    assert game.lead.journeys["新手"].reason == "completed"


def fields_and_form(first: int, second: int) -> str:
    """Two journeys of a group: one by a form, one by a field that the same form brings."""
    return f"""
journeys:
  - id: 新手
    group: 培育
    priority: {first}
    enter: {{event: form_submitted}}
    steps: [{{id: a, set: {{tags: {{add: [新手]}}}}}}, {{id: b, wait: 9d}}]
  - id: 决策
    group: 培育
    priority: {second}
    enter: {{when: {{lead.city: 上海}}}}
    steps: [{{id: a, set: {{tags: {{add: [决策]}}}}}}, {{id: b, wait: 9d}}]
"""


def test_an_event_and_a_field_it_brings_are_one_instant(tmp_path: Path) -> None:
    """The less important journey has not done a step before the other one takes its place."""
    game = Play(rules(tmp_path, journeys=fields_and_form(0, 5)))
    game.event("0d", "form_submitted", {**EMAIL, "city": "上海"})
    assert (inside(game), game.lead.facts["lead.tags"]) == (["决策"], ["决策"])
    assert game.happened("journey_not_entered") == [
        {"journey": "新手", "reason": "决策 of the same group goes first"}
    ]


def test_an_event_that_is_more_important_than_a_field_goes_first(tmp_path: Path) -> None:
    """The other way round, too."""
    game = Play(rules(tmp_path, journeys=fields_and_form(5, 0)))
    game.event("0d", "form_submitted", {**EMAIL, "city": "上海"})
    assert (inside(game), game.lead.facts["lead.tags"]) == (["新手"], ["新手"])


def test_silences_that_end_together_are_one_instant(tmp_path: Path) -> None:
    """What the clock makes true at one millisecond begins by importance, not by name."""
    silent = fields_and_form(0, 5).replace(
        "event: form_submitted", "when: {absent: {event: chat_started, for: 3d}}"
    )
    silent = silent.replace("lead.city: 上海", "absent: {event: page_viewed, for: 3d}")
    game = Play(rules(tmp_path, journeys=silent.replace("新手", "a-first")))
    game.event("0d", "chat_started")
    game.event("0d", "page_viewed")
    game.clock("4d")
    assert inside(game) == ["决策"]
    assert "a-first" not in game.lead.journeys


def test_a_journey_that_ends_at_the_same_instant_is_no_rival(tmp_path: Path) -> None:
    """Its exit comes to hold by what the event brings: the place is free for the other one."""
    game = play(
        tmp_path,
        "    group: 培育\n    exit: {when: {lead.city: 上海}}",
        "    group: 培育",
    )
    game.event("0d", "form_submitted", EMAIL)
    game.event("1d", "trial_requested", {**EMAIL, "city": "上海"})
    assert inside(game) == ["决策"]
    assert game.lead.journeys["新手"].reason == "exit: condition"
