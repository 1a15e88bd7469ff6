"""Instants as people read them."""

from __future__ import annotations


def instant(text: str) -> str:
    """Return an instant in RFC 3339 with a space instead of the T, milliseconds left off."""
    return f"{text[:19].replace('T', ' ')}Z"
