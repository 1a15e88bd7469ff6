"""``catalog.yaml``."""

from __future__ import annotations

from engine.language.catalogue import TYPES
from engine.language.schemas.forms import (
    Schema,
    choice,
    flag,
    listing,
    mapping,
    nullable,
    record,
    ref,
    text,
)

# `consent` is built in and cannot be declared.
_TYPES = tuple(t for t in TYPES if t != "consent")


def structure() -> Schema:
    """Return the keys of the file."""
    return {
        "title": "Lead fields and event types",
        "properties": {
            "fields": mapping(record(_field(), ["type"]), "Fields of a lead (字段), by name."),
            "events": mapping(nullable(_event()), "Event types (事件), by name."),
        },
    }


def _field() -> dict[str, Schema]:
    return {
        "type": choice(_TYPES, "The type of its values."),
        "label": ref("label"),
        "values": listing(text(), "What an enum may be; lowest first if ordered.", 1),
        "ordered": flag("Whether at_least and at_most may compare the values of an enum."),
        "of": choice(("string", "integer", "number"), "The type of a list's items."),
        "currency": text("What the amounts of a money field are counted in, such as CNY."),
        "pii": flag("Personal data: kept out of logs and metrics."),
    }


def _event() -> Schema:
    carried = record(_field(), ["type"], "A type, or a map with type, label and values.")
    bare = {"if": {"type": "string"}, "then": {"enum": list(_TYPES)}}
    return record(
        {
            "label": ref("label"),
            "group": choice(
                ("behaviour", "message", "people"), "Who does it; behaviour: the lead."
            ),
            "behaviour": flag("Whether `any` means it too; by default if the group is behaviour."),
            "properties": mapping(
                {**carried, "type": ["string", "object"], **bare}, "What it carries, by name."
            ),
        }
    )
