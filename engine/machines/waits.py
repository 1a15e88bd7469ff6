"""When a wait is over: after a span, at a time of day, in working hours, on a day of the lead's."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.language.calendars import CHINA, Calendar
from engine.language.definitions import Span, Step
from engine.language.handling import DateOf, Moment
from engine.language.instants import to_datetime, to_instant
from engine.language.zones import is_zone
from engine.machines.state import Enrolment
from engine.machines.work import Work

_FARTHEST: Final = 366 * 5  # days looked ahead for a time of day that fits
_YEARS: Final = 9  # a leap day is eight years off at most, and we start one year back


def due(work: Work, enrolment: Enrolment, step: Step) -> int | str:
    """Return the instant at which a step's wait is over, or why there is none."""
    passed = enrolment.done.get(step.id)
    if step.date is not None:
        return _date(work, step.date, passed)
    start = enrolment.arrived_at
    if step.since == "enter":
        start = enrolment.entered_at
    elif step.since is not None:
        start = enrolment.done.get(step.since, start)
    if step.span is not None:
        named = step.moment.calendar if step.moment is not None else None
        start = deadline(work, step.span, start, named or CHINA)
    if step.moment is None:
        return start
    return _moment(work, step.moment, max(start, enrolment.arrived_at), passed)


def deadline(work: Work, span: Span, since: int, calendar: str = CHINA) -> int:
    """Return the instant ``span`` after ``since``; working time by the named calendar."""
    if not span.is_working:
        return since + span.ms
    return _calendar(work, calendar).add(since, span.working, span.unit)


def _calendar(work: Work, name: str) -> Calendar:
    """Return a calendar; an old journey may outlive its own, and then China's counts."""
    calendars = work.ruleset.calendars
    return calendars.get(name) or calendars[CHINA]


def _zone(work: Work, name: str | None, otherwise: str | None = None) -> ZoneInfo:
    """Return a zone; a lead's own is that of its field, if there is a good one."""
    own = work.facts.get("lead.timezone") if name == "lead" else name
    fallback = otherwise or work.ruleset.definitions.server.zone
    return ZoneInfo(own if own is not None and is_zone(own) else fallback)


def _moment(work: Work, moment: Moment, start: int, passed: int | None) -> int | str:
    """Return the first such time from ``start`` on; in a loop a later one than the last."""
    calendar = _calendar(work, moment.calendar) if moment.calendar is not None else None
    if moment.time is None:
        return calendar.opening(start) if calendar is not None else start
    zone = _zone(work, moment.zone, calendar.zone if calendar is not None else None)
    day = to_datetime(start).astimezone(zone).date()
    for _ in range(_FARTHEST):
        fits = not moment.days or day.weekday() in moment.days
        if fits and (calendar is None or calendar.works(day)):
            found = _at(day, moment.time, zone)
            if found >= start and (passed is None or found > passed):
                return found
        day += timedelta(days=1)
    return "no such day comes within five years"


def _date(work: Work, wanted: DateOf, passed: int | None) -> int | str:
    zone, field = _zone(work, wanted.zone), wanted.fact
    day = _day(work.facts.get(field), zone)
    if day is None:
        return f"the lead has no {field}"
    if wanted.yearly:
        return _anniversary(work.now, day, wanted, zone, passed)
    found = _on(day, wanted)
    if found is None:
        return f"{field} is beyond the calendar"
    if work.now < _at(found + timedelta(days=1), 0, zone):
        return max(_at(found, wanted.time, zone), work.now)
    return f"{field} is past"


def _anniversary(
    now: int, day: date, wanted: DateOf, zone: ZoneInfo, passed: int | None
) -> int | str:
    """Return the next time that ``day`` comes again; on the day itself at once, but not twice."""
    year = to_datetime(now).astimezone(zone).year
    for each in range(year - 1, year + _YEARS):
        found = _on(_in_year(day, each), wanted)
        if found is None:
            continue
        begins, ends = _at(found, 0, zone), _at(found + timedelta(days=1), 0, zone)
        if now < ends and (passed is None or passed < begins):
            return max(_at(found, wanted.time, zone), now)
    return f"{wanted.fact} does not come again"


def _in_year(day: date, year: int) -> date | None:
    """Return the day in another year; 29 February is 28 February where there is none."""
    try:
        return day.replace(year=year)
    except ValueError:
        return date(year, 2, 28) if 1 <= year <= 9999 else None


def _on(day: date | None, wanted: DateOf) -> date | None:
    """Return the day that is waited for; None beyond the years that there are."""
    try:
        moved = day + timedelta(days=wanted.shift) if day is not None else None
    except OverflowError:
        return None
    return moved if moved is not None and 1 < moved.year < 9999 else None


def _day(value: Any, zone: ZoneInfo) -> date | None:
    """Return the day of a date, or of an instant where the wait's zone is."""
    if not isinstance(value, str):
        return None
    if len(value) == 10:
        return date.fromisoformat(value)
    return datetime.fromisoformat(value).astimezone(zone).date()


def _at(day: date, minute: int, zone: ZoneInfo) -> int:
    """Return the instant of a wall-clock minute.

    Of a time that summer time leaves out, the same so much later; of one it repeats, the first.
    """
    local = datetime.combine(day, time(minute // 60, minute % 60), tzinfo=zone)
    return to_instant(local.astimezone(UTC))
