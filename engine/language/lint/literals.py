"""Conditions taken apart: alternatives, each a list of literals that hold together.

Only what can be decided is taken apart; anything else becomes an opaque literal, which
contradicts its own negation and nothing else. A missing fact makes every test false.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product
from typing import Any, Final

import msgspec

from engine.language.lint.values import Names, Numbers, compared, names
from engine.language.rules import (
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

MAX_ALTERNATIVES: Final = 512
_MANY: Final = {"contains_any": "contains", "includes_any": "includes", "includes_all": "includes"}
_WORDS: Final = ("starts_with", "ends_with", "contains", "matches", "includes")
_VALUES: Final = (
    *("eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "between", "at_least", "at_most"),
)
_DATES: Final = ("before", "after")
_AGES: Final = ("older_than", "newer_than")


class Bound(msgspec.Struct, frozen=True):
    """The fact is there and in ``values``; negated: it is missing or elsewhere."""

    fact: str
    values: Names | Numbers
    positive: bool


class Exists(msgspec.Struct, frozen=True):
    """The fact is there; negated: it is missing."""

    fact: str
    positive: bool


class Word(msgspec.Struct, frozen=True):
    """The text or list is there and passes ``op``; negated: it is missing or does not."""

    fact: str
    op: str
    operand: Any
    positive: bool


class Opaque(msgspec.Struct, frozen=True):
    """Something that is not looked into; where it holds, ``facts`` are there."""

    key: str
    positive: bool
    facts: tuple[str, ...] = ()


Literal = Bound | Exists | Word | Opaque
Alternatives = list[tuple[Literal, ...]]


class TooMany(Exception):
    """The condition has too many alternatives to be decided."""


def alternatives(condition: Condition, positive: bool = True) -> Alternatives:
    """Return the ways in which ``condition`` (or its negation) holds; raises TooMany."""
    if isinstance(condition, Test):
        return _test(condition, positive)
    if isinstance(condition, All | AnyOf):
        parts = [alternatives(i, positive) for i in condition.items]
        return join(parts) if isinstance(condition, All) is positive else _either(parts)
    if isinstance(condition, Not):
        return alternatives(condition.item, not positive)
    if isinstance(condition, Aggregate):
        return _aggregate(condition, positive)
    if isinstance(condition, Absence):
        age = compared("gte", condition.span)
        return [(Bound(f"absent {condition.window}", age, positive),)]
    return _guard(condition, positive)


def join(parts: Sequence[Alternatives]) -> Alternatives:
    """Return the ways in which all parts hold; raises TooMany."""
    count = 1
    for part in parts:
        count *= len(part)
    if count > MAX_ALTERNATIVES:
        raise TooMany
    return [tuple(x for each in choice for x in each) for choice in product(*parts)]


def _either(parts: Sequence[Alternatives]) -> Alternatives:
    found = [choice for part in parts for choice in part]
    if len(found) > MAX_ALTERNATIVES:
        raise TooMany
    return found


def _test(test: Test, positive: bool) -> Alternatives:
    fact, op, operand = test.fact, test.op, test.operand
    if isinstance(operand, FieldRef):
        key = f"{fact} {op} {operand.fact}"
        return [(Opaque(key, positive, (fact, operand.fact)),)]
    if op == "exists":
        return [(Exists(fact, positive is operand),)]
    if op in _MANY:
        words = [Word(fact, _MANY[op], each, positive) for each in operand]
        return [tuple(words)] if (op == "includes_all") is positive else [(w,) for w in words]
    if op in _WORDS:
        return [(Word(fact, op, operand, positive),)]
    if op in ("rises_to", "falls_below"):
        return _edge(test, positive)
    if op in (*_DATES, *_AGES):
        return _moment(test, positive)
    if op in _VALUES:
        return [(Bound(fact, _values(test), positive),)]
    return [(Opaque(f"{fact} {op} {operand!r}", positive, (fact,)),)]


def _edge(test: Test, positive: bool) -> Alternatives:
    """An edge is an instant; while it lasts, the value is beyond the bound."""
    happens = Opaque(f"{test.fact} {test.op} {test.operand}", positive)
    if not positive:
        return [(happens,)]
    return [(happens, Bound(test.fact, compared(test.op, test.operand), True))]


def _moment(test: Test, positive: bool) -> Alternatives:
    """Dates and their ages are compared each with its own kind."""
    kind = "date" if test.op in _DATES else "age"
    op = "lte" if test.op == "newer_than" else test.op
    bound = Bound(f"{test.fact} {kind}", compared(op, test.operand), positive)
    return [(bound, Exists(test.fact, True))] if positive else [(bound,)]


def _values(test: Test) -> Names | Numbers:
    op, operand = test.op, test.operand
    if test.family == "number":
        return compared(op, operand)
    if op in ("at_least", "at_most"):
        rank = test.ranks.index(operand)
        return names(*(test.ranks[rank:] if op == "at_least" else test.ranks[: rank + 1]))
    found = names(*operand) if op in ("in", "not_in") else names(operand)
    return found if op in ("eq", "in") else found.complement()


def _aggregate(aggregate: Aggregate, positive: bool) -> Alternatives:
    fact = f"{aggregate.kind} {aggregate.window}"
    bounds = [Bound(fact, compared(op, n), positive) for op, n in aggregate.tests]
    return [tuple(bounds)] if positive else [(b,) for b in bounds]


def _guard(guard: Guard, positive: bool) -> Alternatives:
    fields = (guard.start, guard.end, guard.days, guard.calendar, guard.zone)
    if not guard.days and guard.calendar is None and guard.start is None:
        return [()] if positive else []
    if guard.start is not None and guard.start == guard.end:  # half-open: no time at all
        return [] if positive else [()]
    return [(Opaque(f"time {fields!r}", positive),)]
