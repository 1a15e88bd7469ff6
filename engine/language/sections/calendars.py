"""``calendars.yaml``: working calendars of one's own, and corrections of the built-in one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import date
from typing import Final

from engine.language.calendars import ALWAYS, CHINA, DAYS, Calendar, builtin_calendars
from engine.language.diagnostic import Diagnostics
from engine.language.sections.part import Part
from engine.language.zones import is_zone, zone_hint

_WEEK: Final = "week"


class CalendarsBuilder:
    """Builds calendars; needs no scope, for they name nothing but each other's base."""

    def __init__(self, found: Diagnostics) -> None:
        self.found = found

    def build(self, parts: Sequence[Part]) -> dict[str, Calendar]:
        """Return the built-in calendars and those of all files."""
        known = builtin_calendars()
        seen: dict[str, Part] = {}
        for name, part in (member for p in parts for member in p.entries("calendars")):
            if name == ALWAYS:
                self._error("reserved-name", part, name, '"always" stays as it is', "rename it")
            elif name in seen:
                text = f'the calendar "{name}" stands here twice; first at {seen[name].source}'
                self._error("duplicate-id", part, name, text, "give one of the two another name")
            else:
                seen[name] = part
                known[name] = self._calendar(name, part)
        return known

    def _calendar(self, name: str, part: Part) -> Calendar:
        base = self._base(name, part)
        off, work = (frozenset(self._days(part.child(k), name)) for k in ("off", "work"))
        self._refuse_both(off & work, part, name)
        opens, closes = self._hours(part, name, base)
        week = part.get("days")
        return Calendar(
            name,
            zone=self._zone(part, name, base),
            opens=opens,
            closes=closes,
            off=(base.off | off) - work,
            on=(base.on | work) - off,
            official_until=part.get("official_until", base.official_until),
            week=frozenset(DAYS.index(d) for d in week) if week else base.week,
        )

    def _base(self, name: str, part: Part) -> Calendar:
        wanted = part.get("base", CHINA if name == CHINA else _WEEK)
        return builtin_calendars()[CHINA] if wanted == CHINA else Calendar(name)

    def _days(self, part: Part, name: str) -> Iterator[int]:
        for index, text in enumerate(part.data or ()):
            try:
                yield date.fromisoformat(text).toordinal()
            except ValueError:
                where = part.child(index)
                self._error("date", where, name, f'there is no day "{text}"', "correct it")

    def _refuse_both(self, both: frozenset[int], part: Part, name: str) -> None:
        for day in sorted(both):
            text = f"{date.fromordinal(day)} is off and worked at the same time"
            hint = "remove it from off: or from work:"
            self._error("calendar-day", part.child("work"), name, text, hint)

    def _hours(self, part: Part, name: str, base: Calendar) -> tuple[int, int]:
        hours = part.get("hours")
        if hours is None:
            return base.opens, base.closes
        opens, closes = (int(text[:2]) * 60 + int(text[3:]) for text in hours)
        if opens >= closes:
            text = f"it opens at {hours[0]} and closes at {hours[1]}"
            hint = "closing comes later on the same day; 24:00 is its end"
            self._error("value", part.child("hours"), name, text, hint)
        return opens, closes

    def _zone(self, part: Part, name: str, base: Calendar) -> str:
        zone: str = part.get("zone", base.zone)
        if not is_zone(zone):
            hint = zone_hint(zone)
            text = f'"{zone}" is no time zone; {hint}'
            self._error("unknown-zone", part.child("zone"), name, text, hint)
        return zone

    def _error(self, code: str, part: Part, rule: str, message: str, hint: str) -> None:
        self.found.error(code, message, part.source, rule=rule, hint=hint)
