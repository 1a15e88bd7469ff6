"""Attribution (归因): which channels contributed to the sales, and what a customer is worth.

A touch is an event before the sale, or at it, that names a source, or that answers a message or
meets us; without any, the lead's source is its only touch.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from typing import Final

from engine.reports import outcomes, sources
from engine.reports.context import (
    ALWAYS,
    Context,
    in_currency,
    line,
    money,
    number,
    ratio,
    text,
    total,
)
from engine.reports.shape import Report, Table, Words
from engine.store.figures import Deal

TITLE: Final = Words("归因", "Attribution")
_END: Final = Fraction(2, 5)  # of position-based attribution: 40 % each to the first and last
Model = Callable[[int], list[Fraction]]


def first(touches: int) -> list[Fraction]:
    """Return the shares of so many touches where the first gets all."""
    return [Fraction(1), *[Fraction(0)] * (touches - 1)]


def last(touches: int) -> list[Fraction]:
    """Return them where the last one gets all."""
    return first(touches)[::-1]


def linear(touches: int) -> list[Fraction]:
    """Return them where each gets as much."""
    return [Fraction(1, touches)] * touches


def position(touches: int) -> list[Fraction]:
    """Return them where the ends get 40 % each and those between share the rest."""
    if touches <= 2:
        return linear(touches)
    between = (1 - 2 * _END) / (touches - 2)
    return [_END, *[between] * (touches - 2), _END]


MODELS: Final[Mapping[str, tuple[Model, str, str, str, str]]] = {
    "first": (first, "首次触点", "first", "收入全归首次触点", "all revenue to the first touch"),
    "last": (last, "末次触点", "last", "收入全归成交前最后触点", "all to the last before the sale"),
    "linear": (linear, "线性", "linear", "收入平均分给各触点", "the same to each touch"),
    "position": (
        *(position, "位置", "position-based"),
        *("首末各 40%，其余平分 20%", "40 % to first and last, the rest shares 20 %"),
    ),
}


def build(context: Context) -> Report:
    """Return the report without its head."""
    currency = context.reporting.currency
    deals = outcomes.deals(context)
    found = credited(context, deals)
    channels = sorted(found, key=lambda name: (-found[name]["linear"], name))
    columns = [
        in_currency(number(key, "money", (zh, en), (how_zh, how_en)), currency)
        for key, (_, zh, en, how_zh, how_en) in MODELS.items()
    ]
    touched = number(
        "touches", "count", ("触点", "touches"), ("成交前的触点数", "touches before the sales")
    )
    rows = [
        line({"channel": name or None, **{m: money(found[name][m]) for m in MODELS},
              "touches": int(found[name]["touches"])}, None,
             dict.fromkeys(("touches", *MODELS), context.bought_link(touched=name)))
        for name in channels
    ]  # fmt: skip
    named = text("channel", "渠道", "channel")
    tables = [
        Table("channels", TITLE, [named, touched, *columns], rows, None, "bar", "linear"),
        _worth(context, deals),
    ]
    return Report("attribution", TITLE, "", {}, tables=tables)


def credited(context: Context, deals: Sequence[Deal]) -> dict[str, dict[str, Fraction]]:
    """Return the revenue credited to each channel by model, and its ``touches``."""
    touches = _touches(context, deals)
    # What a touch gets depends on its place among how many: amounts are added up by these first.
    amounts: dict[tuple[str, int, int], Decimal] = defaultdict(Decimal)
    found: dict[str, dict[str, Fraction]] = defaultdict(lambda: defaultdict(Fraction))
    for deal in deals:
        before = [channel for at, channel in touches.get(deal.lead, ()) if at <= deal.at]
        channels = before or [deal.source or ""]
        amount = total([deal.amount])
        for place, channel in enumerate(channels):
            amounts[channel, len(channels), place] += amount
            found[channel]["touches"] += 1
    for (channel, whole, place), amount in amounts.items():
        for name, (model, *_) in MODELS.items():
            found[channel][name] += Fraction(amount) * model(whole)[place]
    return found


def _touches(context: Context, deals: Sequence[Deal]) -> dict[str, list[tuple[int, str]]]:
    leads = dict.fromkeys(deal.lead for deal in deals)
    found: dict[str, list[tuple[int, str]]] = {}
    for lead, at, channel in context.figures.touches(leads):
        found.setdefault(lead, []).append((at, channel))
    return found


def _worth(context: Context, deals: Sequence[Deal]) -> Table:
    """Return what the customers of each source are worth: all that they ever bought (CLV)."""
    currency = context.reporting.currency
    customers = {deal.lead for deal in deals}
    spent: dict[str, list[Decimal]] = {}
    bought: dict[str, set[str]] = {}
    for deal in context.figures.deals(context.reporting.revenue, *ALWAYS, context.question.owners):
        if deal.lead in customers:
            source = deal.source or ""
            spent.setdefault(source, []).append(total([deal.amount]))
            bought.setdefault(source, set()).add(deal.lead)
    columns = [
        text("source", "来源", "source"),
        number(
            "customers", "count", ("客户", "customers"), ("期间内有成交的线索", "leads that bought")
        ),
        number(
            "sales", "count", ("成交", "sales"), ("这些客户至今的成交数", "all their sales so far")
        ),
        in_currency(sources.REVENUE, currency),
        in_currency(_CLV, currency),
    ]
    rows = []
    for source in sorted(spent, key=lambda name: (-sum(spent[name]), name)):
        whole, people = sum(spent[source], Decimal(0)), len(bought[source])
        worth = {"revenue": money(whole), "clv": money(ratio(whole, people))}
        counts = {"customers": people, "sales": len(spent[source])}
        behind = dict.fromkeys((*counts, *worth), context.bought_link(source=source))
        rows.append(line({"source": source or None, **counts, **worth}, None, behind))
    return Table(
        "clv", Words("客户终身价值", "Customer lifetime value"), columns, rows, None, "bar"
    )


_CLV: Final = number(
    "clv",
    "money",
    ("客户终身价值 CLV", "CLV"),
    ("这些客户至今的收入 / 客户数", "all their revenue so far / customers"),
)
