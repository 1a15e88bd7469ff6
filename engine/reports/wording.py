"""Figures as people read them, on paper and in the terminal."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from engine.language.label import Text
from engine.reports.shape import Value, Words

_HOUR: Final = 3_600_000
_DAY: Final = 24 * _HOUR


def said(words: Words, language: str) -> str:
    """Return a text in ``zh`` or ``en``."""
    return words.en if language == "en" else words.zh


def shown(value: Value, kind: str, unit: str | None = None) -> str:
    """Return a value by its kind; nothing is a dash."""
    if value is None:
        return "—"
    if isinstance(value, Text):
        return str(value)
    if kind == "share":
        return f"{value:.1%}"
    if kind == "duration":
        return span(value)
    if kind == "instant":
        return datetime.fromtimestamp(value / 1000, UTC).isoformat(timespec="minutes")
    if kind == "money":
        return f"{'¥' if unit == 'CNY' else f'{unit} '}{value:,}"
    return f"{value:,}"


def span(ms: float) -> str:
    """Return a duration in days, hours or minutes."""
    if abs(ms) >= 2 * _DAY:
        return f"{ms / _DAY:.1f} d"
    if abs(ms) >= _HOUR:
        return f"{ms / _HOUR:.1f} h"
    return f"{ms / 60_000:.0f} min"
