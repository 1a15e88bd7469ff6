"""``catalog.yaml``: fields, events and sources of this company, on top of the built-in ones."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from engine.language.catalogue import Catalogue, EventType, Field
from engine.language.diagnostic import Diagnostics
from engine.language.label import Text, label_of
from engine.language.reader import read_document
from engine.language.sections import sources
from engine.language.sections.part import Part


@lru_cache(maxsize=1)
def builtin() -> Catalogue:
    """Return the catalogue that every configuration starts from."""
    file = Path(__file__).parents[1] / "builtin.yaml"
    document = read_document(file.read_bytes(), str(file), Diagnostics())
    assert document is not None
    part = Part(document, document.data)
    tree = sources.build([part])
    fields = {name: _field(name, p.data) for name, p in part.entries("fields")}
    events = {name: _event(name, p.data or {}) for name, p in part.entries("events")}
    return Catalogue(sources.completed(fields, tree), events, tree)


def build(
    parts: Sequence[Part], found: Diagnostics, added: Mapping[str, Part] | None = None
) -> Catalogue:
    """Return the built-in catalogue with what plugins (``added``) and then ``parts`` add."""
    base = builtin()
    tree = sources.build([part for _, part in _whole(parts, added)], base.sources)
    fields, events = dict(base.fields), dict(base.events)
    owners = dict.fromkeys(fields, "is a built-in field")
    for plugin, part in _whole(parts, added):
        for name, member in part.entries("fields"):
            field = _field(name, member.data)
            _check_type(field, fields.get(name), owners.get(name), member, found)
            _check_values(field, member, found)
            is_place = name in fields and fields[name].place
            fields[name] = replace(field, place=is_place) if is_place else field
            if plugin is not None:
                owners.setdefault(name, f'is a field of the plugin "{plugin}"')
        for name, member in part.entries("events"):
            event = _event(name, member.data or {})
            _check_event(event, events.get(name), member, found)
            events[name] = _merged(event, events.get(name))
    sources.check(parts, events, found)
    return Catalogue(sources.completed(fields, tree), events, tree)


def _whole(
    parts: Sequence[Part], added: Mapping[str, Part] | None
) -> list[tuple[str | None, Part]]:
    """Return what plugins add, by plugin, and then what the company's files do."""
    return [*(added or {}).items(), *((None, part) for part in parts)]


def _field(name: str, data: Any) -> Field:
    if isinstance(data, str):
        return Field(name, data)
    return Field(
        name,
        data["type"],
        label_of(data.get("label")),
        tuple(data.get("values", ())),
        data.get("ordered", False),
        data.get("of", "string"),
        data.get("currency"),
        data.get("pii", False),
        data.get("derived", False),
        _called(data.get("values", ())),
        data.get("place", False),
    )


def _called(values: Any) -> dict[str, Text]:
    """Return the labels of values that are written as a map."""
    written = values.items() if isinstance(values, dict) else ()
    return {value: label for value, text in written if (label := label_of(text))}


def _event(name: str, data: dict[str, Any]) -> EventType:
    group = data.get("group", "behaviour")
    properties = data.get("properties") or {}
    return EventType(
        name,
        {p: _field(p, value) for p, value in properties.items()},
        group,
        data.get("behaviour", group == "behaviour"),
        label_of(data.get("label")),
    )


def _merged(event: EventType, base: EventType | None) -> EventType:
    """An event keeps the types of its properties, and may get more of them, and labels."""
    if base is None:
        return event
    properties = {**base.properties, **event.properties}
    return EventType(event.name, properties, base.group, base.behaviour, event.label or base.label)


def _check_event(event: EventType, base: EventType | None, part: Part, found: Diagnostics) -> None:
    known = base.properties if base is not None else {}
    owner = f'is a property of "{event.name}" already'
    for name, field in event.properties.items():
        where = part.child("properties").child(name)
        _check_type(field, known.get(name), owner, where, found)
        _check_values(field, where, found)


def _check_type(
    field: Field, known: Field | None, owner: str | None, part: Part, found: Diagnostics
) -> None:
    """Refuse another type for what is not this file's own: ``owner`` says whose it is."""
    if known is not None and owner and (known.type != field.type or known.derived):
        found.error(
            "field-type",
            f'"{field.name}" {owner}, of type {known.type}; its type stays',
            part.key_source,
            hint="give yours another name",
        )


def _check_values(field: Field, part: Part, found: Diagnostics) -> None:
    """Refuse enums that nothing can be."""
    if field.type == "enum" and not field.values:
        found.error(
            "enum-values",
            f'the enum "{field.name}" has no values',
            part.key_source,
            hint="write type: enum and values: [...]",
        )
