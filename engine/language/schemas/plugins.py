"""What plugins add: settings of connections and channels, and parameters of actions."""

from __future__ import annotations

from typing import Any, Final

from engine.language.schemas.forms import Schema, ref
from engine.language.schemas.vocabulary import Vocabulary

# In the place of a value, server.yaml may have ${NAME} and a step {{ a template }}.
_FILLED: Final = {"type": "string", "pattern": r"\$\{|\{\{"}
_STRUCTURED: Final = frozenset({"object", "array"})
_BY_NAME: Final = frozenset({"properties", "patternProperties", "definitions"})
_FREE: Final[tuple[Schema, ...]] = ({"type": "string"}, {})


def definitions(v: Vocabulary) -> dict[str, Schema]:
    """Return ``connects`` (by plugin), ``acts`` (by connection) and ``listens`` (by channel)."""
    connects = [_connection(name, forms.connection) for name, forms in v.actions.items()]
    acts = [
        _step(name, v.actions[plugin].params)
        for name, plugin in v.connections.items()
        if plugin in v.actions
    ]
    listens = {name: fitted(settings) for name, settings in v.channels.items()}
    return {
        "connects": {"allOf": connects} if connects else {},
        "acts": {"allOf": acts} if acts else {},
        "listens": {"properties": listens} if listens else {},
    }


def _connection(plugin: str, settings: Any) -> Schema:
    then = fitted(settings)
    if "properties" in then or "additionalProperties" in then:
        own = {"plugin": ref("plugin"), "limits": {}}
        then["properties"] = {**own, **then.get("properties", {})}
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
    made = {
        # What is under these keywords are schemas by names, among which may be `type`.
        ("anyOf" if key == "oneOf" else key): {name: fitted(x) for name, x in each.items()}
        if key in _BY_NAME and hasattr(each, "items")
        else fitted(each)
        for key, each in schema.items()
    }
    return {"anyOf": [made, _FILLED]} if _is_scalar(made) else made


def _is_scalar(schema: Schema) -> bool:
    """Whether a schema is about one value, and not about any text."""
    types = schema.get("type", [])
    named = {types} if isinstance(types, str) else set(types)
    bare = {k: v for k, v in schema.items() if k not in ("title", "description", "default")}
    return bool(named or "enum" in schema) and not named & _STRUCTURED and bare not in _FREE
