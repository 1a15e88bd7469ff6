"""Time guards: whether an instant lies in certain hours and days of a zone."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any
from zoneinfo import ZoneInfo

from engine.language.calendars import Calendar
from engine.language.definitions import Guard
from engine.language.instants import to_datetime


def compile_guard(guard: Guard, calendar: Calendar | None) -> Callable[[Any], bool]:
    """Return the closure of a guard; ``between`` past midnight wraps."""
    zone = ZoneInfo(guard.zone)
    days = frozenset(guard.days) or frozenset(range(7))

    def holds(c: Any) -> bool:
        local = to_datetime(c.now).astimezone(zone)
        if local.weekday() not in days:
            return False
        if calendar is not None and not calendar.works(local.date()):
            return False
        return _inside(guard.start, guard.end, local.hour * 60 + local.minute)

    return holds


def _inside(start: int | None, end: int | None, minute: int) -> bool:
    if start is None or end is None:
        return True
    if start <= end:
        return start <= minute < end
    return minute >= start or minute < end
