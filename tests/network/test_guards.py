"""Time guards: hours, days, calendars and zones."""

from __future__ import annotations

from typing import Any

import pytest

from engine.language.instants import parse_instant
from engine.network.condition import ConditionCompiler
from tests.network.generated import CALENDARS
from tests.network.written import guard, view


def opens(made: Any, instant: str) -> bool:
    """Whether a guard holds at an instant."""
    compiled = ConditionCompiler(CALENDARS).compile(made)
    return bool(compiled.holds(view(now=parse_instant(instant))))


@pytest.mark.parametrize(
    ("clock", "day", "night"),
    [
        ("08:59", False, False),
        ("09:00", True, False),
        ("09:30", True, False),
        ("17:59", True, False),
        ("18:00", False, False),
        ("22:00", False, True),
        ("23:59", False, True),
        ("00:00", False, True),
        ("05:59", False, True),
        ("06:00", False, False),
    ],
)
def test_hours_are_half_open_and_may_pass_midnight(clock: str, day: bool, night: bool) -> None:
    """From the first minute on, up to the last one; 22:00 to 06:00 is the night."""
    instant = f"2026-03-02T{clock}:59+08:00"
    assert opens(guard(540, 1080), instant) is day
    assert opens(guard(1320, 360), instant) is night


def test_a_guard_without_hours_is_open_all_day() -> None:
    """Only days, or one bound alone, say nothing about hours; equal bounds are no time at all."""
    assert opens(guard(days=(0,)), "2026-03-02T03:00:00+08:00")
    assert opens(guard(start=540), "2026-03-02T03:00:00+08:00")
    assert opens(guard(end=540), "2026-03-02T12:00:00+08:00")
    assert not opens(guard(540, 540), "2026-03-02T09:00:00+08:00")


def test_days_are_those_of_the_zone() -> None:
    """Monday begins in Shanghai eight hours before it does in UTC; no days means every day."""
    monday = "2026-03-01T16:00:00Z"
    assert opens(guard(days=(0,)), monday)
    assert not opens(guard(days=(0,), zone="UTC"), monday)
    assert opens(guard(days=(6,), zone="UTC"), monday)
    assert all(opens(guard(), f"2026-03-0{n}T12:00:00+08:00") for n in range(1, 8))


def test_a_calendar_closes_holidays_and_opens_days_made_up() -> None:
    """The National Day is closed though it is a Thursday; a Saturday made up for it is open."""
    work = guard(calendar="cn")
    assert not opens(work, "2026-10-01T12:00:00+08:00")
    assert opens(work, "2026-10-10T12:00:00+08:00")
    assert not opens(work, "2026-03-01T12:00:00+08:00")
    assert opens(work, "2026-03-02T12:00:00+08:00")
    assert not opens(guard(calendar="cn", days=(5,)), "2026-03-02T12:00:00+08:00")
