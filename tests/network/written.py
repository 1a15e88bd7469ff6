"""Conditions written by hand for the tests of this room, and leads to judge them by."""

from __future__ import annotations

from typing import Any

from engine.language import definitions
from engine.language.definitions import Absence, Aggregate, All, AnyOf, Condition, Guard, Not
from engine.language.diagnostic import Source
from engine.language.instants import parse_instant
from tests.network.generated import View

HERE = Source("scoring.yaml", 1, 1)
NOW = parse_instant("2026-03-02T09:00:00+08:00")  # a Monday


def compare(
    fact: str, op: str, operand: Any, family: str = "number", ranks: tuple[str, ...] = ()
) -> definitions.Test:
    """One test of a fact or, with ``event.``, of a property."""
    return definitions.Test(
        fact=fact, op=op, operand=operand, family=family, ranks=ranks, source=HERE
    )


def every(*items: Condition) -> All:
    """All of these."""
    return All(items=items, source=HERE)


def some(*items: Condition) -> AnyOf:
    """Any of these."""
    return AnyOf(items=items, source=HERE)


def no(item: Condition) -> Not:
    """Not this."""
    return Not(item=item, source=HERE)


def aggregate(kind: str, window: str, *tests: tuple[str, Any], **more: Any) -> Aggregate:
    """A count, sum, max or last of page views, kept in the window of this name."""
    given = {"events": ("page_viewed",), "where": None, "of": None, "within": None, **more}
    return Aggregate(kind=kind, tests=tests, window=window, source=HERE, **given)


def absence(window: str, span: int, **more: Any) -> Absence:
    """No page view for so long."""
    given = {"events": ("page_viewed",), "where": None, **more}
    return Absence(span=span, window=window, source=HERE, **given)


def guard(
    start: int | None = None,
    end: int | None = None,
    days: tuple[int, ...] = (),
    calendar: str | None = None,
    zone: str = "Asia/Shanghai",
) -> Guard:
    """A time of day, in minutes after midnight, and days from Monday, 0."""
    return Guard(start=start, end=end, days=days, calendar=calendar, zone=zone, source=HERE)


def view(facts: dict[str, Any] | None = None, **more: Any) -> View:
    """A lead at NOW with these facts; ``more`` is any other part of a View."""
    given = {"properties": {}, "before": {}, "windows": {}, "created_at": NOW, "now": NOW, **more}
    return View(facts or {}, **given)
