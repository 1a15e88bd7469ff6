"""The operators of each type of fact, and what operand each of them takes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import re2

from engine.language.catalogue import BadValue, Field, convert
from engine.language.instants import BadTime, parse_duration, parse_instant

_STRING: Final = ("eq", "ne", "in", "not_in", "starts_with", "ends_with", "contains")
OPERATORS: Final[dict[str, tuple[str, ...]]] = {
    "string": (*_STRING, "contains_any", "matches", "exists"),
    "number": (
        *("eq", "ne", "in", "not_in", "gt", "gte", "lt", "lte", "between"),
        *("rises_to", "falls_below", "exists"),
    ),
    "enum": ("eq", "ne", "in", "not_in", "at_least", "at_most", "exists"),
    "boolean": ("eq", "exists"),
    "date": ("before", "after", "older_than", "newer_than", "exists"),
    "list": ("includes", "includes_any", "includes_all", "exists"),
    "consent": ("exists",),
}
# What people write who mean an operator by another name; the first that fits the type is meant.
_MEANT: Final[dict[str, tuple[str, ...]]] = {
    **dict.fromkeys((">=", "gte", "at_least", "min", "from"), ("gte", "at_least")),
    **dict.fromkeys(("<=", "lte", "at_most", "max"), ("lte", "at_most")),
    **dict.fromkeys((">", "gt", "after", "greater_than", "more_than"), ("gt", "after")),
    **dict.fromkeys(("<", "lt", "before", "less_than"), ("lt", "before")),
    **dict.fromkeys(("=", "==", "is", "equals", "equal"), ("eq", "includes")),
    **dict.fromkeys(("!=", "<>", "not", "is_not", "not_equals"), ("ne",)),
    **dict.fromkeys(("contains", "includes", "has", "like"), ("contains", "includes")),
    **dict.fromkeys(
        ("in", "one_of", "any_of", "contains_any", "includes_any"),
        ("in", "contains_any", "includes_any"),
    ),
    **dict.fromkeys(("regex", "regexp", "pattern"), ("matches",)),
}
_MIDNIGHT: Final = "T00:00:00+08:00"  # what a day lacks to be an instant
MANY: Final = frozenset({"in", "not_in", "contains_any", "includes_any", "includes_all"})
# Operators that compare with a piece of a text.
PIECES: Final = frozenset({"starts_with", "ends_with", "contains", "contains_any"})
EDGES: Final = frozenset({"rises_to", "falls_below"})
# Operators that may compare with another field of the same type.
COMPARING: Final = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "at_least", "at_most"})
# Operators whose truth changes by the clock alone.
AGES: Final = frozenset({"older_than", "newer_than"})


def operator_meant(written: str, allowed: Sequence[str]) -> str | None:
    """Return the operator of ``allowed`` that does what another name says, None without one."""
    return next((op for op in _MEANT.get(written.lower(), ()) if op in allowed), None)


def check_operand(op: str, field: Field, operand: Any) -> Any:
    """Return ``operand`` as the network compares it; raises BadValue saying what would fit."""
    if op == "exists":
        return convert(Field(op, "boolean"), operand)
    if op in MANY:
        if not isinstance(operand, list) or not operand:
            raise BadValue(f"{op} takes a list of values, not {operand!r}")
        return tuple(_one(_whole_or_piece(op, field), each) for each in operand)
    if op == "between":
        return _between(field, operand)
    if op in AGES:
        return _duration(op, operand)
    if op in ("before", "after"):
        return _moment(operand)
    if op == "matches":
        return _pattern(operand)
    if op in ("at_least", "at_most") and not field.ordered:
        raise BadValue(f"{op} needs an ordered enum; {field.name} is not ordered")
    return _one(_whole_or_piece(op, field), operand)


def _whole_or_piece(op: str, field: Field) -> Field:
    """Return the field whose values an operator takes: a piece of a place's name is text."""
    return Field(field.name, "string") if field.type == "geo" and op in PIECES else field


def _one(field: Field, operand: Any) -> Any:
    if field.family == "list":
        return convert(Field(field.name, field.of), operand)
    if field.family == "number":
        return convert(Field(field.name, "number"), operand)
    if field.type == "text":
        return convert(Field(field.name, "string"), operand)
    return convert(field, operand)


def _between(field: Field, operand: Any) -> tuple[Any, Any]:
    if not isinstance(operand, list) or len(operand) != 2:
        raise BadValue(f"between takes a list of two numbers, not {operand!r}")
    low, high = (_one(field, each) for each in operand)
    if low > high:
        raise BadValue(f"between [{low}, {high}] can never hold: the first is larger")
    return low, high


def _duration(op: str, operand: Any) -> int:
    try:
        return parse_duration(str(operand))
    except BadTime as error:
        raise BadValue(f"{op} takes a duration: {error}") from None


def _moment(operand: Any) -> int:
    text = str(operand)
    try:
        return parse_instant(f"{text}{_MIDNIGHT}" if len(text) == 10 else text)
    except BadTime as error:
        raise BadValue(str(error).replace(_MIDNIGHT, "")) from None


def _pattern(operand: Any) -> str:
    if not isinstance(operand, str):
        raise BadValue(f"matches takes a regular expression as text, not {operand!r}")
    options = re2.Options()
    options.log_errors = False
    try:
        re2.compile(operand, options)
    except re2.error as error:
        reason = error.args[0]
        text = reason.decode() if isinstance(reason, bytes) else str(reason)
        raise BadValue(
            f"{operand!r} is not a regular expression that runs in linear time: {text}"
        ) from None
    return operand
