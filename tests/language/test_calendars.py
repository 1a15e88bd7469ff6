"""Working time over weekends, holidays and make-up working days."""

from __future__ import annotations

from datetime import date

import pytest

from engine.language.calendars import ALWAYS, builtin_calendars
from engine.language.instants import format_instant, parse_instant

CN = builtin_calendars()["cn"]


@pytest.mark.parametrize(
    ("day", "works"),
    [
        ("2026-02-13", True),  # Friday
        ("2026-02-14", True),  # Saturday, worked for Spring Festival (调休)
        ("2026-02-16", False),
        ("2026-02-23", False),
        ("2026-02-24", True),
        ("2026-02-28", True),  # Saturday, worked
        ("2026-03-07", False),  # an ordinary Saturday
        ("2026-10-01", False),
    ],
)
def test_chinas_days_follow_the_state_councils_notice(day: str, works: bool) -> None:
    """Holidays are off, make-up Saturdays are worked."""
    assert CN.works(date.fromisoformat(day)) is works


@pytest.mark.parametrize(
    ("start", "amount", "unit", "end"),
    [
        ("2026-03-02T09:00:00+08:00", 4, "hours", "2026-03-02T13:00:00+08:00"),
        ("2026-03-02T17:00:00+08:00", 2, "hours", "2026-03-03T10:00:00+08:00"),
        ("2026-03-02T20:00:00+08:00", 1, "hours", "2026-03-03T10:00:00+08:00"),
        ("2026-03-06T09:00:00+08:00", 9, "hours", "2026-03-06T18:00:00+08:00"),
        ("2026-03-06T17:00:00+08:00", 24, "hours", "2026-03-11T14:00:00+08:00"),
        # Over Spring Festival: Saturday the 14th is worked, then off until the 24th.
        ("2026-02-13T18:00:00+08:00", 10, "hours", "2026-02-24T10:00:00+08:00"),
        ("2026-03-06T11:30:00+08:00", 1, "days", "2026-03-09T11:30:00+08:00"),
        ("2026-03-06T11:30:00Z", 1, "days", "2026-03-09T11:30:00Z"),
    ],
)
def test_working_time_stands_still_outside_hours(
    start: str, amount: int, unit: str, end: str
) -> None:
    """Hours count from 9 to 18 on working days; a day is the next working day, same time."""
    moved = CN.add(parse_instant(start), amount, unit)
    assert format_instant(moved) == format_instant(parse_instant(end))


def test_always_counts_every_minute() -> None:
    """The calendar `always` knows no nights and no weekends."""
    always = builtin_calendars()[ALWAYS]
    start = parse_instant("2026-03-06T17:00:00+08:00")
    assert always.add(start, 24, "hours") == start + 24 * 3_600_000


def test_around_the_clock_every_instant_is_working_time() -> None:
    """`always` opens at once, at night and on a holiday."""
    always = builtin_calendars()[ALWAYS]
    night = parse_instant("2026-10-01T03:00:00+08:00")
    assert always.opening(night) == night
    assert format_instant(CN.opening(night)) == "2026-10-08T01:00:00Z"
