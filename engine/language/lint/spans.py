"""Comparing lengths of time."""

from __future__ import annotations

from engine.language.rules import Span


def later(one: Span, other: Span) -> bool:
    """Whether ``one`` is longer for certain; working time and plain time are not compared."""
    if one.unit != other.unit:
        return False
    return one.working > other.working if one.is_working else one.ms > other.ms


def not_earlier(one: Span, other: Span) -> bool:
    """Whether ``one`` is as long or longer for certain."""
    return one.unit == other.unit and not later(other, one)
