"""Small schemas to build larger ones from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Schema = dict[str, Any]


def typed(type: str | Sequence[str], description: str = "", **more: Any) -> Schema:
    """Return a schema of values of this type, or of one of these types."""
    told = {"description": description} if description else {}
    return {"type": type if isinstance(type, str) else list(type), **told, **more}


def text(description: str = "", **more: Any) -> Schema:
    """Return the schema of a text."""
    return typed("string", description, **more)


def number(description: str = "", **more: Any) -> Schema:
    """Return the schema of a number."""
    return typed("number", description, **more)


def flag(description: str = "") -> Schema:
    """Return the schema of true or false."""
    return typed("boolean", description)


def choice(values: Iterable[str], description: str = "") -> Schema:
    """Return the schema of a text that is one of ``values``."""
    return typed("string", description, enum=list(values))


def ref(name: str, description: str = "") -> Schema:
    """Return a reference to the definition ``name``; editors show its own description, if any."""
    told = {"description": description} if description else {}
    return {"$ref": f"#/definitions/{name}", **told}


def record(
    properties: Mapping[str, Schema],
    required: Sequence[str] = (),
    description: str = "",
    **more: Any,
) -> Schema:
    """Return the schema of a map with these keys and no other."""
    needs = {"required": list(required)} if required else {}
    made = typed("object", description, additionalProperties=False, properties=dict(properties))
    return {**made, **needs, **more}


def nullable(schema: Schema) -> Schema:
    """Return the schema of the same map, or of nothing after the colon."""
    return {**schema, "type": [schema["type"], "null"]}


def mapping(values: Schema, description: str = "", least: int = 0, **more: Any) -> Schema:
    """Return the schema of a map from names of one's own to ``values``."""
    size = {"minProperties": least} if least else {}
    return typed("object", description, additionalProperties=values, **size, **more)


def listing(items: Schema, description: str = "", least: int = 0) -> Schema:
    """Return the schema of a list."""
    size = {"minItems": least} if least else {}
    return typed("array", description, items=items, **size)


def hearing(schema: Schema) -> Schema:
    """Return the schema of a map with ``event``, whose ``where`` knows that event's properties."""
    return {**schema, "allOf": [ref("hears")]}


def heard() -> dict[str, Schema]:
    """Return the keys ``event`` and ``where``."""
    return {"event": ref("events"), "where": ref("where")}
