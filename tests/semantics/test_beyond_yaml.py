"""What the nine semantics say that a test in YAML cannot: refusals, milliseconds, speed, words."""

from __future__ import annotations

import shutil
import time
from pathlib import Path

import pytest

from engine.language.instants import DAY, parse_instant
from engine.language.load import load_folder
from engine.machines.state import Event
from engine.network.naming import find_rule
from engine.network.waking import Wake, wakes
from tests.play import BASE, START, Play, rules, scoring

EDGE = "{lead.employees: {rises_to: 500}}"
LEVEL = "{lead.city: 上海}"


def codes(folder: Path, when: str, more: str = "") -> list[str]:
    """What loading says of a rule with this condition."""
    text = scoring(f"{{id: x, dimension: fit, {when}, points: 1, repeat: each}}") + more
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    (folder / "scoring.yaml").write_text(text, encoding="utf-8")
    return [finding.code for finding in load_folder(folder).diagnostics]


@pytest.mark.parametrize(
    ("when", "code"),
    [
        ('when: {lead.employees: "500"}', "operand"),
        ("when: {lead.employees: {gte: 五百}}", "operand"),
        ("when: {lead.need: 500}", "operand"),
        ("when: {lead.need: true}", "operand"),
        ('when: {lead.phone.valid: "true"}', "operand"),
        ("when: {lead.phone.valid: 1}", "operand"),
        ("when: {lead.birthday: {before: 20260302}}", "operand"),
        ("when: {lead.title_level: 董事}", "operand"),
        ('when: {count: {event: page_viewed, gte: "3"}}', "operand"),
        ("when: {lead.amount: {gt: {field: lead.city}}}", "operand"),
    ],
)
def test_3_an_operand_of_another_type_is_refused_when_the_rules_load(
    tmp_path: Path, when: str, code: str
) -> None:
    """Nothing is converted, not even where one could guess."""
    assert codes(tmp_path, when) == [code]


def test_4_a_window_is_half_open_to_the_millisecond(tmp_path: Path) -> None:
    """One millisecond before its span is over an event is within, at the span it is not."""
    rule = "{id: seen, dimension: fit, when: {count: {event: page_viewed, within: 30d, gte: 1}}, points: 1}"
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("0d", "page_viewed", page="价格")
    for instant, score in ((START + 30 * DAY - 1, 1), (START + 30 * DAY, 0)):
        play.take(Event(f"w{instant}", "timer_due", instant), instant)
        assert play.score == score


def test_4_a_late_event_that_arrives_at_the_end_of_its_window_never_counts(tmp_path: Path) -> None:
    """What is exactly as old as the window when it arrives is not within, one younger is."""
    rule = "{id: seen, dimension: fit, event: chat_started, when: {count: {event: page_viewed, within: 30d, gte: 1}}, points: 1, repeat: each}"
    for age, score in ((30 * DAY, 0), (30 * DAY - 1, 1)):
        play = Play(rules(tmp_path, scoring=scoring(rule)))
        play.event("40d", "note_added")
        now = START + 40 * DAY
        play.take(Event("late", "page_viewed", now - age), now)
        play.event("40d", "chat_started")
        assert play.score == score


def test_4_an_event_dated_ahead_counts_from_its_own_instant(tmp_path: Path) -> None:
    """A clock that runs ten minutes fast brings nothing into a window early."""
    rule = "{id: seen, dimension: fit, when: {count: {event: page_viewed, within: 1d, gte: 1}}, points: 1}"
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("0d", "note_added")
    play.take(Event("ahead", "page_viewed", START + 600_000), START)
    scores = []
    for instant in (START, START + 599_999, START + 600_000, START + 600_000 + DAY):
        while play.lead.wake_at is not None and play.lead.wake_at <= instant:
            due = play.lead.wake_at
            play.take(Event(f"wake:{due}", "timer_due", due), due)
        scores.append(play.score)
    assert scores == [0, 0, 1, 0]


