"""CloudEvents 1.0 over HTTP: structured, binary and batched ones, all read to one form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import unquote

_REQUIRED: Final = ("id", "source", "type")
_PREFIX: Final = "ce-"
MAX_BATCH: Final = 1_000


def envelopes_of(headers: Mapping[str, str], data: Any) -> list[Any] | None:
    """Return the events of a request as structured ones; None for one that is none.

    What does not say that it is a CloudEvent is returned as it is. ``data`` is the body as JSON.
    """
    kind = headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind.startswith("application/cloudevents-batch"):
        if not isinstance(data, list) or len(data) > MAX_BATCH:
            return None
        return data if all(map(_is_event, data)) else None
    if kind.startswith("application/cloudevents"):
        return [data] if _is_event(data) else None
    if f"{_PREFIX}specversion" in headers:
        event = {
            name.removeprefix(_PREFIX): unquote(value)
            for name, value in headers.items()
            if name.startswith(_PREFIX)
        }
        event = {**event, "data": data}
        return [event] if _is_event(event) else None
    return [data]


def _is_event(event: Any) -> bool:
    if not isinstance(event, dict) or event.get("specversion") not in ("1.0", "0.3"):
        return False
    return all(isinstance(event.get(name), str) and event[name] for name in _REQUIRED)
