"""What a step of a journey waits for: a duration, an event, a time of day, a date."""

from __future__ import annotations

from typing import Any, Final

from engine.language.calendars import DAYS
from engine.language.handling import DateOf, Moment
from engine.language.instants import DAY, parse_duration
from engine.language.nearest import did_you_mean
from engine.language.sections.part import Builder, Part, minute_of_day, span
from engine.language.zones import is_zone, zone_hint

LEAD_ZONE: Final = "lead"
_WAYS: Final = (
    "write 2d, {event: ..., within: 2d}, {until: 2d}, "
    '{at: "09:00"}, {calendar: cn} or {date: lead.birthday}'
)
# What each sort of wait may be told besides.
_EVENT: Final = ("event", "of", "where", "within")
_DATE: Final = ("date", "yearly", "before", "after", "at", "zone")
_TIME: Final = ("until", "since", "at", "days", "calendar", "zone")


class WaitBuilder(Builder):
    """Reads ``wait``; what it returns are fields of a `Step`."""

    def build(self, wait: Part, journey: str, names: list[str]) -> dict[str, Any]:
        """Return what is waited for; ``names`` are the steps of the journey."""
        if isinstance(wait.data, str):
            return self._plain(wait, journey)
        sort = "event" if "event" in wait.data else "date" if "date" in wait.data else "time"
        known = {"event": _EVENT, "date": _DATE, "time": _TIME}[sort]
        for key in wait.data:
            if key not in known:
                text = f"{key}: is nothing that a wait for {_NAMES[sort]} knows"
                self.error("wait", wait.child(key), text, journey, f"it knows {', '.join(known)}")
        if sort == "event":
            return self._for_event(wait, journey, names)
        if sort == "date":
            return {"date": self._date(wait, journey)}
        if not {"until", "at", "calendar"} & wait.data.keys():
            text = "a wait is for a duration, an event, a time, a date, or until something"
            self.error("wait", wait, text, journey, _WAYS)
            return {}
        return self._for_time(wait, journey, names)

    def _plain(self, wait: Part, journey: str) -> dict[str, Any]:
        try:
            return {"span": span(wait.data)}
        except ValueError as error:
            self.error("duration", wait, str(error), journey, "write such as 2d")
            return {}

    def _for_event(self, wait: Part, journey: str, names: list[str]) -> dict[str, Any]:
        events = self.events(wait, journey)
        within, of = wait.get("within"), wait.get("of")
        if within is None:
            text = "a wait for an event needs a limit, else a lead may wait for ever"
            self.error("missing-key", wait, text, journey, "add within: 7d")
        if of is not None:
            self.known(wait.child("of"), of, names, "step", journey)
        return {
            "events": events,
            "where": self.where(wait, journey, events),
            "of": of,
            "span": span(within) if within else None,
        }

    def _for_time(self, wait: Part, journey: str, names: list[str]) -> dict[str, Any]:
        until, since, calendar = (wait.get(k) for k in ("until", "since", "calendar"))
        if since is not None:
            self.known(wait.child("since"), since, ["enter", *names], "step", journey)
        if calendar is not None:
            self.known(wait.child("calendar"), calendar, self.scope.calendars, "calendar", journey)
        if "days" in wait.data and "at" not in wait.data:
            hint = 'add at: "09:00"'
            self.error("wait", wait.child("days"), "days: is for a time of day", journey, hint)
        found: dict[str, Any] = {"since": since, "span": span(until) if until else None}
        if "at" in wait.data or calendar is not None:
            found["moment"] = Moment(
                time=_time(wait) if "at" in wait.data else None,
                days=tuple(DAYS.index(day) for day in wait.get("days", ())),
                calendar=calendar,
                zone=self._zone(wait, journey),
            )
        return found

    def _date(self, wait: Part, journey: str) -> DateOf:
        path = wait.get("date")
        resolved = self.scope.resolve(path)
        if resolved is None or resolved.field.family != "date":
            dates = [p for p in self.scope.paths() if _is_date(self.scope.resolve(p))]
            hint = did_you_mean(path, dates)
            text = f'"{path}" is no date of the lead; {hint}'
            self.error("wait", wait.child("date"), text, journey, hint)
        before, after = self._days(wait, "before", journey), self._days(wait, "after", journey)
        return DateOf(
            fact=resolved.fact if resolved is not None else path,
            yearly=wait.get("yearly", False),
            shift=after - before,
            time=_time(wait),
            zone=self._zone(wait, journey),
        )

    def _days(self, wait: Part, key: str, journey: str) -> int:
        """Return whole days; a date is moved by days, so that summer time does not matter."""
        value = wait.get(key)
        if value is None:
            return 0
        days, rest = divmod(parse_duration(value), DAY)
        if rest:
            text = f"{value} are no whole days"
            self.error("duration", wait.child(key), text, journey, "write such as 30d")
        return days

    def _zone(self, wait: Part, journey: str) -> str | None:
        zone: str | None = wait.get("zone")
        if zone is None or zone == LEAD_ZONE or is_zone(zone):
            return zone
        hint = zone_hint(zone)
        text = f'"{zone}" is no time zone; {hint}'
        self.error("unknown-zone", wait.child("zone"), text, journey, hint)
        return None


_NAMES: Final = {"event": "an event", "date": "a date", "time": "a time"}


def _time(wait: Part) -> int:
    return minute_of_day(wait.get("at", "00:00"))


def _is_date(resolved: Any) -> bool:
    return resolved is not None and resolved.field.family == "date"