def test_4_an_event_that_comes_while_a_deadline_is_due_is_seen_whole(tmp_path: Path) -> None:
    """After an outage the deadline is met first, and the event keeps its properties for `where`."""
    play = Play(
        rules(
            tmp_path,
            scoring=scoring(
                "{id: idle, dimension: fit, when: {absent: {event: any, for: 1d}}, points: -1}",
                "{id: priced, dimension: behavior, when: {count: {event: page_viewed, where: {page: 价格}, gte: 1}}, points: 7}",
            ),
        )
    )
    play.event("0d", "form_submitted")
    play.event("2d", "page_viewed", page="价格")
    assert play.fired == ["idle", "priced"]
    assert play.score == 7


@pytest.mark.parametrize(
    "when", ["%s", "{all: [%s, {not: {lead.city: 北京}}]}"], ids=["alone", "beside another"]
)
def test_5_the_latest_event_counts_although_the_lead_is_younger(tmp_path: Path, when: str) -> None:
    """An order of forty days ago that is learnt of on the lead's second day: silent for thirty."""
    silence = "{absent: {event: order_placed, for: 30d}}"
    rule = f"{{id: silent, dimension: fit, when: {when % silence}, points: 1}}"
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("0d", "form_submitted")
    play.take(Event("late", "order_placed", START - 40 * DAY), START + DAY)
    assert play.score == 1


def test_5_silence_begins_to_the_millisecond_and_is_a_deadline_of_the_lead(tmp_path: Path) -> None:
    """The deadline is stored with the lead, and each matching event sets it anew."""
    rule = "{id: idle, dimension: fit, when: {absent: {event: page_viewed, for: 7d}}, points: 3}"
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("0d", "form_submitted")
    assert play.lead.timers["rule:default.fit.idle"] == START + 7 * DAY
    play.event("2d", "page_viewed", page="首页")
    play.clock("7d")
    assert play.score == 0
    assert play.lead.timers["rule:default.fit.idle"] == START + 9 * DAY
    for instant, score in ((START + 9 * DAY - 1, 0), (START + 9 * DAY, 3)):
        play.take(Event(f"w{instant}", "timer_due", instant), instant)
        assert play.score == score


@pytest.mark.parametrize(
    ("when", "code"),
    [
        (f"{{not: {EDGE}}}", "edge-under-not"),
        (f"{{not: {{all: [{EDGE}, {LEVEL}]}}}}", "edge-under-not"),
        (f"{{not: {{any: [{EDGE}]}}}}", "edge-under-not"),
        ("{not: {use: grew}}", "edge-under-not"),
        (f"{{any: [{EDGE}, {LEVEL}]}}", "edge-beside-level"),
        (f"{{any: [{{all: [{EDGE}, {LEVEL}]}}, {LEVEL}]}}", "edge-beside-level"),
        (f"{{any: [{{use: grew}}, {LEVEL}]}}", "edge-beside-level"),
        ("{count: {event: page_viewed, rises_to: 3}}", "operand"),
    ],
)
def test_6_an_edge_is_refused_where_it_would_mean_nothing(
    tmp_path: Path, when: str, code: str
) -> None:
    """Not under `not`, not beside what lasts in `any`, however deep or by whatever name."""
    named = f"conditions:\n  grew: {EDGE}\n"
    assert code in codes(tmp_path, f"when: {when}", named)


def test_6_edges_alone_in_any_and_beside_levels_in_all_are_fine(tmp_path: Path) -> None:
    """Two instants may stand side by side, and a level beside an edge is asked at its instant."""
    assert codes(tmp_path, f"when: {{any: [{EDGE}, {{lead.employees: {{falls_below: 5}}}}]}}") == []
    assert codes(tmp_path, f"when: {{all: [{EDGE}, {LEVEL}]}}") == []


@pytest.mark.parametrize("place", ["where: {duration: %s}", "when: {event.duration: %s}"])
@pytest.mark.parametrize("op", ["rises_to", "falls_below"])
def test_6_a_property_of_an_event_has_no_edge(tmp_path: Path, place: str, op: str) -> None:
    """It was nothing before the event, so it can cross nothing: an error, not a silent false."""
    said = f"event: page_viewed, {place % f'{{{op}: 60}}'}"
    assert codes(tmp_path, said) == ["unknown-operator"]


