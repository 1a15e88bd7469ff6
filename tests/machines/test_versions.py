"""Edited journeys: a lead finishes what it entered, migrates or starts again; nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language import versions
from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from tests.machines.test_steps import EMAIL, journey
from tests.play import BASE, START, Play, rules

HOUR = 3_600_000
DAY = 24 * HOUR
OLD = journey(
    "{id: one, wait: 2d}",
    "{id: mark, set: {tags: {add: [旧]}}}",
    "{id: two, wait: 5d}",
    "{id: last, set: {tags: {add: [旧完]}}}",
)
CONFIGS = sorted(p.parent for p in Path(__file__).parents[2].glob("examples/*/scoring.yaml"))


def edited(game: Play, folder: Path, text: str, known: bool = True) -> None:
    """Load an edited file; ``known`` hands in the definition that the lead entered."""
    before = game.ruleset.definitions.journeys
    after = rules(folder, journeys=text).definitions
    game.ruleset = Ruleset(after, before if known else ())


def play(folder: Path, text: str = OLD) -> Play:
    """Play on a lead that has just entered the journey."""
    game = Play(rules(folder, journeys=text))
    game.event("0d", "form_submitted", EMAIL)
    return game


def policy(text: str, word: str) -> str:
    """The same journey with this policy."""
    return text.replace("    steps:", f"    on_change: {word}\n    steps:")


NEW = journey(
    "{id: one, wait: 3d}",
    "{id: mark, set: {tags: {add: [新]}}}",
    "{id: last, set: {tags: {add: [新完]}}}",
)


def test_by_default_a_lead_finishes_what_it_entered(tmp_path: Path) -> None:
    """New leads take the new way, those on the way the old one, to the instant."""
    game = play(tmp_path / "old")
    edited(game, tmp_path / "new", NEW)
    game.clock("30d")
    assert game.lead.facts["lead.tags"] == ["旧", "旧完"]
    assert game.lead.journeys["care"].left_at == START + 7 * DAY
    assert game.lead.journeys["care"].reason == "completed"


def test_migrating_goes_on_at_the_same_step_by_its_new_limit(tmp_path: Path) -> None:
    """The wait is counted from the arrival, as if it had always been so long."""
    game = play(tmp_path / "old")
    edited(game, tmp_path / "new", policy(NEW, "migrate"))
    game.event("1d", "note_added")
    assert game.lead.timers["journey:care"] == START + 3 * DAY
    game.clock("30d")
    assert game.lead.facts["lead.tags"] == ["新", "新完"]
    assert [h["step"] for h in game.happened("journey_migrated")] == ["one"]


def test_a_limit_that_became_shorter_than_the_wait_ends_at_its_own_instant(
    tmp_path: Path,
) -> None:
    """The step below is done then and there, not at the next event."""
    game = play(tmp_path / "old")
    game.event("36h", "note_added")
    edited(game, tmp_path / "new", policy(NEW.replace("3d", "1d"), "migrate"))
    game.event("40h", "note_added")
    done = game.lead.journeys["care"].done
    assert done["one"] == START + DAY


def test_restarting_begins_anew_whatever_reentry_says(tmp_path: Path) -> None:
    """With a reason for the end, and a key of its own for what is sent again."""
    game = play(tmp_path / "old")
    edited(game, tmp_path / "new", policy(NEW, "restart"))
    game.event("1d", "note_added")
    assert [h["reason"] for h in game.happened("journey_left")] == [
        "restarted: the journey was changed"
    ]
    enrolment = game.lead.journeys["care"]
    assert (enrolment.entered_at, enrolment.entered_by) == (START + DAY, "e2")
    game.clock("30d")
    assert game.lead.facts["lead.tags"] == ["新", "新完"]


GONE = journey("{id: other, wait: 1d}", "{id: last, set: {tags: {add: [新完]}}}")


def test_from_a_removed_step_it_goes_to_the_next_that_is_left(tmp_path: Path) -> None:
    """Nothing stuck: of what stood below, the first step that is still there."""
    game = play(tmp_path / "old")
    edited(game, tmp_path / "new", policy(GONE, "migrate"))
    game.event("1d", "note_added")
    assert game.lead.facts["lead.tags"] == ["新完"]
    assert game.lead.journeys["care"].reason == "completed"
    assert "journey:care" not in game.lead.timers


def test_where_nothing_is_left_it_ends_and_says_so(tmp_path: Path) -> None:
    """Nothing silently ended."""
    game = play(tmp_path / "old")
    edited(game, tmp_path / "new", policy(journey("{id: other, wait: 1d}"), "migrate"))
    game.event("1d", "note_added")
    assert game.happened("journey_left")[-1]["reason"] == "step one is gone"


def test_an_old_definition_that_nobody_knows_is_migrated_and_told(tmp_path: Path) -> None:
    """Better the new way than none."""
    game = play(tmp_path / "old")
    edited(game, tmp_path / "new", NEW, known=False)
    game.clock("30d")
    assert game.lead.facts["lead.tags"] == ["新", "新完"]
    assert game.happened("journey_migrated")[0]["reason"].endswith("is not known any more")


@pytest.mark.parametrize(("word", "tags"), [("finish", ["旧", "旧完"]), ("migrate", None)])
def test_a_removed_journey_is_finished_or_ended(
    tmp_path: Path, word: str, tags: list[str] | None
) -> None:
    """As its own on_change said; the end has its reason."""
    game = play(tmp_path / "old", policy(OLD, word))
    other = "journeys: [{id: new, enter: {event: chat_started}, steps: [{id: a, wait: 1d}]}]\n"
    edited(game, tmp_path / "new", other)
    game.event("1d", "note_added")
    game.clock("30d")
    assert game.lead.facts.get("lead.tags") == tags
    reason = game.lead.journeys["care"].reason
    assert reason == ("completed" if tags else "the journey is gone")


def test_an_edit_elsewhere_touches_nothing(tmp_path: Path) -> None:
    """Another line, another label and a comment are the same definition."""
    game = play(tmp_path / "old")
    before = game.lead.journeys["care"]
    moved = "# 说明\n\n" + OLD.replace("    enter:", "    label: 培育\n    enter:")
    edited(game, tmp_path / "new", policy(moved, "restart"))
    game.event("1d", "note_added")
    assert game.lead.journeys["care"] == before
    assert game.ruleset.elders == {}


def test_an_exit_of_the_old_definition_ends_it_still(tmp_path: Path) -> None:
    """Exits, goals and what they read belong to the version, too."""
    ends = "    exit: {when: {count: {event: page_viewed, gte: 2}}}\n"
    old = OLD.replace("    steps:", ends + "    steps:")
    game = play(tmp_path / "old", old)
    edited(game, tmp_path / "new", NEW)
    game.event("1d", "page_viewed", page="home")
    game.event("25h", "page_viewed", page="home")
    assert game.lead.journeys["care"].reason == "exit: condition"


@pytest.mark.parametrize("folder", [BASE, *CONFIGS], ids=lambda folder: folder.name)
def test_a_definition_comes_back_from_disk_as_it_was(folder: Path) -> None:
    """Conditions, spans and operands too: what runs after a restart is what was written."""
    definitions = load_folder(folder, {}).definitions
    assert definitions is not None
    for each in definitions.journeys:
        again = versions.decode(versions.encode(each))
        assert again == each
        assert versions.stamped(again).version == each.version


def test_an_old_journey_outlives_what_it_named(tmp_path: Path) -> None:
    """A message, a stage and a calendar that are gone cost their own step, and are told."""
    old = journey(
        "{id: one, wait: 2d}",
        "{id: mail, send: 告别}",
        "{id: stage, set: {stage: 试用}}",
        "{id: open, wait: {calendar: 展会}}",
        "{id: last, set: {tags: {add: [旧完]}}}",
    )
    named = {
        "messages": "messages:\n  welcome: {action: email, text: 你好}\n  告别: {action: email, text: 再见}\n",
        "lifecycle": "stages: [{id: new}, {id: 试用}, {id: won}, {id: lost}, {id: invalid}]\n",
        "calendars": "calendars:\n  展会: {zone: Asia/Shanghai, days: [sat, sun]}\n",
    }
    game = Play(rules(tmp_path / "old", journeys=old, **named))
    game.event("0d", "form_submitted", EMAIL)
    edited(game, tmp_path / "new", NEW)
    game.clock("30d")
    assert game.lead.facts["lead.tags"] == ["旧完"]
    assert game.lead.journeys["care"].reason == "completed"
    assert [h["message"] for h in game.happened("message_blocked")] == ["告别"]
    assert [h["to"] for h in game.happened("stage_refused")] == ["试用"]


def test_a_to_dos_new_limit_counts_from_when_it_was_made(tmp_path: Path) -> None:
    """As a wait's does; the to-do itself is not given twice."""
    call = "{id: call, task: {title: 回访, within: %s}, then: end, else: late}"
    late = "{id: late, set: {tags: {add: [没人打]}}}"
    game = play(tmp_path / "old", journey(call % "5d", late))
    edited(game, tmp_path / "new", policy(journey(call % "2d", late), "migrate"))
    game.event("1d", "page_viewed", page="home")
    assert game.lead.timers["journey:care"] == START + 2 * DAY
    game.clock("2d")
    assert game.lead.facts["lead.tags"] == ["没人打"]
    assert len(game.tasks) == 1


