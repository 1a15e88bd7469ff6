"""Conditions: the fields they may name, and the properties of each event under ``where``."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from engine.language.calendars import DAYS
from engine.language.catalogue import MESSAGE_PROPERTIES, EventType, Field
from engine.language.conditions import AGGREGATES
from engine.language.schemas.fields import either, operand, shared_or_own, shown
from engine.language.schemas.forms import (
    Schema,
    choice,
    heard,
    hearing,
    listing,
    record,
    ref,
    text,
)
from engine.language.schemas.shared import WHERE
from engine.language.schemas.vocabulary import Vocabulary
from engine.language.scope import ANY

_COUNTED: Final = Field("count", "number")
_COMPARISONS: Final = {
    **dict.fromkeys(("count", "sum", "max"), ("eq", "ne", "gt", "gte", "lt", "lte", "between")),
    "last": ("gt", "gte", "lt", "lte"),
}
_WORDS: Final = {
    "count": "How many such events there were (次数).",
    "sum": "The sum of a property over such events (合计).",
    "max": "The largest value of a property in such events (最大值).",
    "last": "How long ago the latest such event was (最近一次).",
    "absent": "No such event for this long (多久没有发生).",
    "time": "A time of day, and days (时段); never wakes a rule by itself.",
}
_SAFE: Final = re.compile(r"[A-Za-z0-9_.-]+")


def facts(v: Vocabulary) -> dict[str, Field]:
    """Return every path that a condition may name, with its field."""
    known: dict[str, Field] = {}
    for path in (*v.scope.paths(), *(f"grade.{m}" for m in v.scope.grades)):
        resolved = v.scope.resolve(path)
        if resolved is not None:
            known[path] = resolved.field
    for topic in v.topics:
        known[f"lead.consent.{topic}"] = Field(topic, "enum", values=("given", "withdrawn"))
    return known


def definitions(v: Vocabulary) -> dict[str, Schema]:
    """Return ``condition``, ``where`` with its variants for each event, and ``hears``."""
    variants, hears = _variants(v)
    return {
        "condition": _condition(v),
        "where": {"type": "object", "minProperties": 1, "description": WHERE},
        "hears": hears,
        **variants,
        **{name: _aggregate(v, name) for name in AGGREGATES},
        "absent": _absent(),
        "time": _guard(),
    }


def _condition(v: Vocabulary) -> Schema:
    entries = {
        **{path: shown(path, f, suggested(v, path, f)) for path, f in facts(v).items()},
        **_event_entries(v),
        **_logic(v, "condition"),
        **{name: ref(name) for name in (*AGGREGATES, "absent", "time")},
    }
    consent = Field("consent", "enum", values=("given", "withdrawn"))
    # Lists of intake.yaml, which only its own rules may read; the loader says so elsewhere.
    listed = shared_or_own(Field("listed", "boolean"))
    topics = {r"^lead\.consent\.": shared_or_own(consent), r"^listed\.": listed}
    told = "A condition: every entry must hold."
    return record(entries, description=told, minProperties=1, patternProperties=topics)


def suggested(v: Vocabulary, path: str, field: Field) -> Schema:
    """Return what may stand behind ``path``, with the names that it may hold proposed."""
    names: Mapping[str, Sequence[str]] = {"team": v.teams, "pool": v.pools, "owner": v.members}
    known = v.steps if path.startswith("journey.") else names.get(path, ())
    schema = shared_or_own(field)
    return {"anyOf": [text(examples=list(known)), schema]} if known else schema


def _event_entries(v: Vocabulary) -> dict[str, Schema]:
    """Properties of the rule's event, whatever it is; the loader knows which one it is."""
    events = list(v.scope.catalogue.events.values())
    return {f"event.{name}": schema for name, schema in _properties(events).items()}


