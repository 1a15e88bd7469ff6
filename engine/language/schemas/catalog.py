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
from engine.language.taxonomy import ORIGINS

# `consent` is built in and cannot be declared.
_TYPES = tuple(t for t in TYPES if t != "consent")


def structure() -> Schema:
    """Return the keys of the file."""
    return {
        "title": "Lead fields and event types",
        "properties": {
            "fields": mapping(record(_field(), ["type"]), "Fields of a lead (字段), by name."),
            "events": mapping(nullable(_event()), "Event types (事件), by name."),
            "sources": mapping(
                _source("channel", ("kind", "detail")), "Sources (线索来源): channels."
            ),
        },
    }


def _field() -> dict[str, Schema]:
    return {
        "type": choice(_TYPES, "The type of its values."),
        "label": ref("label"),
        "values": _values(),
        "ordered": flag("Whether at_least and at_most may compare the values of an enum."),
        "of": choice(("string", "integer", "number"), "The type of a list's items."),
        "currency": text("What the amounts of a money field are counted in, such as CNY."),
        "pii": flag("Personal data: kept out of logs and metrics."),
    }


def _values() -> Schema:
    names = listing(text(), "What an enum may be, lowest first if ordered; or a map to labels.", 1)
    label = ref("label")
    return {**names, "type": ["array", "object"], "minProperties": 1, "additionalProperties": label}


def _source(level: str, below: tuple[str, ...]) -> Schema:
    """Return the schema of one node of the tree of sources, with what may stand below it."""
    deeper = (
        {f"{below[0]}s": mapping(_source(below[0], below[1:]), f"The {below[0]}s of the {level}.")}
        if below
        else {}
    )
    return nullable(
        record(
            {
                "label": ref("label"),
                "origin": choice(ORIGINS, "Whose work it is (来源性质): 内部, 外部 or 转化."),
                "free": flag("Whether no media is paid for there (免费渠道)."),
                "names": listing(text(), "What source, category, utm_source and codes call it."),
                "mediums": listing(text(), "The utm_medium that mean it."),
                "events": listing(text(), "Events that are touches by themselves."),
                **deeper,
            }
        )
    )


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
