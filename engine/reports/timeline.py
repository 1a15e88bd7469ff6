"""Figures over time, by days, weeks or months of the zone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.reports.asking import Question
from engine.reports.context import Context
from engine.reports.shape import Line, Series, Value, Words


def new_leads(context: Context) -> list[Series]:
    """Return how many leads were made when."""
    first, last = context.figures.span()
    if first is None or last is None:
        return []
    since, until, owners = context.when
    starts = context.question.buckets(first, last)
    if not starts:
        return []
    values: list[Value] = []
    for start, end in zip(starts, [*starts[1:], until], strict=True):
        values.append(context.figures.created(max(start, since), min(end, until), owners))
    one = Line("leads", Words("线索", "leads"), "count", None, values)
    x = [context.question.day(start) for start in starts]
    return [Series("leads", Words("新线索", "New leads"), x, [one])]


def bucketed(
    question: Question, events: Sequence[tuple[int, int]]
) -> tuple[list[str], Mapping[str, list[int]]]:
    """Return the days on which buckets begin, and by them the values of (instant, value)."""
    if not events:
        return [], {}
    instants = [at for at, _ in events]
    starts = question.buckets(min(instants), max(instants))
    days = [question.day(start) for start in starts]
    found: dict[str, list[int]] = {day: [] for day in days}
    for at, value in sorted(events):
        place = sum(start <= at for start in starts) - 1
        found[days[max(place, 0)]].append(value)
    return days, found