def _logic(v: Vocabulary, nested: str) -> dict[str, Schema]:
    named = list(v.scope.named)
    return {
        "all": listing(ref(nested), "Each of these conditions holds (全部成立).", 1),
        "any": listing(ref(nested), "One of these conditions holds (任一成立).", 1),
        "not": ref(nested, "This condition does not hold (不成立)."),
        "use": text("A named condition (引用).", **({"examples": named} if named else {})),
    }


def _properties(events: Iterable[EventType]) -> dict[str, Schema]:
    """Return what these events may carry, each name with all its types, as predicates."""
    found: dict[str, list[Field]] = {}
    for event in events:
        for name, field in event.properties.items():
            found.setdefault(name, []).append(field)
    for name in MESSAGE_PROPERTIES:
        found.setdefault(name, [Field(name, "string")])
    return {
        name: shown(name, fields[0], either([shared_or_own(f) for f in fields]))
        for name, fields in found.items()
    }


def _variants(v: Vocabulary) -> tuple[dict[str, Schema], Schema]:
    """Return a ``where`` for each event, and the choice among them by the key ``event``."""
    events = v.scope.catalogue.events
    variants: dict[str, Schema] = {}
    cases: list[Schema] = []
    for kinds in alike(events.values()):
        name = definition_name("where", kinds[0].name, len(variants))
        variants[name] = _where(v, name, kinds)
        cases.append(_case({"enum": [k.name for k in kinds]}, name))
    behaviour = [e for e in events.values() if e.behaviour]
    variants["where-any"] = _where(v, "where-any", behaviour)
    variants["where-several"] = _where(v, "where-several", list(events.values()))
    cases.append(_case({"const": ANY}, "where-any"))
    cases.append(_case({"type": "array"}, "where-several"))
    return variants, {"allOf": cases}


def alike(events: Iterable[EventType]) -> list[list[EventType]]:
    """Return events in groups that carry the same properties."""
    groups: dict[str, list[EventType]] = {}
    for event in events:
        groups.setdefault(repr(sorted(event.properties.items())), []).append(event)
    return list(groups.values())


def definition_name(what: str, event: str, index: int) -> str:
    """Return a name that needs no escaping in a reference, whatever the event is called."""
    return f"{what}-{event}" if _SAFE.fullmatch(event) else f"{what}-{index}"


def _where(v: Vocabulary, name: str, events: Sequence[EventType]) -> Schema:
    entries = {**_properties(events), **_logic(v, name)}
    return record(entries, description=WHERE, minProperties=1)


def _case(event: Schema, where: str) -> Schema:
    return {
        "if": {"properties": {"event": event}, "required": ["event"]},
        "then": {"properties": {"where": ref(where)}},
    }


def _aggregate(v: Vocabulary, name: str) -> Schema:
    keys = {**heard(), "within": ref("duration", "How far back to look; by default all the time.")}
    if name in ("sum", "max"):
        keys["of"] = text("The property that is added up or compared.", enum=_numbers(v))
    for op in _COMPARISONS[name]:
        keys[op] = ref("duration") if name == "last" else operand(op, _COUNTED)
    required = ["event", "of"] if name in ("sum", "max") else ["event"]
    return hearing(record(keys, required, _WORDS[name]))


def _numbers(v: Vocabulary) -> list[str]:
    fields = (f for e in v.scope.catalogue.events.values() for f in e.properties.values())
    return list(dict.fromkeys(f.name for f in fields if f.family == "number"))


def _absent() -> Schema:
    keys = {**heard(), "for": ref("duration", "For how long.")}
    return hearing(record(keys, ["event", "for"], _WORDS["absent"]))


def _guard() -> Schema:
    hours = listing(ref("clock_time"), 'Such as ["09:00", "18:00"].', 2)
    keys = {
        "between": {**hours, "maxItems": 2},
        "days": listing(choice(DAYS), "Days of the week."),
        "calendar": ref("calendar"),
        "zone": ref("zone"),
    }
    return record(keys, description=_WORDS["time"])
