"""Why a condition holds or not: its tree, each node judged by the closure that the engine runs."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, time, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

import msgspec
from msgspec import UNSET

from engine.language.definitions import (
    Absence,
    Aggregate,
    All,
    AnyOf,
    Condition,
    FieldRef,
    Guard,
    Not,
    Test,
)
from engine.language.diagnostic import Source
from engine.language.instants import format_duration, to_datetime, to_instant
from engine.language.operators import EDGES
from engine.language.wording import clock_time, day_name, fact_name, write, write_operand
from engine.network.condition import Compiled, Facts, canonical

_DAYS_AHEAD: Final = 400  # a guard that has not changed within a year never does
_NAMES: Final = {All: "all", AnyOf: "any", Not: "not", Absence: "absent", Guard: "time"}


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """One node of a condition, judged at one instant, with the nodes that it is made of.

    ``kind`` is test, all, any, not, count, sum, max, last, absent or time. ``text`` is the
    node as one would write it, ``field``, ``operator`` and ``wanted`` its parts. ``actual`` is
    what the lead has: a field's value, a count, or an instant (of the latest event, of
    ``absent`` too; None for no event). ``before`` is what an edge such as ``rises_to`` has
    seen, and ``other`` the value of the field that this one is compared with, where one is. At
    ``next_change`` the clock alone may change whether it holds; None: only an event may.
    """

    kind: str
    text: str
    holds: bool
    source: Source
    field: str | None = None
    operator: str | None = None
    wanted: str | None = None
    actual: Any = None
    before: Any = None
    other: Any = UNSET
    next_change: int | None = None
    items: tuple[Explanation, ...] = ()

    def nodes(self) -> Iterator[Explanation]:
        """Yield this node and all below it."""
        yield self
        for item in self.items:
            yield from item.nodes()


def explain(
    compiled: Compiled, facts: Facts, definition: Condition | None = None, prefix: str = ""
) -> Explanation:
    """Return why ``compiled`` holds or not, judged by ``facts``.

    ``definition`` is the condition as its rule says it; equal conditions share one compiled
    form, which remembers only where the first of them stands. ``prefix`` is left off in what
    is written: ``event.`` for a ``where``.
    """
    written = compiled.definition if definition is None else definition
    if isinstance(written, Test):
        return _test(compiled, facts, written, prefix)
    if isinstance(written, Aggregate | Absence):
        return _events(compiled, facts, written)
    if isinstance(written, Guard):
        return _guard(compiled, facts, written)
    return _group(compiled, facts, written, prefix)


def _group(
    compiled: Compiled, facts: Facts, written: All | AnyOf | Not, prefix: str
) -> Explanation:
    parts = {canonical(part.definition): part for part in compiled.parts}
    inner = [written.item] if isinstance(written, Not) else written.items
    items = tuple(explain(parts[canonical(each)], facts, each, prefix) for each in inner)
    changes = [item.next_change for item in items if item.next_change is not None]
    return Explanation(
        kind=_NAMES[type(written)],
        text=write(written, prefix),
        holds=compiled.holds(facts),
        source=written.source,
        next_change=min(changes, default=None),
        items=items,
    )


def _test(compiled: Compiled, facts: Facts, test: Test, prefix: str) -> Explanation:
    other = test.operand
    return Explanation(
        kind="test",
        text=write(test, prefix),
        holds=compiled.holds(facts),
        source=test.source,
        field=fact_name(test.fact),
        operator=test.op,
        wanted=write_operand(test.op, test.operand),
        actual=_value(facts, test.fact),
        before=facts.before.get(test.fact) if test.op in EDGES else None,
        other=_value(facts, other.fact) if isinstance(other, FieldRef) else UNSET,
        next_change=compiled.deadline(facts) if compiled.deadline else None,
    )


def _value(facts: Facts, fact: str) -> Any:
    if fact.startswith("event."):
        return facts.properties.get(fact.removeprefix("event."))
    return facts.facts.get(fact)


def _events(compiled: Compiled, facts: Facts, written: Aggregate | Absence) -> Explanation:
    assert compiled.actual is not None
    return Explanation(
        kind=written.kind if isinstance(written, Aggregate) else "absent",
        text=write(written),
        holds=compiled.holds(facts),
        source=written.source,
        wanted=_wanted(written),
        actual=compiled.actual(facts),
        next_change=compiled.deadline(facts) if compiled.deadline else None,
    )


def _wanted(written: Aggregate | Absence) -> str:
    if isinstance(written, Absence):
        return f"for {format_duration(written.span)}"
    ages = written.kind == "last"
    return ", ".join(
        f"{op} {format_duration(operand) if ages else write_operand(op, operand)}"
        for op, operand in written.tests
    )


# --- the time of day -------------------------------------------------------------------------


class _Instant(msgspec.Struct, frozen=True):
    """All that a time guard reads."""

    now: int


def _guard(compiled: Compiled, facts: Facts, guard: Guard) -> Explanation:
    local = to_datetime(facts.now).astimezone(ZoneInfo(guard.zone))
    return Explanation(
        kind="time",
        text=write(guard),
        holds=compiled.holds(facts),
        source=guard.source,
        actual=f"{day_name(local.weekday())} {clock_time(local.hour * 60 + local.minute)}",
        next_change=_next_flip(compiled, guard, facts.now),
    )


def _next_flip(compiled: Compiled, guard: Guard, now: int) -> int | None:
    """Return when the guard opens or closes next; it wakes nobody then."""
    present = compiled.holds(_Instant(now))
    for instant in _bounds(guard, now):
        if instant > now and compiled.holds(_Instant(instant)) != present:
            return instant
    return None


def _bounds(guard: Guard, now: int) -> Iterator[int]:
    """Yield every midnight and every bound of the guard from the day of ``now`` on."""
    zone = ZoneInfo(guard.zone)
    first = to_datetime(now).astimezone(zone).date()
    minutes = sorted({0, guard.start or 0, guard.end or 0})
    for ahead in range(_DAYS_AHEAD):
        midnight = datetime.combine(first + timedelta(days=ahead), time(), zone)
        for minute in minutes:
            yield to_instant(midnight + timedelta(minutes=minute))