def test_a_postponed_send_keeps_its_hour(tmp_path: Path) -> None:
    """Migrated while it waits for the morning, it goes out then and once."""
    night = (
        "messages:\n  welcome: {action: email, topic: marketing, subject: 欢迎, text: 您好}\n"
        'quiet_hours: [{between: ["08:00", "12:00"]}]\n'
    )
    before = rules(tmp_path / "old", journeys=journey("{id: a, send: welcome}"), messages=night)
    game = Play(before)
    game.event("0d", "form_submitted", EMAIL)
    assert game.lead.timers["journey:care"] == START + 3 * HOUR
    text = policy(journey("{id: a, send: welcome}", "{id: b, wait: 1d}"), "migrate")
    after = rules(tmp_path / "new", journeys=text, messages=night).definitions
    game.ruleset = Ruleset(after, before.definitions.journeys)
    game.event("1h", "page_viewed", page="home")
    assert game.lead.timers["journey:care"] == START + 3 * HOUR
    assert game.deliveries == []
    game.clock("2d")
    assert [(d.message, d.at) for d in game.deliveries] == [("welcome", START + 3 * HOUR)]


def test_whole_weights_and_compared_fields_come_back_from_disk(tmp_path: Path) -> None:
    """`1` and `1.0` are one version, and a condition that names a second field still does."""
    split = "{id: a, split: {variants: [{name: 甲, weight: %s, next: b}, {name: 乙, next: b}]}}"
    last = "{id: b, end: true}"
    more = "    exit: {when: {lead.amount: {gt: {field: lead.budget}}}}\n"
    found = set()
    for number, weight in enumerate(("2", "2.0")):
        text = journey(split % weight, last, more=more)
        [each] = rules(tmp_path / str(number), journeys=text).definitions.journeys
        again = versions.decode(versions.encode(each))
        assert again == each
        assert versions.stamped(again).version == each.version
        found.add(each.version)
    assert len(found) == 1


