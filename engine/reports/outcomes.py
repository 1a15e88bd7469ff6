"""What became of leads, by where they came from: reached stages, sales, costs."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import TypeVar

import msgspec

from engine.reports import costs
from engine.reports.context import ALWAYS, Context, total
from engine.reports.costs import Key
from engine.store.figures import Deal

_K = TypeVar("_K")


class Line(msgspec.Struct):
    """What became of some leads; ``reached`` by milestone, cost None where none is declared."""

    leads: int = 0
    reached: Counter[str] = msgspec.field(default_factory=Counter)
    revenue: Decimal = Decimal(0)
    cost: Fraction | None = None


class Measured(msgspec.Struct):
    """Lines by (source, campaign, place), and by place the costs that name no source."""

    lines: dict[Key, Line]
    shared: dict[str, Fraction]

    @property
    def whole(self) -> Line:
        """All together."""
        return together(self.lines.values(), sum(self.shared.values(), Fraction(0)))


def measured(context: Context) -> Measured:
    """Return what became of the leads in question."""
    groups = context.figures.groups(*context.when)
    made = costs.counted(groups)
    lines = {key: Line(leads) for key, leads in made.items()}
    if context.by_creation:
        for source, campaign, placed, stage, entered, _, leads in groups:
            passed = set(context.reached(stage, entered))
            for name, milestone in context.milestones.items():
                lines[source, campaign, placed].reached[name] += leads if milestone in passed else 0
    else:
        for stage, source, campaign, placed, leads in context.figures.entries(*context.when):
            for name, milestone in context.milestones.items():
                if milestone == stage:
                    line = lines.setdefault((source, campaign, placed), Line())
                    line.reached[name] += leads
    sold: dict[Key, list[int | float | None]] = defaultdict(list)
    for deal in deals(context):
        if deal.source is not None:
            sold[deal.source, deal.campaign or "", deal.placed or ""].append(deal.amount)
    for key, amounts in sold.items():
        lines.setdefault(key, Line()).revenue = total(amounts)
    return Measured(lines, _charge(context, lines, made))


def deals(context: Context) -> list[Deal]:
    """Return the sales of the leads made in the period, or those that were made in it."""
    types = context.reporting.revenue
    since, until, owners = context.when
    if not context.by_creation:
        return context.figures.deals(types, since, until, owners)
    every = context.figures.deals(types, *ALWAYS, owners)
    return [d for d in every if d.created_at is not None and since <= d.created_at < until]


def _charge(context: Context, lines: dict[Key, Line], made: dict[Key, int]) -> dict[str, Fraction]:
    """Give each line its own costs; returns those of no source, by place."""
    shared: dict[str, Fraction] = {}
    for (source, campaign, placed), cost in costs.spent(context, made).items():
        if source is None:
            shared[placed] = shared.get(placed, Fraction(0)) + cost
            continue
        found = lines.setdefault((source, campaign or "", placed), Line())
        found.cost = (found.cost or Fraction(0)) + cost
    return shared


def together(lines: Iterable[Line], general: Fraction = Fraction(0)) -> Line:
    """Return the sum of lines."""
    whole = Line(cost=general or None)
    for each in lines:
        whole.leads += each.leads
        whole.reached.update(each.reached)
        whole.revenue += each.revenue
        if each.cost is not None:
            whole.cost = (whole.cost or Fraction(0)) + each.cost
    return whole


def grouped(lines: Mapping[Key, Line], by: Callable[[Key], _K]) -> dict[_K, Line]:
    """Return the sums of the lines that are alike."""
    alike: dict[_K, list[Line]] = {}
    for key, each in lines.items():
        alike.setdefault(by(key), []).append(each)
    return {name: together(some) for name, some in alike.items()}
