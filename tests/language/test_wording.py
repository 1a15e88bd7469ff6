"""Conditions written back are the conditions that were read."""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.definitions import Condition, Span
from engine.language.instants import DAY, HOUR
from engine.language.load import load_folder
from engine.language.wording import clock_time, day_name, scalar, write, write_span
from engine.network.condition import canonical
from tests.play import BASE

CONDITIONS = [
    "lead.employees: {gte: 500}",
    "lead.industry: 制造业",
    "lead.industry: [制造业, 金融业]",
    "lead.industry: {not_in: [制造业, 金融业]}",
    'lead.name: "a: b"',
    'lead.name: "true"',
    'lead.name: "12"',
    "lead.amount: {gt: {field: lead.budget}}",
    "lead.amount: {between: [1, 2.5]}",
    "lead.phone.valid: true",
    "lead.birthday: {older_than: 30d}",
    'lead.birthday: {before: "2026-03-02T00:00:00Z"}',
    "lead.title_level: {at_least: director}",
    "lead.tags: vip",
    "lead.tags: [vip, 待培育]",
    "lead.tags: {includes_all: [vip, 待培育]}",
    "score.total: {rises_to: 80}",
    "grade: A, stage: {at_most: mql}",
    "any: [{grade: A}, {owner: {exists: true}, lead.city: 上海}]",
    "all: [{lead.amount: {gt: 1}}, {lead.amount: {lt: 5}}]",
    "not: {lead.city: 上海, grade: C}",
    "count: {event: email_opened, where: {message: welcome}, within: 30d, gte: 3}",
    "sum: {event: order_placed, of: amount, within: 52w, gt: 1000, lte: 5000}",
    "last: {event: [order_placed, payment_received], lt: 30d}",
    "absent: {event: any, for: 30d}",
    "absent: {event: page_viewed, where: {page: [pricing, solution]}, for: 12h}",
    'time: {between: ["09:00", "18:00"], days: [mon, fri], calendar: cn, zone: UTC}',
    "time: {days: [sat, sun]}",
    "time: {calendar: cn}",
]


def read(folder: Path, text: str) -> Condition:
    """Read a condition as the one that lets leads into a journey."""
    for file in BASE.glob("*.yaml"):
        (folder / file.name).write_bytes(file.read_bytes())
    journey = f"{{id: x, enter: {{when: {{{text}}}}}, steps: [{{id: stop, end: true}}]}}"
    (folder / "journeys.yaml").write_text(f"journeys: [{journey}]", encoding="utf-8")
    loaded = load_folder(folder)
    assert loaded.definitions is not None, loaded.diagnostics
    condition = loaded.definitions.journeys[0].when
    assert condition is not None
    return condition


@pytest.mark.parametrize("text", CONDITIONS)
def test_what_is_read_is_written_back(text: str, tmp_path: Path) -> None:
    """A condition on one line comes back as it was, and means the same when read again."""
    condition = read(tmp_path, text)
    assert write(condition) == text
    assert canonical(read(tmp_path, write(condition))) == canonical(condition)


@pytest.mark.parametrize(
    ("value", "text"),
    [(True, "true"), (None, "null"), ("no", "no"), ("null", '"null"'), ("", '""'), (1.5, "1.5")],
)
def test_constants(value: object, text: str) -> None:
    """Text that YAML would take for something else stands in quotes."""
    assert scalar(value) == text


def test_spans() -> None:
    """Lengths of time are written as they are read."""
    assert write_span(Span(ms=36 * HOUR)) == "36h"
    assert write_span(Span(ms=14 * DAY)) == "2w"
    assert write_span(Span(working=4, unit="hours")) == "4 working_hours"


def test_days_and_times_of_day_have_their_names() -> None:
    """The week begins on Monday, and a day ends at 24:00."""
    assert [day_name(day) for day in range(7)] == ["mon", "tue", "wed", "thu", "fri", "sat", "sun"]
    assert (clock_time(0), clock_time(545), clock_time(1440)) == ("00:00", "09:05", "24:00")
