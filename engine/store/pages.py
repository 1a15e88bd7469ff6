"""Keyset pages: stable while leads change, equally fast on the first and the last page."""

from __future__ import annotations

import base64
from typing import Any

import msgspec

from engine.errors import LeadrulesError


class BadCursor(LeadrulesError):
    """A cursor that was not given out by the same list."""

    code = "bad-cursor"


class Page(msgspec.Struct, frozen=True):
    """Some items, and the cursor of those that follow; None on the last page."""

    items: list[dict[str, Any]]
    next: str | None = None


def to_cursor(*keys: int | str) -> str:
    """Return an opaque cursor, safe in a URL, for the last item's keys."""
    return base64.urlsafe_b64encode(msgspec.json.encode(keys)).decode().rstrip("=")


def from_cursor(cursor: str, types: tuple[type, ...]) -> tuple[Any, ...]:
    """Return the keys in ``cursor``; raises BadCursor."""
    try:
        padded = cursor.encode("ascii") + b"=" * (-len(cursor) % 4)
        keys = msgspec.json.decode(base64.urlsafe_b64decode(padded))
    except (ValueError, msgspec.DecodeError):
        keys = None
    if not isinstance(keys, list) or [type(key) for key in keys] != list(types):
        raise BadCursor(f"{cursor[:80]!r} is no cursor of this list; start again without one")
    if any(isinstance(key, int) and abs(key) >= 2**63 for key in keys):
        raise BadCursor(f"{cursor[:80]!r} is no cursor of this list; start again without one")
    return tuple(keys)


def page(found: list[Any], limit: int, items: list[dict[str, Any]], *keys: str) -> Page:
    """Return the page of ``found``, read with one row more than ``limit`` to see if more follow.

    ``items`` are the rows as shown; ``keys`` name the columns that order them.
    """
    if len(found) <= limit:
        return Page(items)
    last = found[limit - 1]
    return Page(items[:limit], to_cursor(*(last[key] for key in keys)))
