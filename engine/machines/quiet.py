"""Times of quiet, by somebody's own clock: until when nothing is to disturb them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import date, datetime, time, timedelta
from typing import Final
from zoneinfo import ZoneInfo

from engine.language.instants import to_datetime, to_instant
from engine.language.sending import QuietHours

_MOST_WINDOWS: Final = 30  # times of quiet that follow on one another
# Returns when the time of quiet around an instant ends, the instant itself outside of any.
Ends = Callable[[int], int]


def quiet_end(hours: Sequence[QuietHours], zone: ZoneInfo, now: int, *more: Ends) -> int | None:
    """Return when all quiet around ``now`` ends, None outside of it; ``more`` is further quiet."""
    at = now
    for _ in range(_MOST_WINDOWS):
        ends = [_end(each, zone, at) for each in hours] + [ends(at) for ends in more]
        end = max(ends, default=at)
        if end <= at:
            break
        at = end
    return at if at > now else None


def _end(hours: QuietHours, zone: ZoneInfo, at: int) -> int:
    """Return when the quiet hours around ``at`` end, ``at`` when it lies in none."""
    today = day_of(at, zone)
    for day in (today - timedelta(days=1), today):
        if hours.days and day.weekday() not in hours.days:
            continue
        last = day if hours.end > hours.start else day + timedelta(days=1)
        end = max(instants(last, hours.end, zone))
        if min(instants(day, hours.start, zone)) <= at < end:
            return end
    return at


def day_of(at: int, zone: ZoneInfo) -> date:
    """Return the day that it is in a zone."""
    return to_datetime(at).astimezone(zone).date()


def instants(day: date, minute: int, zone: ZoneInfo) -> list[int]:
    """Return both instants of a wall time: they differ when clocks are put forward or back then."""
    day, minute = (day + timedelta(days=1), 0) if minute == 24 * 60 else (day, minute)
    wall = datetime.combine(day, time(minute // 60, minute % 60), zone)
    return [to_instant(wall.replace(fold=fold)) for fold in (0, 1)]
