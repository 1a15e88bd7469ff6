"""Conditions as durable-rules takes them: alternatives, each a chain of tests on one message.

Every alternative becomes a rule of its own, because ``$or`` fires once for each branch that
holds and hangs on ``$nex`` beside it. A missing field makes a test false in both networks, so
only what ``not`` turns around has to say ``$nex``.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from itertools import product
from math import prod
from typing import Any, Final

from engine.language.definitions import All, AnyOf, Condition, FieldRef, Not, Test
from engine.language.diagnostic import Source
from engine.network.durable_regex import search, searches

MAX_ALTERNATIVES: Final = 200
# 2.0.28 keeps the length of a text, in bytes of JSON, in 16 bits; whole numbers meet as 64-bit
# integers or as doubles.
MAX_TEXT: Final = 65_000
MAX_WHOLE: Final = 2**53
Chain = tuple["Literal", ...]
Literal = tuple[str, str, Any]  # durable's operator, attribute, constant or Reference

_INVERSE: Final = {
    "eq": "ne",
    "ne": "eq",
    "gt": "lte",
    "lte": "gt",
    "lt": "gte",
    "gte": "lt",
}
_DURABLE: Final = {
    "eq": "",
    "ne": "$neq",
    "gt": "$gt",
    "gte": "$gte",
    "lt": "$lt",
    "lte": "$lte",
}
_WHY: Final = {
    "rises_to": "an edge compares with the past, and its rules see one event alone",
    "falls_below": "an edge compares with the past, and its rules see one event alone",
    "older_than": "its truth changes by the clock",
    "newer_than": "its truth changes by the clock",
    "includes": "tests on lists are outside of what it evaluates correctly",
    "includes_any": "tests on lists are outside of what it evaluates correctly",
    "includes_all": "tests on lists are outside of what it evaluates correctly",
}


def is_plain(number: float) -> bool:
    """Whether JSON writes a number in digits alone, and 64 bits hold it exactly."""
    if isinstance(number, int):
        return abs(number) <= MAX_WHOLE
    return not set("en") & set(repr(number))  # no e-notation, inf or nan


def is_short(text: str) -> bool:
    """Whether a text is UTF-8 and of a length that durable-rules can count."""
    try:
        size = len(text.encode())
    except UnicodeEncodeError:  # half of a character
        return False
    # JSON may write one byte as six.
    return 6 * size <= MAX_TEXT or len(json.dumps(text, ensure_ascii=False).encode()) <= MAX_TEXT


class Reference(str):
    """The name of another attribute of the same message, as an operand."""

    __slots__ = ()


class Cannot(Exception):
    """A condition that durable-rules cannot carry; the text says why."""

    def __init__(self, why: str, source: Source) -> None:
        super().__init__(why)
        self.why = why
        self.source = source


class Terms:
    """Turns conditions into alternatives; ``name`` gives the attribute of a fact.

    It is asked for (fact, family), where the family says how the fact's value is written:
    string, number, boolean, moment (an instant as a number) or present (1).
    """

    def __init__(self, name: Callable[[str, str], str]) -> None:
        self.name = name

    def alternatives(self, condition: Condition, positive: bool = True) -> list[Chain]:
        """Return the chains of which one must hold; raises Cannot."""
        if isinstance(condition, Not):
            return self.alternatives(condition.item, not positive)
        if isinstance(condition, All | AnyOf):
            parts = [self.alternatives(i, positive) for i in condition.items]
            if isinstance(condition, All) is positive:
                return _cross(parts, condition.source)
            return _join(parts, condition.source)
        if not isinstance(condition, Test):
            raise Cannot("it remembers no earlier events and reads no clock", condition.source)
        return self._test(condition, positive)

    def _test(self, test: Test, positive: bool) -> list[Chain]:
        if not test.fact.startswith(("lead.", "event.")):
            why = f"{test.fact} changes while rules run, and it sees the event and the fields alone"
            raise Cannot(why, test.source)
        if test.op in _WHY:
            raise Cannot(_WHY[test.op], test.source)
        if test.op == "exists":
            return [((_presence(test.operand is positive), self._present(test), 1),)]
        chains = self._chains(test, positive)
        return chains if positive else self._absences(test) + chains

    def _present(self, test: Test) -> str:
        return self.name(test.fact, _written(test.family))

    def _absences(self, test: Test) -> list[Chain]:
        """A missing field makes a test false, and so its negation true."""
        names = [self._present(test)]
        if isinstance(test.operand, FieldRef):
            names.append(self.name(test.operand.fact, _written(test.family)))
        return [(("$nex", name, 1),) for name in names]

    def _chains(self, test: Test, positive: bool) -> list[Chain]:
        """Return the alternatives for a present value."""
        if isinstance(test.operand, FieldRef):
            return self._reference(test, positive)
        if test.op in ("eq", "ne", "gt", "gte", "lt", "lte"):
            return [(self._compare(test, test.op, test.operand, positive),)]
        if test.op in ("in", "not_in", "at_least", "at_most"):
            return self._among(test, (test.op != "not_in") is positive)
        if test.op == "between":
            low, high = test.operand
            ends = (
                self._compare(test, "gte", low, positive),
                self._compare(test, "lte", high, positive),
            )
            return [ends] if positive else [(end,) for end in ends]
        if test.op in ("before", "after"):
            op = "lt" if test.op == "before" else "gt"
            return [(self._compare(test, op, test.operand, positive),)]
        return self._texts(test, positive)

    def _among(self, test: Test, inside: bool) -> list[Chain]:
        """One of some values, or none of them."""
        tests = [self._compare(test, "eq", value, inside) for value in _values(test)]
        return [(each,) for each in tests] if inside else [tuple(tests)]

    def _compare(self, test: Test, op: str, value: Any, positive: bool) -> Literal:
        if isinstance(value, float) and value.is_integer():
            value = int(value)  # equal tests are to look equal
        if isinstance(value, int | float) and not is_plain(value):
            why = f"it reads no number in e-notation or beyond 2^53, such as {value!r}"
            raise Cannot(why, test.source)
        op = op if positive else _INVERSE[op]
        if isinstance(value, bool):  # true and false are the only values
            value, op = value is (op == "eq"), "eq"
        return _DURABLE[op], self._present(test), value

    def _reference(self, test: Test, positive: bool) -> list[Chain]:
        if test.op not in _INVERSE or test.family not in ("string", "enum", "number"):
            raise Cannot(f"it cannot compare two fields with {test.op}", test.source)
        if not test.operand.fact.startswith(("lead.", "event.")):
            raise Cannot(f"{test.operand.fact} changes while rules run", test.source)
        other = Reference(self.name(test.operand.fact, _written(test.family)))
        op = test.op if positive else _INVERSE[test.op]
        # Where the other field is missing it compares with whatever it looked at before.
        return [(("$ex", str(other), 1), (_DURABLE[op], self._present(test), other))]

    def _texts(self, test: Test, positive: bool) -> list[Chain]:
        if not positive:
            raise Cannot(f"it cannot negate {test.op}", test.source)
        name = self.name(test.fact, "text")
        return [(("$mt", name, pattern),) for pattern in _patterns(test)]


def _presence(wanted: bool) -> str:
    return "$ex" if wanted else "$nex"


def _written(family: str) -> str:
    """Return how values of a family are written into a message."""
    forms: Mapping[str, str] = {"enum": "string", "date": "moment"}
    form = forms.get(family, family)
    return form if form in ("string", "number", "boolean", "moment") else "present"


def _values(test: Test) -> tuple[Any, ...]:
    if test.op in ("in", "not_in"):
        return tuple(dict.fromkeys(test.operand))
    place = test.ranks.index(test.operand)
    return test.ranks[place:] if test.op == "at_least" else test.ranks[: place + 1]


def _patterns(test: Test) -> list[str]:
    if test.op == "matches":
        found = searches(test.operand)
        if found is None:
            raise Cannot(f"it is not certain to read {test.operand!r} as we do", test.source)
        return found
    start, end = test.op == "starts_with", test.op == "ends_with"
    patterns = []
    for part in test.operand if test.op == "contains_any" else (test.operand,):
        pattern = search(part, start=start, end=end)
        if pattern is None:
            raise Cannot(f"it is not certain to read {part!r} as we do", test.source)
        patterns.append(pattern)
    return patterns


def _join(parts: list[list[Chain]], source: Source) -> list[Chain]:
    _refuse_many(sum(map(len, parts)), source)
    return [chain for part in parts for chain in part]


def _cross(parts: list[list[Chain]], source: Source) -> list[Chain]:
    _refuse_many(prod(map(len, parts)), source)
    return [tuple(each for chain in row for each in chain) for row in product(*parts)]


def _refuse_many(count: int, source: Source) -> None:
    if count > MAX_ALTERNATIVES:
        why = f"it would take {count} rules for one, and at most {MAX_ALTERNATIVES} are made"
        raise Cannot(why, source)
