"""Single tests compiled to closures. A missing fact makes each false, ``exists: false`` aside."""

from __future__ import annotations

import operator
from collections.abc import Callable, Sequence
from typing import Any, Final

import re2

from engine.language.definitions import FieldRef, Test
from engine.language.instants import parse_instant

Check = Callable[[Any], bool]


def moment(value: str) -> int:
    """Return the instant of a stored date or datetime; a date begins at midnight in China."""
    return parse_instant(f"{value}T00:00:00+08:00" if len(value) == 10 else value)


def compile_test(test: Test) -> Check:
    """Return the closure of one test; equality and membership are the fast ones."""
    build = _BUILDERS[test.op]
    if test.fact.startswith("event."):
        return build("properties", test.fact.removeprefix("event."), test)
    return build("facts", test.fact, test)


def compile_number(tests: Sequence[tuple[str, Any]]) -> Callable[[Any], bool]:
    """Return the closure of all of an aggregate's tests on its value; None fails them."""
    if len(tests) == 1:
        (op, operand), *_ = tests
        return _NUMBERS[op](operand)
    checks = [_NUMBERS[op](operand) for op, operand in tests]
    return lambda value: all(check(value) for check in checks)


def _number(compare: Callable[[Any, Any], bool]) -> Callable[[Any], Callable[[Any], bool]]:
    """Return what makes a test of a number out of its operand; a missing number fails it."""

    def build(operand: Any) -> Callable[[Any], bool]:
        return lambda value: value is not None and compare(value, operand)

    return build


_NUMBERS: Final[dict[str, Callable[[Any], Callable[[Any], bool]]]] = {
    "eq": _number(operator.eq),
    "ne": _number(operator.ne),
    "in": _number(lambda value, operand: value in operand),
    "not_in": _number(lambda value, operand: value not in operand),
    "gt": _number(operator.gt),
    "gte": _number(operator.ge),
    "lt": _number(operator.lt),
    "lte": _number(operator.le),
    "between": _number(lambda value, operand: operand[0] <= value <= operand[1]),
}


def _reader(where: str, name: str) -> Callable[[Any], Any]:
    if where == "facts":
        return lambda c: c.facts.get(name)
    return lambda c: c.properties.get(name)


def _operand(test: Test) -> Callable[[Any], Any]:
    operand = test.operand
    if isinstance(operand, FieldRef):
        place = "properties" if operand.fact.startswith("event.") else "facts"
        return _reader(place, operand.fact.removeprefix("event."))
    return lambda c: operand


def _eq(where: str, name: str, test: Test) -> Check:
    if isinstance(test.operand, FieldRef):
        return _ordered(operator.eq)(where, name, test)
    value = test.operand
    if where == "facts":
        return lambda c: c.facts.get(name) == value
    return lambda c: c.properties.get(name) == value


def _in(where: str, name: str, test: Test) -> Check:
    values = frozenset(test.operand)
    if where == "facts":
        return lambda c: c.facts.get(name) in values
    return lambda c: c.properties.get(name) in values


def _not_in(where: str, name: str, test: Test) -> Check:
    values, read = frozenset(test.operand), _reader(where, name)

    def holds(c: Any) -> bool:
        value = read(c)
        return value is not None and value not in values

    return holds


def _ordered(compare: Callable[[Any, Any], bool]) -> Callable[[str, str, Test], Check]:
    def build(where: str, name: str, test: Test) -> Check:
        read, other = _reader(where, name), _operand(test)

        def holds(c: Any) -> bool:
            value, wanted = read(c), other(c)
            return value is not None and wanted is not None and compare(value, wanted)

        return holds

    return build


def _between(where: str, name: str, test: Test) -> Check:
    low, high = test.operand
    read = _reader(where, name)

    def holds(c: Any) -> bool:
        value = read(c)
        return value is not None and low <= value <= high

    return holds


def _ranked(compare: Callable[[int, int], bool]) -> Callable[[str, str, Test], Check]:
    def build(where: str, name: str, test: Test) -> Check:
        ranks = {value: rank for rank, value in enumerate(test.ranks)}
        read, other = _reader(where, name), _operand(test)

        def holds(c: Any) -> bool:
            value, wanted = read(c), other(c)
            place, bound = ranks.get(value), ranks.get(wanted)
            # A stage or grade that the rules do not have any more is nowhere in their order.
            return place is not None and bound is not None and compare(place, bound)

        return holds

    return build


def _exists(where: str, name: str, test: Test) -> Check:
    wanted, read = test.operand, _reader(where, name)
    return lambda c: (read(c) is not None) is wanted


def _on_value(check: Callable[[Any, Any], bool]) -> Callable[[str, str, Test], Check]:
    """Build a test of a present value against a constant."""

    def build(where: str, name: str, test: Test) -> Check:
        operand, read = test.operand, _reader(where, name)

        def holds(c: Any) -> bool:
            value = read(c)
            return value is not None and check(value, operand)

        return holds

    return build


def _matches(where: str, name: str, test: Test) -> Check:
    search, read = re2.compile(test.operand).search, _reader(where, name)

    def holds(c: Any) -> bool:
        value = read(c)
        return value is not None and search(value) is not None

    return holds


def _edge(where: str, name: str, test: Test) -> Check:
    """``rises_to``: below N before, at or above it now; ``falls_below`` the other way."""
    bound, rising = test.operand, test.op == "rises_to"

    def holds(c: Any) -> bool:
        if name not in c.before:
            return False
        value, previous = c.facts.get(name), c.before[name]
        if value is None:
            return False
        if rising:
            return bool((previous is None or previous < bound) and value >= bound)
        return bool(previous is not None and previous >= bound and value < bound)

    return holds


def _aged(where: str, name: str, test: Test) -> Check:
    span, older, read = test.operand, test.op == "older_than", _reader(where, name)

    def holds(c: Any) -> bool:
        value = read(c)
        if value is None:
            return False
        age = c.now - moment(value)
        return bool(age > span if older else age <= span)

    return holds


def _asks(where: str, name: str, test: Test) -> Check:
    """Leave the answer to the operand, see `engine.network.asked`; no rule can write it."""
    answer: Check = test.operand
    return answer


_BUILDERS: Final[dict[str, Callable[[str, str, Test], Check]]] = {
    "eq": _eq,
    "in": _in,
    "not_in": _not_in,
    "ne": _ordered(operator.ne),
    "gt": _ordered(operator.gt),
    "gte": _ordered(operator.ge),
    "lt": _ordered(operator.lt),
    "lte": _ordered(operator.le),
    "between": _between,
    "at_least": _ranked(operator.ge),
    "at_most": _ranked(operator.le),
    "exists": _exists,
    "starts_with": _on_value(lambda value, start: value.startswith(start)),
    "ends_with": _on_value(lambda value, end: value.endswith(end)),
    "contains": _on_value(lambda value, part: part in value),
    "contains_any": _on_value(lambda value, parts: any(p in value for p in parts)),
    "matches": _matches,
    "includes": _on_value(lambda value, item: item in value),
    "includes_any": _on_value(lambda value, items: any(i in value for i in items)),
    "includes_all": _on_value(lambda value, items: all(i in value for i in items)),
    "rises_to": _edge,
    "falls_below": _edge,
    "before": _on_value(lambda value, bound: moment(value) < bound),
    "after": _on_value(lambda value, bound: moment(value) > bound),
    "older_than": _aged,
    "newer_than": _aged,
    "asks": _asks,
}
