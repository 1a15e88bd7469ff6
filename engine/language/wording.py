"""Conditions written back, on one line, as one would write them in YAML."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from engine.language.instants import format_duration, format_instant
from engine.language.operators import AGES
from engine.language.rules import (
    Absence,
    Aggregate,
    All,
    AnyOf,
    Condition,
    FieldRef,
    Guard,
    Not,
    Span,
    Test,
)

_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_PLAIN: Final = re.compile(r"[^\W\d][\w.\-/]*")
_WORDS: Final = frozenset({"true", "false", "null"})
_HOME_ZONE: Final = "Asia/Shanghai"
_MOMENTS: Final = frozenset({"before", "after"})
# The operator that a bare constant or a bare list means.
_SHORT: Final = frozenset({"eq", "in"})
_SHORT_FOR_LISTS: Final = frozenset({"includes", "includes_any"})

Entry = tuple[str, str]


def write(condition: Condition, prefix: str = "") -> str:
    """Return ``condition`` as the entries of a YAML map: ``lead.employees: {gte: 500}``.

    ``prefix`` is left off the names of facts: ``event.`` inside a ``where``.
    """
    return ", ".join(f"{key}: {value}" for key, value in _entries(condition, prefix))


def scalar(value: Any) -> str:
    """Return a constant as YAML 1.2 writes it, in quotes only where it needs them."""
    if isinstance(value, bool) or value is None:
        return "null" if value is None else str(value).lower()
    if not isinstance(value, str):
        return str(value)
    plain = _PLAIN.fullmatch(value) and value.lower() not in _WORDS
    return value if plain else json.dumps(value, ensure_ascii=False)


def fact_name(fact: str) -> str:
    """Return a fact as people write it: ``score.default.total`` is ``score.total``."""
    # A model of this name is the default one wherever there is one.
    model = "score.default."
    return f"score.{fact.removeprefix(model)}" if fact.startswith(model) else fact


def write_span(span: Span) -> str:
    """Return a length of time: ``30d``, ``24 working_hours``."""
    return f"{span.working} working_{span.unit}" if span.is_working else format_duration(span.ms)


def write_operand(operator: str, operand: Any) -> str:
    """Return what an operator compares with: ``500``, ``[a, b]``, ``{field: lead.budget}``."""
    if isinstance(operand, FieldRef):
        return f"{{field: {fact_name(operand.fact)}}}"
    if operator in AGES:
        return format_duration(operand)
    if operator in _MOMENTS:
        return scalar(format_instant(operand))
    if isinstance(operand, tuple | list):
        return f"[{', '.join(map(scalar, operand))}]"
    return scalar(operand)


def _entries(condition: Condition, prefix: str) -> Sequence[Entry]:
    return _WRITERS[type(condition)](condition, prefix)


def _test(test: Test, prefix: str) -> Sequence[Entry]:
    operand = write_operand(test.op, test.operand)
    short = _SHORT_FOR_LISTS if test.family == "list" else _SHORT
    bare = test.op in short and not isinstance(test.operand, FieldRef)
    name = fact_name(test.fact).removeprefix(prefix)
    return [(name, operand if bare else f"{{{test.op}: {operand}}}")]


def _every(group: All, prefix: str) -> Sequence[Entry]:
    """A map says the same with fewer brackets, as long as no key would stand there twice."""
    entries = [entry for item in group.items for entry in _entries(item, prefix)]
    if len({key for key, _ in entries}) == len(entries):
        return entries
    return [("all", _list(group.items, prefix))]


def _some(group: AnyOf, prefix: str) -> Sequence[Entry]:
    return [("any", _list(group.items, prefix))]


def _list(items: Sequence[Condition], prefix: str) -> str:
    return f"[{', '.join(f'{{{write(item, prefix)}}}' for item in items)}]"


def _not(condition: Not, prefix: str) -> Sequence[Entry]:
    return [("not", f"{{{write(condition.item, prefix)}}}")]


def _aggregate(aggregate: Aggregate, prefix: str) -> Sequence[Entry]:
    parts = _events(aggregate)
    if aggregate.of is not None:
        parts["of"] = aggregate.of
    if aggregate.within is not None:
        parts["within"] = format_duration(aggregate.within)
    ages = aggregate.kind == "last"
    for operator, operand in aggregate.tests:
        parts[operator] = format_duration(operand) if ages else write_operand(operator, operand)
    return [(aggregate.kind, _map(parts))]


def _absence(absence: Absence, prefix: str) -> Sequence[Entry]:
    return [("absent", _map({**_events(absence), "for": format_duration(absence.span)}))]


def _events(condition: Aggregate | Absence) -> dict[str, str]:
    parts = {"event": event_names(condition)}
    if condition.where is not None:
        parts["where"] = f"{{{write(condition.where, 'event.')}}}"
    return parts


def event_names(condition: Aggregate | Absence) -> str:
    """Return the events of a condition as written; ``any`` was spread out when it was read."""
    written = condition.window.split(" ", 2)[1:2]
    if written == ["any"]:
        return "any"
    return names(condition.events)


def names(found: Sequence[str]) -> str:
    """Return one name bare, several in brackets."""
    return found[0] if len(found) == 1 else f"[{', '.join(found)}]"


def _guard(guard: Guard, prefix: str) -> Sequence[Entry]:
    parts: dict[str, str] = {}
    if guard.start is not None and guard.end is not None:
        parts["between"] = f'["{clock_time(guard.start)}", "{clock_time(guard.end)}"]'
    if guard.days:
        parts["days"] = f"[{', '.join(_DAYS[day] for day in guard.days)}]"
    if guard.calendar is not None:
        parts["calendar"] = guard.calendar
    if guard.zone != _HOME_ZONE:
        parts["zone"] = guard.zone
    return [("time", _map(parts))]


def clock_time(minutes: int) -> str:
    """Return minutes since midnight as ``09:00``."""
    return f"{minutes // 60:02}:{minutes % 60:02}"


def day_name(weekday: int) -> str:
    """Return the name of a day of the week; 0 is ``mon``."""
    return _DAYS[weekday]


def _map(parts: Mapping[str, str]) -> str:
    return f"{{{', '.join(f'{key}: {value}' for key, value in parts.items())}}}"


_WRITERS: Final[Mapping[type, Callable[[Any, str], Sequence[Entry]]]] = {
    Test: _test,
    All: _every,
    AnyOf: _some,
    Not: _not,
    Aggregate: _aggregate,
    Absence: _absence,
    Guard: _guard,
}
