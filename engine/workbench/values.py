"""Values, instants and spans as people read them."""

from __future__ import annotations

import re
from datetime import datetime, tzinfo
from typing import Any, Final

_INSTANT: Final = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")


def instant(text: str) -> str:
    """Return an instant in RFC 3339 with a space instead of the T, milliseconds left off."""
    offset = "Z" if text.endswith("Z") else text[-6:]
    return f"{text[:19].replace('T', ' ')}{offset}"


def local(value: Any, zone: tzinfo | None = None) -> Any:
    """Return ``value`` with the instants in its texts in ``zone``, by default the system's.

    They are in UTC, and stay so where that is the reader's, too.
    """
    if isinstance(value, str):
        return _INSTANT.sub(lambda found: _local(found[0], zone), value)
    if isinstance(value, dict):
        return {key: local(each, zone) for key, each in value.items()}
    return [local(each, zone) for each in value] if isinstance(value, list) else value


def _local(text: str, zone: tzinfo | None) -> str:
    there = datetime.fromisoformat(text).astimezone(zone)
    return there.isoformat() if there.utcoffset() else text


def offset(span: int) -> str:
    """Return ``span`` as tests write it: ``2d12h``, ``0d``."""
    parts = []
    for unit, size in (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000)):
        count, span = divmod(span, size)
        if count:
            parts.append(f"{count}{unit}")
    return "".join(parts) or "0d"


def show(value: Any) -> str:
    """Return ``value`` as one would write it in YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(show, value)) + "]"
    return str(value)