STAGES = "stages: [{id: new}, {id: mql}, %s{id: won, event: opportunity_won, final: true}, {id: lost, final: true}]"


def test_a_stage_that_is_added_has_its_place_in_old_journeys(tmp_path: Path) -> None:
    """The order of stages is not the journey's own: neither edit nor error."""
    text = """
journeys:
  - id: care
    enter: {event: form_submitted}
    exit: {when: {stage: {at_least: won}}}
    steps: [{id: w, wait: 90d}]
"""
    game = Play(rules(tmp_path / "old", lifecycle=STAGES % "", journeys=text))
    game.event("0d", "form_submitted", EMAIL)
    entered = game.ruleset.definitions.journeys
    edited = rules(
        tmp_path / "new", lifecycle=STAGES % "{id: demo}, ", journeys=text.replace("90d", "91d")
    )
    game.ruleset = Ruleset(edited.definitions, entered)
    game.event("1d", "stage_changed", to="demo")
    assert game.lead.facts["journey.care"] == "w"
    game.event("2d", "opportunity_won")
    assert game.lead.journeys["care"].reason == "exit: condition"
    same = rules(
        tmp_path / "same", lifecycle=STAGES % "{id: demo}, ", journeys=text
    ).definitions.journeys
    assert [each.version for each in same] == [each.version for each in entered]


def test_a_stage_that_is_gone_keeps_its_place_in_old_journeys(tmp_path: Path) -> None:
    """An old `at_least` of a stage that was taken out is judged among its old neighbours."""
    text = """
journeys:
  - id: care
    enter: {event: form_submitted}
    exit: {when: {stage: {at_least: demo}}}
    steps: [{id: w, wait: 90d}]
"""
    game = Play(rules(tmp_path / "old", lifecycle=STAGES % "{id: demo}, ", journeys=text))
    game.event("0d", "form_submitted", EMAIL)
    entered = game.ruleset.definitions.journeys
    edited = rules(tmp_path / "new", lifecycle=STAGES % "", journeys=text.replace("demo", "won"))
    game.ruleset = Ruleset(edited.definitions, entered)
    game.event("1d", "stage_changed", to="mql")
    assert game.lead.facts["journey.care"] == "w"
    game.event("2d", "opportunity_won")
    assert game.lead.journeys["care"].reason == "exit: condition"


def test_a_field_of_another_type_ends_the_old_definition(tmp_path: Path) -> None:
    """It asks for a piece of text in what is a number by now; the lead goes on by the new one."""
    text = """
journeys:
  - id: care
    enter: {event: form_submitted}
    exit: {when: {lead.size: {%s}}}
    steps: [{id: w, wait: 90d}]
"""
    size = "fields: {size: {type: %s}}"
    old = rules(tmp_path / "old", catalog=size % "string", journeys=text % "starts_with: x")
    game = Play(old)
    game.event("0d", "form_submitted", {**EMAIL, "size": "large"})
    new = rules(tmp_path / "new", catalog=size % "integer", journeys=text % "gte: 500")
    game.ruleset = Ruleset(new.definitions, old.definitions.journeys)
    game.event("1d", "note_added", {"size": 7})
    assert game.lead.facts["journey.care"] == "w"
    assert game.happened("journey_migrated")
    game.event("2d", "note_added", {"size": 700})
    assert game.lead.journeys["care"].reason == "exit: condition"