def test_6_several_rises_in_one_event_are_one_crossing(tmp_path: Path) -> None:
    """Three rules lift the score over 50 at once: the stage is entered once, from the first."""
    page = "event: page_viewed, points: 30, repeat: each"
    text = scoring(*(f"{{id: r{i}, dimension: behavior, {page}}}" for i in range(3)))
    play = Play(rules(tmp_path, scoring=text))
    play.event("0d", "page_viewed")
    assert play.score == 90
    assert [h["to"] for h in play.happened("stage")].count("mql") == 1
    play.event("1d", "page_viewed")
    assert [h["to"] for h in play.happened("stage")].count("mql") == 1


def test_7_a_guard_arms_no_deadline(tmp_path: Path) -> None:
    """The clock has nothing to do for a rule that only time of day keeps from holding."""
    rule = '{id: day, dimension: fit, when: {lead.city: 上海, time: {between: ["12:00", "13:00"]}}, points: 1}'
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    play.event("0d", "form_submitted", {"city": "上海"})
    assert not any("day" in name for name in play.lead.timers)


def test_8_a_hostile_expression_takes_linear_time(tmp_path: Path) -> None:
    """(a+)+$ on 50,000 letters and a mark: milliseconds, where backtracking takes for ever."""
    rule = '{id: evil, dimension: fit, when: {lead.need: {matches: "(a+)+$"}}, points: 1}'
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    took = {}
    for size in (5_000, 50_000):
        began = time.perf_counter()
        play.event("0d", "note_added", {"need": "a" * size + "！"})
        took[size] = time.perf_counter() - began
        assert play.score == 0
    play.event("0d", "note_added", {"need": "a" * 50_000})
    assert play.score == 1
    assert took[50_000] < 1
    assert took[50_000] < max(100 * took[5_000], 0.1)


@pytest.mark.parametrize("text", [r"(?=上海)", r"(?<!上)海", r"(上)\\1", "(", "[一-"])
def test_8_what_no_linear_engine_has_is_refused_when_the_rules_load(
    tmp_path: Path, text: str
) -> None:
    """Look-around and back-references, and what is no expression at all."""
    assert codes(tmp_path, f'when: {{lead.city: {{matches: "{text}"}}}}') == ["operand"]


def woken_by(folder: Path, rule: str) -> Wake:
    """What wakes a rule, as `explain` prints it."""
    ruleset = rules(folder, scoring=scoring(f"{{id: asked, dimension: fit, {rule}}}"))
    (wake,) = wakes(ruleset, find_rule(ruleset, "asked"))
    return wake


def test_9_explain_says_what_wakes_a_rule(tmp_path: Path) -> None:
    """Its events, its fields and its deadlines; a time guard is none of them."""
    many = (
        "when: {lead.city: 上海, lead.amount: {gt: {field: lead.budget}}, "
        "count: {event: [page_viewed, email_opened], within: 3d, gte: 2}, "
        'absent: {event: chat_started, for: 30d}, time: {between: ["09:00", "18:00"]}}, points: 1'
    )
    wake = woken_by(tmp_path, many)
    assert set(wake.events) == {"page_viewed", "email_opened", "chat_started"}
    assert set(wake.fields) == {"lead.city", "lead.amount", "lead.budget"}
    assert len(wake.clock) == 2
    assert not any("time" in part for part in wake.clock)


def test_9_the_fields_of_an_event_rule_do_not_wake_it(tmp_path: Path) -> None:
    """A rule with an event is looked at for that event only."""
    wake = woken_by(
        tmp_path, "event: chat_started, when: {lead.city: 上海}, points: 1, repeat: each"
    )
    assert (wake.events, wake.fields, wake.clock) == (("chat_started",), (), ())


def test_7_the_instant_of_a_guard_is_that_of_the_arrival(tmp_path: Path) -> None:
    """`now` is when the engine looks: a late event is judged by the clock, not by its own time."""
    rule = '{id: day, dimension: fit, event: chat_started, when: {time: {between: ["09:00", "18:00"]}}, points: 1, repeat: each}'
    play = Play(rules(tmp_path, scoring=scoring(rule)))
    noon, night = (parse_instant(f"2026-03-02T{hour}:00:00+08:00") for hour in (12, 22))
    play.take(Event("late", "chat_started", noon), night)
    assert play.score == 0
    play.take(Event("now", "chat_started", noon + DAY), noon + DAY)
    assert play.score == 1
