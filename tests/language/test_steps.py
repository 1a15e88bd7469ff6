"""Steps of journeys as they are read: to-dos, waits and splits, with their defaults."""

from __future__ import annotations

import shutil
from pathlib import Path

from engine.language.handling import AutoWinner, DateOf, Moment, Step
from engine.language.instants import DAY, HOUR
from engine.language.load import Loaded, load_folder
from engine.language.rules import Span
from tests.play import BASE


def loaded(folder: Path, *steps: str) -> Loaded:
    """Load the sound base with a journey of these steps."""
    shutil.copytree(BASE, folder, dirs_exist_ok=True)
    lines = "".join(f"      - {step}\n" for step in steps)
    text = f"journeys:\n  - id: care\n    enter: {{event: form_submitted}}\n    steps:\n{lines}"
    (folder / "journeys.yaml").write_text(text, encoding="utf-8")
    return load_folder(folder)


def read(folder: Path, *steps: str) -> tuple[Step, ...]:
    """The typed steps of what must be sound."""
    result = loaded(folder, *steps)
    assert result.definitions is not None, result.diagnostics
    return result.definitions.journeys[0].steps


def test_a_to_do_that_forks_is_waited_for_as_long_as_it_is_due(tmp_path: Path) -> None:
    """`within` goes before `due`, and a to-do that forks nothing is waited for by nobody."""
    plain, due, within = read(
        tmp_path,
        "{id: a, task: {title: 回访, due: 4h}}",
        "{id: b, task: {title: 回访, due: 4 working_hours}, then: end, else: a}",
        "{id: c, task: {title: 回访, due: 4h, within: 2d}}",
    )
    assert (plain.events, plain.span) == ((), None)
    assert (due.events, due.of, due.span) == (
        ("task_completed",),
        "b",
        Span(working=4, unit="hours"),
    )
    assert (within.of, within.span, within.with_["due"]) == (
        "c",
        Span(ms=2 * DAY),
        Span(ms=4 * HOUR),
    )


def test_a_wait_for_a_time_knows_whose_days_and_hours(tmp_path: Path) -> None:
    """Minutes since midnight, Monday is 0, and a calendar alone has no time of day."""
    monday, opening, birthday, renewal = read(
        tmp_path,
        '{id: a, wait: {at: "09:30", days: [mon, fri], zone: lead}}',
        "{id: b, wait: {calendar: cn}}",
        '{id: c, wait: {date: lead.birthday, yearly: true, before: 7d, at: "23:59"}}',
        "{id: d, wait: {date: lead.birthday, after: 2d, zone: Asia/Shanghai}}",
    )
    assert monday.moment == Moment(time=9 * 60 + 30, days=(0, 4), zone="lead")
    assert opening.moment == Moment(calendar="cn")
    fact = "lead.birthday"
    assert birthday.date == DateOf(fact=fact, yearly=True, shift=-7, time=23 * 60 + 59)
    assert renewal.date == DateOf(fact=fact, shift=2, zone="Asia/Shanghai")


def test_a_time_in_a_block_of_text_is_that_time(tmp_path: Path) -> None:
    """YAML ends a block with a line break, which is no part of the time."""
    [step] = read(tmp_path, '{id: a, wait: {at: "09:30\\n"}}')
    assert step.moment == Moment(time=9 * 60 + 30)


def test_a_split_is_even_and_asks_for_certainty_where_nothing_is_said(tmp_path: Path) -> None:
    """Weight 1, nobody spared, 95 % within a week; an event type may be what is counted."""
    plain, short, own, _ = read(
        tmp_path,
        "{id: a, split: {variants: [{name: 甲, next: b}, {name: 乙, next: end}]}}",
        "{id: b, split: {variants: [{name: 甲, next: c}, {name: 乙, weight: 3, next: z}], "
        "auto_winner: {metric: opened, min_sample: 200}}}",
        "{id: c, split: {variants: [{name: 甲, next: z}, {name: 乙, next: end}], winner: 乙, "
        "holdout: {share: 0.1, next: z}, "
        "auto_winner: {metric: order_placed, min_sample: 50, confidence: 0.9, within: 30d}}}",
        "{id: z, end: true}",
    )
    assert plain.split is not None
    assert short.split is not None
    assert own.split is not None
    assert [v.weight for v in plain.split.variants] == [1, 1]
    assert (plain.split.holdout, plain.split.spared, plain.split.winner) == (0.0, "end", None)
    assert plain.split.auto is None
    assert [v.weight for v in short.split.variants] == [1, 3]
    assert short.split.auto == AutoWinner(
        metric="opened",
        events=("email_opened", "email_clicked"),
        own=True,
        confidence=0.95,
        sample=200,
        within=7 * DAY,
    )
    assert (own.split.holdout, own.split.spared, own.split.winner) == (0.1, "z", "乙")
    assert own.split.auto == AutoWinner(
        metric="order_placed",
        events=("order_placed",),
        own=False,
        confidence=0.9,
        sample=50,
        within=30 * DAY,
    )


def test_a_split_of_one_way_is_no_split(tmp_path: Path) -> None:
    """Fewer than two variants are refused at their place, and nothing else is made up."""
    found = loaded(tmp_path, "{id: a, split: {variants: [{name: 甲, next: end}]}}").diagnostics
    assert [(d.source.line, d.source.column) for d in found] == [(5, 35)]
    assert all(d.hint for d in found)
