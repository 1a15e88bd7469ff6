"""Parse what conditions say about events over time: aggregates, absence and time guards."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from engine.language.catalogue import BadValue, Field
from engine.language.instants import BadTime, parse_duration
from engine.language.nearest import did_you_mean
from engine.language.operators import EDGES, OPERATORS, check_operand
from engine.language.reader import Path
from engine.language.rules import Absence, Aggregate, Condition, Guard
from engine.language.zones import is_zone, zone_hint

if TYPE_CHECKING:
    from engine.language.conditions import ConditionParser

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_COUNTED: Final = Field("count", "number")


def parse_aggregate(parser: ConditionParser, kind: str, data: Any, path: Path) -> Condition | None:
    """Return the count, sum, max or last at ``path``, None after writing what is wrong."""
    known = {"event", "where", "of", "within", *OPERATORS["number"]}
    if not parser.keys(data, path, known, ("event",)):
        return None
    events = parser.event_types(data["event"], (*path, "event"))
    where = parser.where(data["where"], (*path, "where"), events) if "where" in data else None
    if not _fits(parser, kind, data, events, path):
        return None
    within = parser.duration(data, "within", path)
    tests = _aggregate_tests(parser, kind, data, path)
    if not tests or not events:
        return None
    return Aggregate(
        kind=kind,
        events=events,
        where=where,
        of=data.get("of"),
        within=within,
        tests=tests,
        window=_window(kind, data, within),
        source=parser.document.at(path),
    )


def _aggregate_tests(
    parser: ConditionParser, kind: str, data: Any, path: Path
) -> tuple[tuple[str, Any], ...]:
    tests: list[tuple[str, Any]] = []
    for op in data:
        if op in ("event", "where", "of", "within"):
            continue
        if op in (*EDGES, "exists") or (kind == "last" and op not in ("gt", "gte", "lt", "lte")):
            fitting = "gt, gte, lt, lte" if kind == "last" else "eq, gt, gte, lt, lte, between"
            text = f"{op} does not fit {kind}"
            parser.error("operand", (*path, op), text, f"{kind} takes {fitting}")
            continue
        field = _COUNTED if kind != "last" else Field("last", "string")
        tests.append((op, _aggregate_operand(parser, kind, op, field, data[op], (*path, op))))
    if not tests and not set(data) - {"event", "where", "of", "within"}:
        parser.error("condition", path, f"{kind} compares with nothing", hint="add such as gte: 3")
    return tuple(tests)


def _aggregate_operand(
    parser: ConditionParser, kind: str, op: str, field: Field, operand: Any, path: Path
) -> Any:
    try:
        if kind == "last":  # the age of the latest event
            return parse_duration(str(operand))
        return check_operand(op, field, operand)
    except (BadValue, BadTime) as error:
        parser.error("operand", path, f"{kind} {op}: {error}", hint="give a value of that type")
        return 0


def _fits(
    parser: ConditionParser, kind: str, data: dict[str, Any], events: Sequence[str], path: Path
) -> bool:
    """Whether ``of`` names a number of every event for sum and max, and is absent for others."""
    if kind in ("sum", "max"):
        return bool(events) and _numeric(parser, data.get("of"), events, path)
    if "of" in data:
        text = f"{kind} looks at events, not at a property of them"
        parser.error("operand", (*path, "of"), text, "remove of:, or write sum or max")
    return "of" not in data


def _numeric(parser: ConditionParser, of: Any, events: Sequence[str], path: Path) -> bool:
    fields = [parser.scope.catalogue.property(e, str(of)) for e in events]
    if all(f is not None and f.family == "number" for f in fields):
        return True
    carried = (parser.scope.catalogue.events[e].properties.values() for e in events)
    known = set.intersection(*({f.name for f in own if f.family == "number"} for own in carried))
    parser.error(
        "unknown-property",
        (*path, "of"),
        "of: which number of the events is meant?"
        if of is None
        else f"of: {of!r} is not a number that every one of these events carries",
        hint=did_you_mean(str(of), known),
    )
    return False


def parse_absence(parser: ConditionParser, data: Any, path: Path) -> Condition | None:
    """Return the absence at ``path``, None after writing what is wrong."""
    if not parser.keys(data, path, {"event", "where", "for"}, ("event", "for")):
        return None
    events = parser.event_types(data["event"], (*path, "event"))
    where = parser.where(data["where"], (*path, "where"), events) if "where" in data else None
    span = parser.duration(data, "for", path)
    if span is None or not events:
        return None
    return Absence(
        events=events,
        where=where,
        span=span,
        window=_window("last", data, None),
        source=parser.document.at(path),
    )


def parse_guard(parser: ConditionParser, data: Any, path: Path) -> Condition | None:
    """Return the time guard at ``path``."""
    if not parser.keys(data, path, {"between", "days", "calendar", "zone"}, ()):
        return None
    start, end = _times(parser, data.get("between"), (*path, "between"))
    return Guard(
        start=start,
        end=end,
        days=_days(parser, data.get("days", []), (*path, "days")),
        calendar=_calendar(parser, data.get("calendar"), (*path, "calendar")),
        zone=_zone(parser, data.get("zone", "Asia/Shanghai"), (*path, "zone")),
        source=parser.document.at(path),
    )


def _days(parser: ConditionParser, days: Any, path: Path) -> tuple[int, ...]:
    """Return days of the week, 0 for Monday; writes a finding for each that is none."""
    written = list(enumerate(days)) if isinstance(days, list) else [(None, days)]
    for index, day in written:
        if day not in _DAYS:
            where = path if index is None else (*path, index)
            hint = did_you_mean(str(day), _DAYS)
            parser.error("operand", where, f"{day!r} is no day; {hint}", hint)
    return tuple(_DAYS.index(day) for _, day in written if day in _DAYS)


def _calendar(parser: ConditionParser, name: Any, path: Path) -> str | None:
    if name is None or (isinstance(name, str) and name in parser.scope.calendars):
        return name
    if not parser.scope.unseen("calendar"):
        hint = did_you_mean(str(name), parser.scope.calendars)
        parser.error("unknown-calendar", path, f'there is no calendar "{name}"; {hint}', hint)
    return None


def _zone(parser: ConditionParser, zone: Any, path: Path) -> str:
    if is_zone(zone):
        return str(zone)
    hint = zone_hint(zone)
    parser.error("unknown-zone", path, f'"{zone}" is no time zone; {hint}', hint)
    return "UTC"


def _times(parser: ConditionParser, data: Any, path: Path) -> tuple[int | None, int | None]:
    if data is None:
        return None, None
    minutes = [minutes_of_day(t) for t in data] if isinstance(data, list) else []
    if len(minutes) != 2 or None in minutes:
        parser.error(
            "operand", path, f"{data!r} are not two times", hint='write ["09:00", "18:00"]'
        )
        return None, None
    return minutes[0], minutes[1]


def _window(kind: str, data: dict[str, Any], within: int | None) -> str:
    """Name the state that equal aggregates share; absence shares with ``last``."""
    events = data["event"] if isinstance(data["event"], list) else [data["event"]]
    parts = ["+".join(sorted(map(str, events)))]
    if "where" in data:
        parts.append(repr(sorted(data["where"].items())) if isinstance(data["where"], dict) else "")
    if kind in ("sum", "max"):
        parts.append(f"of {data.get('of')}")
    if within is not None:
        parts.append(f"in {within}")
    return f"{kind} " + " ".join(parts)


def minutes_of_day(text: Any) -> int | None:
    """Return the minutes since midnight of ``18:00``, None for what is no time of day."""
    hours, colon, minutes = str(text).partition(":")
    if colon and hours.isdecimal() and minutes.isdecimal() and len(minutes) == 2:
        total = int(hours) * 60 + int(minutes)
        return total if total <= 24 * 60 and int(minutes) < 60 else None
    return None
