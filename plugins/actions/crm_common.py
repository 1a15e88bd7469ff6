"""What the actions for CRM systems share: a step's values under the CRM's names, and tokens."""

from __future__ import annotations

import copy
from collections.abc import Mapping
from typing import Any, Final

from engine.plugin import Answer, Misconfigured, Trouble

# Keys of a step's `with` that are the engine's own, and none of the CRM's.
_OWN: Final = frozenset({"to", "unsubscribe_url"})
FIELDS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": {"type": "string", "minLength": 1},
}


def renamed(params: Mapping[str, Any], fields: Mapping[str, str]) -> dict[str, Any]:
    """Return a step's values by the CRM's names; empty ones are left out, and erase nothing."""
    return {
        fields.get(name, name): value
        for name, value in params.items()
        if name not in _OWN and value is not None and value != ""
    }


def at(data: Any, path: str) -> Any:
    """Return what stands at a dotted path, None where nothing does."""
    for key in path.split("."):
        if not isinstance(data, dict):
            return None
        data = data.get(key)
    return data


def put(data: Mapping[str, Any], path: str, value: Any) -> dict[str, Any]:
    """Return a copy with a value at a dotted path; a map there gets it added."""
    made: dict[str, Any] = copy.deepcopy(dict(data))
    place = made
    *above, last = path.split(".")
    for key in above:
        inner = place.get(key)
        place[key] = inner if isinstance(inner, dict) else {}
        place = place[key]
    old = place.get(last)
    place[last] = {**old, **value} if isinstance(old, dict) and isinstance(value, dict) else value
    return made


def token_of(answer: Answer, path: str, seconds: float) -> tuple[str, float]:
    """Return a token and for how many seconds it is good; raises Trouble when there is none."""
    token = at(answer.data, path)
    if not isinstance(token, str) or not token:
        raise Trouble(Misconfigured("the CRM gave no token: look at the ids and secrets"))
    return token, seconds


def code_of(value: Any) -> str:
    """Return a provider's code as text; what else it says may quote a person."""
    return str(value)[:60] if isinstance(value, str | int) else "unknown"
