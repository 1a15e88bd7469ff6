"""Conditions compiled to closures, each knowing what wakes it and when the clock changes it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from math import ceil, floor
from typing import Any, Protocol

from engine.language.calendars import Calendar
from engine.language.conditions import has_edge
from engine.language.definitions import (
    Absence,
    Aggregate,
    All,
    AnyOf,
    Condition,
    Guard,
    Not,
    Test,
)
from engine.language.operators import AGES
from engine.network.guards import compile_guard
from engine.network.predicates import compile_number, compile_test, moment
from engine.network.windows import Window


class Facts(Protocol):
    """What a compiled condition reads: one lead at one instant."""

    facts: dict[str, Any]
    properties: dict[str, Any]  # of the event that is being looked at
    before: dict[str, Any]  # facts that changed since rules last settled, as they were
    windows: dict[str, Any]
    now: int

    @property
    def created_at(self) -> int:
        """When the lead came to be."""
        ...


Check = Callable[[Any], bool]
Due = Callable[[Any], "int | None"]


class Compiled:
    """A condition ready to run, shared by every rule that says the same.

    ``reads`` are the facts and ``windows`` the window states whose change may change its
    truth; ``deadline`` returns the next instant at which the clock alone may. An ``edge``
    is true at an instant only. ``parts`` are what it is made of, and ``actual`` reads what
    its events come to: a count, a sum, the latest instant; both are for explanations.
    """

    __slots__ = ("actual", "deadline", "definition", "edge", "holds", "parts", "reads", "windows")

    def __init__(
        self,
        definition: Condition,
        holds: Check,
        reads: frozenset[str] = frozenset(),
        windows: frozenset[str] = frozenset(),
        deadline: Due | None = None,
        parts: tuple[Compiled, ...] = (),
        actual: Callable[[Any], Any] | None = None,
    ) -> None:
        self.definition = definition
        self.holds = holds
        self.reads = reads
        self.windows = windows
        self.deadline = deadline
        self.edge = has_edge(definition)
        self.parts = parts
        self.actual = actual


class ConditionCompiler:
    """Compiles conditions, sharing equal ones, and collects the windows they need."""

    def __init__(self, calendars: Mapping[str, Calendar]) -> None:
        self.calendars = calendars
        self.shared: dict[str, Compiled] = {}
        self.windows: dict[str, Window] = {}

    def compile(self, condition: Condition) -> Compiled:
        """Return the compiled form of ``condition``."""
        key = canonical(condition)
        found = self.shared.get(key)
        if found is None:
            found = self.shared[key] = self._compile(condition)
        return found

    def optional(self, condition: Condition | None) -> Compiled | None:
        """Return the compiled form, or None for no condition at all."""
        return None if condition is None else self.compile(condition)

    def _compile(self, condition: Condition) -> Compiled:
        if isinstance(condition, Test):
            return self._test(condition)
        if isinstance(condition, All | AnyOf):
            return self._group(condition)
        if isinstance(condition, Not):
            item = self.compile(condition.item)
            inner = item.holds
            return Compiled(
                condition,
                lambda c: not inner(c),
                item.reads,
                item.windows,
                item.deadline,
                parts=(item,),
            )
        if isinstance(condition, Aggregate):
            return self._aggregate(condition)
        if isinstance(condition, Absence):
            return self._absence(condition)
        return self._guard(condition)

    def _test(self, test: Test) -> Compiled:
        reads = {test.fact}
        other = getattr(test.operand, "fact", None)
        if other:
            reads.add(other)
        watched = frozenset(r for r in reads if not r.startswith("event."))
        deadline = _age_deadline(test) if test.op in AGES else None
        return Compiled(test, compile_test(test), watched, deadline=deadline)

    def _group(self, group: All | AnyOf) -> Compiled:
        items = [self.compile(i) for i in group.items]
        checks = tuple(i.holds for i in items)
        return Compiled(
            group,
            _every(checks) if isinstance(group, All) else _some(checks),
            frozenset().union(*(i.reads for i in items)),
            frozenset().union(*(i.windows for i in items)),
            _earliest([i.deadline for i in items if i.deadline]),
            parts=tuple(items),
        )

    def _window(self, condition: Aggregate | Absence) -> Window:
        """Return the window this condition reads; equal ones share it, and so its state."""
        found = self.windows.get(condition.window)
        if found is None:
            where = self.optional(condition.where)
            found = self.windows[condition.window] = Window(
                condition.window,
                getattr(condition, "kind", "last"),
                condition.events,
                where.holds if where else None,
                getattr(condition, "of", None),
                getattr(condition, "within", None),
            )
        return found

    def _aggregate(self, aggregate: Aggregate) -> Compiled:
        window = self._window(aggregate)
        if aggregate.kind == "last":
            return self._last(aggregate, window)
        test = compile_number(aggregate.tests)
        counts = _compared(aggregate) if aggregate.kind == "count" else None
        key, read = window.key, window.read

        def actual(c: Any) -> Any:
            return read(c.windows.get(key), c.now)

        def holds(c: Any) -> bool:
            return test(read(c.windows.get(key), c.now))

        def deadline(c: Any) -> int | None:
            return window.next_change(c.windows.get(key), c.now, counts)

        due = deadline if aggregate.within is not None else None
        return Compiled(aggregate, holds, windows=frozenset({key}), deadline=due, actual=actual)

    def _last(self, aggregate: Aggregate, window: Window) -> Compiled:
        """``last`` compares the age of the latest event; no event, no truth."""
        tests, actual = aggregate.tests, _reading(window)
        test = compile_number(tests)

        def holds(c: Any) -> bool:
            latest = actual(c)
            return latest is not None and test(c.now - latest)

        def deadline(c: Any) -> int | None:
            latest, entering = actual(c), window.next_change(c.windows.get(window.key), c.now)
            edges = [] if entering is None else [entering]
            if latest is not None:
                # An age passes a bound at the bound or one millisecond after it.
                edges += [latest + operand + extra for _, operand in tests for extra in (0, 1)]
            return min((e for e in edges if e > c.now), default=None)

        windows = frozenset({window.key})
        return Compiled(aggregate, holds, windows=windows, deadline=deadline, actual=actual)

    def _absence(self, absence: Absence) -> Compiled:
        window = self._window(absence)
        key, span, actual = window.key, absence.span, _reading(window)

        def since(c: Any) -> int:
            latest = c.windows.get(key)
            return int(c.created_at if latest is None else latest) + span

        def deadline(c: Any) -> int | None:
            due = since(c)
            return due if due > c.now else None

        return Compiled(
            absence,
            lambda c: c.now >= since(c),
            windows=frozenset({key}),
            deadline=deadline,
            actual=actual,
        )

    def _guard(self, guard: Guard) -> Compiled:
        calendar = self.calendars.get(guard.calendar) if guard.calendar else None
        return Compiled(guard, compile_guard(guard, calendar))


def _reading(window: Window) -> Callable[[Any], int | None]:
    key, read = window.key, window.read

    def latest(c: Any) -> int | None:
        found: int | None = read(c.windows.get(key), c.now)
        return found

    return latest


def _compared(aggregate: Aggregate) -> tuple[int, ...]:
    """Return the counts at which a test turns when the count sinks below them."""
    found: set[int] = set()
    for op, operand in aggregate.tests:
        if op in ("gte", "lt"):
            found.add(ceil(operand))
        elif op in ("gt", "lte"):
            found.add(floor(operand) + 1)
        else:  # eq, ne, in, between: each number itself and what comes after it
            for number in operand if isinstance(operand, tuple) else (operand,):
                found.update((ceil(number), floor(number) + 1))
    return tuple(found)


def _every(checks: tuple[Check, ...]) -> Check:
    if len(checks) == 2:
        first, second = checks
        return lambda c: first(c) and second(c)

    def holds(c: Any) -> bool:
        for check in checks:  # noqa: SIM110 - a generator costs three times as much here
            if not check(c):
                return False
        return True

    return holds


def _some(checks: tuple[Check, ...]) -> Check:
    def holds(c: Any) -> bool:
        for check in checks:  # noqa: SIM110 - a generator costs three times as much here
            if check(c):
                return True
        return False

    return holds


def _earliest(dues: list[Due]) -> Due | None:
    if not dues:
        return None

    def deadline(c: Any) -> int | None:
        instants = [d for d in (due(c) for due in dues) if d is not None]
        return min(instants) if instants else None

    return deadline


def _age_deadline(test: Test) -> Due:
    fact, span = test.fact, test.operand

    def deadline(c: Any) -> int | None:
        value = c.facts.get(fact)
        if value is None:
            return None
        edges = (moment(value) + span, moment(value) + span + 1)
        return min((e for e in edges if e > c.now), default=None)

    return deadline


def canonical(condition: Condition) -> str:
    """Return a text equal for conditions that mean the same, whatever their place in YAML."""
    if isinstance(condition, Test):
        typed = (condition.family, condition.ranks)
        return f"{condition.fact} {condition.op} {condition.operand!r} {typed!r}"
    if isinstance(condition, All | AnyOf):
        name = "all" if isinstance(condition, All) else "any"
        return f"{name}({', '.join(sorted(canonical(i) for i in condition.items))})"
    if isinstance(condition, Not):
        return f"not({canonical(condition.item)})"
    if isinstance(condition, Aggregate):
        return f"{condition.kind} [{condition.window}] {sorted(map(repr, condition.tests))}"
    if isinstance(condition, Absence):
        return f"absent [{condition.window}] {condition.span}"
    fields = (condition.start, condition.end, condition.days, condition.calendar, condition.zone)
    return f"time {fields!r}"
