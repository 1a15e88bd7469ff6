"""What may stand behind a field in a condition: its operators, and operands of its type."""

from __future__ import annotations

from typing import Any, Final

from engine.language.catalogue import Field
from engine.language.operators import AGES, MANY, OPERATORS
from engine.language.schemas.forms import (
    Schema,
    choice,
    flag,
    listing,
    number,
    record,
    ref,
    text,
    typed,
)

WORDS: Final = {
    "eq": "Equal to this.",
    "ne": "Known, and not equal to this.",
    "in": "One of these.",
    "not_in": "Known, and none of these.",
    "starts_with": "Begins with this text.",
    "ends_with": "Ends with this text.",
    "contains": "Contains this text.",
    "contains_any": "Contains one of these texts.",
    "matches": "Contains a match of this regular expression (RE2).",
    "exists": "true: known; false: not known.",
    "gt": "More than this.",
    "gte": "This or more.",
    "lt": "Less than this.",
    "lte": "This or less.",
    "between": "From the first to the second number, both included.",
    "rises_to": "The moment at which it rises from below this to this or more.",
    "falls_below": "The moment at which it falls from this or more to below this.",
    "at_least": "This value or a higher one.",
    "at_most": "This value or a lower one.",
    "before": "Before this day, or instant.",
    "after": "After this day, or instant.",
    "older_than": "Longer ago than this.",
    "newer_than": "Not as long ago as this.",
    "includes": "Includes this item.",
    "includes_any": "Includes one of these items.",
    "includes_all": "Includes all of these items.",
}
_TYPES: Final = {
    "integer": "a whole number",
    "number": "a number",
    "money": "an amount",
    "boolean": "true or false",
    "date": "a day",
    "datetime": "an instant",
    "phone": "a telephone number",
    "email": "an e-mail address",
    "geo": "a place in China",
    "consent": "consent by topic",
}
# Operators that may also compare with another field of the lead.
_COMPARE: Final = frozenset({"eq", "ne", "gt", "gte", "lt", "lte", "at_least", "at_most"})
REFERENCE: Final = "other-field"


def told(name: str, field: Field) -> str:
    """Describe a field in a line: its label, its type, and what is special about it."""
    kind = f"a list of {field.of}" if field.type == "list" else _TYPES.get(field.type, "text")
    if field.values:
        kind = "one of " + (" < " if field.ordered else ", ").join(field.values)
    parts = [f"{field.label} {name}: {kind}" if field.label else f"{name}: {kind}"]
    parts += [f" ({field.currency})"] if field.currency else []
    parts += ["."]
    parts += [" Worked out by the engine."] if field.derived else []
    parts += [" Personal data."] if field.pii else []
    return "".join(parts)


def one(field: Field) -> Schema:
    """Return the schema of one value as operators compare it; of a list, of one item."""
    kind = field.of if field.type == "list" else field.family
    if field.type == "enum":
        return choice(field.values) if field.values else text()
    if kind in ("number", "integer"):
        return number()
    return flag() if kind == "boolean" else text()


def predicate(field: Field) -> Schema:
    """Return the schema of a constant, a list of constants, or a map of operators."""
    operators = record({op: operand(op, field) for op in _operators(field)}, minProperties=1)
    if field.family in ("date", "consent"):  # compared with by name only
        return operators
    constant = one(field)
    if field.family == "boolean":
        return {**operators, "type": ["boolean", "object"]}
    several = {"type": [constant["type"], "array", "object"], "items": constant, "minItems": 1}
    return {**operators, **several, **_among(constant)}


def _among(constant: Schema) -> Schema:
    """Return what bounds the constant alone, and not the map: an ``enum`` would forbid maps.

    Better than ``anyOf``, after which editors can't say which of the forms was meant.
    """
    if "enum" not in constant:
        return {}
    bound = {"if": {"type": "string"}, "then": {"enum": constant["enum"]}}
    return {**bound, "examples": constant["enum"]}


def operand(op: str, field: Field) -> Schema:
    """Return the schema of what an operator takes."""
    if op == "exists":
        return flag(WORDS[op])
    if op in MANY:
        return listing(one(field), WORDS[op], 1)
    if op == "between":
        return {**listing(number(), WORDS[op], 2), "maxItems": 2}
    if op in AGES:
        return ref("duration", WORDS[op])
    if op in ("matches", "before", "after"):
        return text(WORDS[op])
    return _comparable(op, one(field))


def _comparable(op: str, constant: Schema) -> Schema:
    if op not in _COMPARE:
        return {**constant, "description": WORDS[op]}
    if "enum" in constant:
        return {"anyOf": [constant, ref(REFERENCE)], "description": WORDS[op]}
    other = record({"field": ref("path")}, ["field"])
    return {**other, "type": [constant["type"], "object"], "description": WORDS[op]}


def _operators(field: Field) -> list[str]:
    unordered = field.family == "enum" and not field.ordered
    return [
        op for op in OPERATORS[field.family] if not (unordered and op in ("at_least", "at_most"))
    ]


def definitions() -> dict[str, Schema]:
    """Return the predicates of types without values of their own, and the other field."""
    plain = ("string", "number", "boolean", "date", "consent")
    lists = {f"list-of-{of}": Field("", "list", of=of) for of in ("string", "integer", "number")}
    fields = {**{name: Field("", name) for name in plain}, **lists}
    return {
        REFERENCE: record({"field": ref("path")}, ["field"], "Another field of the same lead."),
        **{f"is-{name}": predicate(field) for name, field in fields.items()},
    }


def shared_or_own(field: Field) -> Schema:
    """Return a reference to the shared predicate of the field's type, or an enum's own one."""
    if field.type == "enum":
        return predicate(field)
    return ref(f"is-list-of-{field.of}" if field.type == "list" else f"is-{field.family}")


def value(field: Field) -> Schema:
    """Return the schema of a value that is given to a field, as an event brings it."""
    if field.type == "list":
        return listing(one(field))
    if field.type == "enum" or field.family in ("number", "boolean"):
        return typed("integer") if field.type == "integer" else one(field)
    return text()


def shown(name: str, field: Field, schema: Schema) -> Schema:
    """Return ``schema`` with the description that editors show for the field."""
    return {**schema, "description": told(name, field)}


def either(schemas: list[Any]) -> Schema:
    """Return the schema of what fits one of ``schemas``."""
    distinct = [s for i, s in enumerate(schemas) if s not in schemas[:i]]
    return distinct[0] if len(distinct) == 1 else {"anyOf": distinct}
