"""What leads cost: amounts spread over their days, and prices for each lead."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from fractions import Fraction
from zoneinfo import ZoneInfo

from engine.language.reporting import Cost
from engine.reports.context import Context

Key = tuple[str, str, str]  # source, campaign, place in the tree of sources; "" for none
Spent = dict[tuple[str | None, str | None, str], Fraction]


def spent(context: Context, made: Mapping[Key, int]) -> Spent:
    """Return what was spent in the period, exactly, by (source, campaign, place) as declared.

    ``made`` has how many leads were made in it. A day counts in the period in which it begins.
    What another currency was spent in counts by its rate in reports.yaml. Costs are those of a
    source and not of its leads: where somebody's leads are asked for, nothing was spent on them.
    """
    found: Spent = {}
    if context.question.owners is not None:
        return found
    for cost in context.reporting.costs:
        key = cost.source, cost.campaign, place_of(context, cost)
        amount = _of(context, cost, made) * Fraction(str(cost.rate))
        found[key] = found.get(key, Fraction(0)) + amount
    return found


def place_of(context: Context, cost: Cost) -> str:
    """Return where in the tree of sources a cost belongs: its kind, else that of its source."""
    path = cost.kind or context.definitions.catalogue.sources.place({"source.name": cost.source})
    return "/".join(path)


def _of(context: Context, cost: Cost, made: Mapping[Key, int]) -> Fraction:
    if cost.per_lead is not None:
        return Fraction(str(cost.per_lead)) * _leads(context, cost, made)
    assert cost.amount is not None
    assert cost.first is not None
    assert cost.last is not None
    days = (cost.last - cost.first).days + 1
    return Fraction(str(cost.amount)) * _days(context, cost) / days


def _days(context: Context, cost: Cost) -> int:
    """Return how many days of a cost have begun in the period; nothing is spent ahead."""
    assert cost.first is not None
    assert cost.last is not None
    zone = ZoneInfo(context.question.zone)
    since, until, _ = context.when
    until = min(until, context.question.now + 1)
    days = (cost.last - cost.first).days + 1
    begins = (_midnight(cost, n, zone) for n in range(days))
    return sum(since <= at < until for at in begins)


def _midnight(cost: Cost, number: int, zone: ZoneInfo) -> int:
    assert cost.first is not None
    day = cost.first + timedelta(days=number)
    return round(datetime.combine(day, time(), zone).timestamp() * 1000)


def _leads(context: Context, cost: Cost, made: Mapping[Key, int]) -> int:
    """Return how many leads a price is for: those of its source, made in its days."""
    if cost.first is not None or cost.last is not None:
        since, until, owners = context.when
        zone = ZoneInfo(context.question.zone)
        if cost.first is not None:
            since = max(since, round(datetime.combine(cost.first, time(), zone).timestamp() * 1000))
        if cost.last is not None:
            end = cost.last + timedelta(days=1)
            until = min(until, round(datetime.combine(end, time(), zone).timestamp() * 1000))
        made = counted(context.figures.groups(since, until, owners))
    return sum(
        leads
        for (source, campaign, placed), leads in made.items()
        if cost.source in (None, source)
        and cost.campaign in (None, campaign)
        and is_below(placed, "/".join(cost.kind))
    )


def is_below(placed: str, kind: str) -> bool:
    """Whether a place is a kind or something below it; "" is above all."""
    return not kind or f"{placed}/".startswith(f"{kind}/")


def counted(groups: list[tuple[object, ...]]) -> dict[Key, int]:
    """Return how many leads groups of the store have, by (source, campaign, place)."""
    found: dict[Key, int] = {}
    for source, campaign, placed, _, _, _, leads in groups:
        key = str(source), str(campaign), str(placed)
        found[key] = found.get(key, 0) + int(str(leads))
    return found
