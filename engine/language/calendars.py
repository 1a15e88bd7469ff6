"""Working calendars: which days are worked, and instants moved by working time.

China's public holidays and make-up working days (调休) come from the ``holidays``
package, which follows the State Council's yearly notice; ``official_until`` is the last
year that the notice covers, later years are guessed from the lunar calendar.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo

import msgspec

from engine.language.instants import DAY, to_datetime, to_instant

ALWAYS: Final = "always"
CHINA: Final = "cn"
DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
FIRST_YEAR: Final = 2018
LAST_YEAR: Final = 2031
# The State Council had published the notice for 2026 when this table was made (2026-11).
CHINA_OFFICIAL_UNTIL: Final = 2026


class Calendar(msgspec.Struct, frozen=True):
    """Working time: minutes ``opens`` to ``closes`` of each working day in ``zone``.

    ``week`` holds the weekdays that are worked, 0 for Monday; ``off`` and ``on`` hold
    proleptic ordinals of days that are off or worked against it. ``always`` counts every
    minute of every day.
    """

    name: str
    zone: str = "Asia/Shanghai"
    opens: int = 9 * 60
    closes: int = 18 * 60
    off: frozenset[int] = frozenset()
    on: frozenset[int] = frozenset()
    official_until: int | None = None
    always: bool = False
    week: frozenset[int] = frozenset(range(5))

    def works(self, day: date) -> bool:
        """Whether ``day`` is a working day."""
        ordinal = day.toordinal()
        if self.always or ordinal in self.on:
            return True
        return day.weekday() in self.week and ordinal not in self.off

    def add(self, instant: int, amount: int, unit: str) -> int:
        """Return the instant ``amount`` working ``hours`` or ``days`` after ``instant``.

        A working day is the next working day at the same time of day; outside working
        hours the clock stands still until the next opening.
        """
        if self.always:
            return instant + amount * (DAY if unit == "days" else DAY // 24)
        return (
            self._add_days(instant, amount) if unit == "days" else self._add_hours(instant, amount)
        )

    def later(self, instant: int, since: int, until: int, unit: str) -> int:
        """Return ``instant`` moved by the working ``hours`` or ``days`` between two others.

        Of days whole ones count, as `add` counts them.
        """
        if self.always:
            return instant + until - since
        if unit == "hours":
            worked = self._between(since, until)
            return self._add_time(instant, worked) if worked else instant
        days = 0
        while self._add_days(since, days + 1) <= until:
            days += 1
        return self._add_days(instant, days)

    def _between(self, since: int, until: int) -> timedelta:
        """Return how much working time lies between two instants."""
        zone, start, end = ZoneInfo(self.zone), to_datetime(since), to_datetime(until)
        day, worked = start.astimezone(zone).date(), timedelta()
        while day <= end.astimezone(zone).date():
            opens, closes = self._hours(day, zone)
            if self.works(day):
                worked += max(timedelta(), min(closes, end) - max(opens, start))
            day += timedelta(days=1)
        return worked

    def opening(self, instant: int) -> int:
        """Return the first instant from ``instant`` on that is working time."""
        if self.always:
            return instant
        zone, now = ZoneInfo(self.zone), to_datetime(instant)
        day = now.astimezone(zone).date()
        while True:
            opens, closes = self._hours(day, zone)
            if self.works(day) and now < closes:
                return to_instant(max(now, opens))
            day += timedelta(days=1)

    def _add_days(self, instant: int, amount: int) -> int:
        local = to_datetime(instant).astimezone(ZoneInfo(self.zone))
        day = local.date()
        while amount:
            day += timedelta(days=1)
            amount -= self.works(day)
        moved = datetime.combine(day, local.timetz())
        return to_instant(moved.astimezone(UTC))

    def _add_hours(self, instant: int, amount: int) -> int:
        return self._add_time(instant, timedelta(hours=amount))

    def _add_time(self, instant: int, left: timedelta) -> int:
        zone = ZoneInfo(self.zone)
        now = to_datetime(instant).astimezone(zone)
        day = now.date()
        while True:
            opens, closes = self._hours(day, zone)
            start = max(now.astimezone(UTC), opens)
            if self.works(day) and start < closes:
                if left <= closes - start:
                    return to_instant(start + left)
                left -= closes - start
            day += timedelta(days=1)

    def _hours(self, day: date, zone: ZoneInfo) -> tuple[datetime, datetime]:
        opens, closes = (_at(day, minute, zone) for minute in (self.opens, self.closes))
        return opens, closes


def _at(day: date, minute: int, zone: ZoneInfo) -> datetime:
    """Return the instant of a wall-clock minute of ``day``; 1440 is the end of the day."""
    days, rest = divmod(minute, 24 * 60)
    local = datetime.combine(day + timedelta(days=days), time(rest // 60, rest % 60), tzinfo=zone)
    return local.astimezone(UTC)


@lru_cache(maxsize=8)
def china(name: str = CHINA) -> Calendar:
    """Return China's calendar with its holidays and make-up working days."""
    import holidays  # 1 s to import: only when a calendar is needed

    days = holidays.country_holidays("CN", years=range(FIRST_YEAR, LAST_YEAR + 1))
    on = {d.toordinal() for year in range(FIRST_YEAR, LAST_YEAR + 1) for d in _make_up(days, year)}
    off = {d.toordinal() for d in days} - on
    return Calendar(name, off=frozenset(off), on=frozenset(on), official_until=CHINA_OFFICIAL_UNTIL)


def _make_up(days: object, year: int) -> list[date]:
    worked: set[date] = getattr(days, "weekend_workdays", set())
    return [d for d in worked if d.year == year]


def builtin_calendars() -> dict[str, Calendar]:
    """Return the calendars every configuration has: ``always`` and ``cn``."""
    return {ALWAYS: Calendar(ALWAYS, always=True), CHINA: china()}
