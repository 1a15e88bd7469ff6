"""What plugins add: settings of connections, and parameters of actions."""

from __future__ import annotations

from typing import Any, Final

from engine.language.schemas.forms import Schema, ref
from engine.language.schemas.vocabulary import Vocabulary

# Where a number or a boolean stands, server.yaml may have ${NAME} and a step {{ a template }}.
_FILLED: Final = {"type": "string", "pattern": r"\$\{|\{\{"}
_SCALARS: Final = frozenset({"integer", "number", "boolean"})


def definitions(v: Vocabulary) -> dict[str, Schema]:
    """Return ``connects`` (by plugin) and ``acts`` (by connection)."""
    connects = [_connection(name, forms.connection) for name, forms in v.actions.items()]
    acts = [
        _step(name, v.actions[plugin].params)
        for name, plugin in v.connections.items()
        if plugin in v.actions
    ]
    return {
        "connects": {"allOf": connects} if connects else {},
        "acts": {"allOf": acts} if acts else {},
    }


def _connection(plugin: str, settings: Any) -> Schema:
    then = fitted(settings)
    if "properties" in then or "additionalProperties" in then:
        then["properties"] = {"plugin": ref("plugin"), **then.get("properties", {})}
    return {
        "if": {"properties": {"plugin": {"const": plugin}}, "required": ["plugin"]},
        "then": then,
    }


def _step(connection: str, params: Any) -> Schema:
    return {
        "if": {"properties": {"do": {"const": connection}}, "required": ["do"]},
        "then": {"properties": {"with": fitted(params)}},
    }


def fitted(schema: Any) -> Any:
    """Return a plugin's schema in our dialect: ``anyOf`` for ``oneOf``, values may be filled in."""
    if isinstance(schema, list | tuple):
        return [fitted(each) for each in schema]
    if not hasattr(schema, "items"):
        return schema
    made = {("anyOf" if key == "oneOf" else key): fitted(each) for key, each in schema.items()}
    if made.get("type") in _SCALARS:
        return {"anyOf": [made, _FILLED]}
    return made
