"""Versions of a journey: what tells two of them apart, and their form on disk.

A lead goes on in the version that it entered, so definitions outlive the files they stood in.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, Final

import msgspec

from engine.language.handling import Journey
from engine.language.rules import FieldRef, Span, Struct, Test

if TYPE_CHECKING:
    from engine.language.definitions import Definitions

_VERSION_LENGTH: Final = 16  # hex digits: 64 bits
# What may be edited without making another version of a journey.
# The order of stages, grades and enums is not the journey's own.
_NO_MEANING: Final = ("label", "source", "version", "on_change", "window", "ranks")


def stamped(journey: Journey) -> Journey:
    """Return the journey with its ``version``: equal for equal meaning, wherever it stands."""
    said = msgspec.json.encode(_meaning(msgspec.to_builtins(journey)), order="deterministic")
    version = hashlib.sha256(said).hexdigest()[:_VERSION_LENGTH]
    return msgspec.structs.replace(journey, version=version)


def _meaning(value: Any) -> Any:
    if isinstance(value, dict):
        kept = ((k, v) for k, v in value.items() if k not in _NO_MEANING)
        return {k: v if k == "with_" else _meaning(v) for k, v in kept}
    return [_meaning(v) for v in value] if isinstance(value, list | tuple) else value


def runnable(journeys: Iterable[Journey], definitions: Definitions) -> Iterator[Journey]:
    """Yield those journeys of before that present leads can be in, with values as ordered now.

    A stage that was added since has its place then; one that is gone keeps its old neighbours.
    A journey that asks for numbers in a field that is text by now cannot go on.
    """
    orders = definitions.orders
    fields = definitions.catalogue.fields.values()
    families = {f"lead.{field.name}": field.family for field in fields}
    for journey in journeys:
        if all(families.get(test.fact, test.family) == test.family for test in _tests(journey)):
            reordered: Journey = _reordered(journey, orders)
            yield reordered


def _tests(value: Any) -> Iterator[Test]:
    if isinstance(value, Test):
        yield value
    elif isinstance(value, tuple):
        for each in value:
            yield from _tests(each)
    elif isinstance(value, Struct):
        for name in value.__struct_fields__:
            yield from _tests(getattr(value, name))


def _reordered(value: Any, orders: Mapping[str, tuple[str, ...]]) -> Any:
    if isinstance(value, tuple):
        return tuple(_reordered(each, orders) for each in value)
    if not isinstance(value, Struct):
        return value
    if isinstance(value, Test):
        ranks = orders.get(value.fact) if value.ranks else None
        if not ranks or not (isinstance(value.operand, FieldRef) or value.operand in ranks):
            return value
        return msgspec.structs.replace(value, ranks=ranks)
    fields = {name: getattr(value, name) for name in value.__struct_fields__}
    return msgspec.structs.replace(
        value, **{name: _reordered(each, orders) for name, each in fields.items()}
    )


def encode(journey: Journey) -> bytes:
    """Return the journey as JSON."""
    return msgspec.json.encode(journey)


def decode(raw: bytes) -> Journey:
    """Return a journey that `encode` wrote; raises msgspec.ValidationError for anything else."""
    journey: Journey = _restored(msgspec.json.decode(raw, type=Journey))
    return journey


def _restored(value: Any) -> Any:
    """Return a definition with operands and steps' values in the form that rules run on.

    Their types are open, so JSON has made lists of tuples and maps of structs.
    """
    if isinstance(value, Struct):
        fields = {name: _restored(getattr(value, name)) for name in value.__struct_fields__}
        return msgspec.structs.replace(value, **{**fields, **_open(value)})
    if isinstance(value, tuple):
        return tuple(map(_restored, value))
    return value


def _open(value: Struct) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if hasattr(value, "operand"):
        found["operand"] = _operand(value.operand)
    if hasattr(value, "tests"):
        found["tests"] = tuple((op, _operand(operand)) for op, operand in value.tests)
    due = value.with_.get("due") if hasattr(value, "with_") else None
    if hasattr(value, "with_") and isinstance(due, dict):
        found["with_"] = {**value.with_, "due": msgspec.convert(due, Span)}
    return found


def _operand(operand: Any) -> Any:
    if isinstance(operand, dict):
        return msgspec.convert(operand, FieldRef)
    return tuple(operand) if isinstance(operand, list) else operand
