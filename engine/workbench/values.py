"""Values, instants and spans as people read them."""

from __future__ import annotations

from typing import Any


def instant(text: str) -> str:
    """Return an instant in RFC 3339 with a space instead of the T, milliseconds left off."""
    return f"{text[:19].replace('T', ' ')}Z"


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
