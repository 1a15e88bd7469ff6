"""The source funnel (来源漏斗): what comes of the leads of each source, and at what cost."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Final, TypeVar

from engine.language.label import Label, Text, in_language
from engine.reports import outcomes, timeline
from engine.reports.asking import Given
from engine.reports.context import (
    Context,
    figure,
    in_currency,
    line,
    money,
    number,
    ratio,
    share_figure,
    text,
)
from engine.reports.costs import Key
from engine.reports.outcomes import Line
from engine.reports.shape import Column, Figure, Report, Row, Table, Words

_K = TypeVar("_K")
TITLE: Final = Words("来源漏斗", "Sources")
LEADS: Final = number(
    "leads", "count", ("线索", "leads"), ("期间内创建的线索数", "leads made in the period")
)
_NAMES: Final = {
    "mql": ("市场认可", "MQL"),
    "sql": ("分配", "assigned"),
    "opportunity": ("机会", "opportunities"),
    "won": ("赢单", "won"),
}
CONVERSION: Final = number(
    "conversion",
    "share",
    ("转化率", "conversion"),
    ("线索转化率 = 赢单线索 / 全部线索", "won leads / all leads"),
)
_TO_OPPORTUNITY: Final = number(
    "to_opportunity",
    "share",
    ("机会转化率", "lead to opportunity"),
    ("有效机会数 / 全部线索", "leads that became an opportunity / all leads"),
)
REVENUE: Final = number(
    "revenue",
    "money",
    ("收入", "revenue"),
    ("成交事件金额之和", "the sum of the amounts of all sales"),
)
COST: Final = number(
    "cost",
    "money",
    ("成本", "cost"),
    ("reports.yaml 中分摊到期间的成本", "costs of reports.yaml, as far as they fall in the period"),
)
_PER_LEAD: Final = number(
    "cost_per_lead", "money", ("单条线索成本", "cost per lead"), ("成本 / 线索数", "cost / leads")
)
CAC: Final = number(
    "cac", "money", ("获客成本 CAC", "CAC"), ("成本 / 赢单客户数", "cost / won leads")
)
ROI: Final = number(
    "roi", "number", ("投资回报率 ROI", "ROI"), ("(收入 - 成本) / 成本", "(revenue - cost) / cost")
)
# Of shares those who have come so far, of what is divided by a number those who are counted.
_BEHIND: Final[Mapping[str, str]] = {
    "conversion": "won",
    "to_opportunity": "opportunity",
    "share": "leads",
    "free_share": "leads",
    "cost_per_lead": "leads",
    "cac": "won",
    "roi": "revenue",
}


def build(context: Context) -> Report:
    """Return the report without its head."""
    found = outcomes.measured(context)
    lines, whole = found.lines, found.whole
    by_source = _by_source(lines)
    columns = columns_of(context)
    tables = [
        Table(
            "sources",
            Words("按来源", "By source"),
            [text("source", "来源", "source"), *columns],
            [
                row(context, {"source": name or None}, each, {"source": name})
                for name, each in _largest(by_source)
            ],
            row(context, {"source": None}, whole, {}),
            "bar",
        ),
        Table(
            "campaigns",
            Words("按活动", "By campaign"),
            [text("source", "来源", "source"), text("campaign", "活动", "campaign"), *columns],
            [
                row(context, _named(s, c), each, {"source": s, "campaign": c})
                for (s, c), each in _largest(_by_campaign(lines))
            ],
        ),
    ]
    notes = []
    if found.shared:
        told = "未归到来源的成本只计入合计", "costs of no source count in the total only"
        notes.append(Words(*told))
    if context.reporting.costs and context.question.owners is not None:
        told = "成本属于来源，不分到个人或团队", "costs are those of sources, not of people"
        notes.append(Words(*told))
    return Report(
        "sources",
        TITLE,
        "",
        {},
        _figures(context, whole),
        tables,
        timeline.new_leads(context),
        notes,
    )


def _by_source(lines: Mapping[Key, Line]) -> dict[str, Line]:
    return outcomes.grouped(lines, lambda key: key[0])


def _by_campaign(lines: Mapping[Key, Line]) -> dict[tuple[str, str], Line]:
    return outcomes.grouped(
        {key: each for key, each in lines.items() if key[1]}, lambda key: key[:2]
    )


def _named(source: str, campaign: str) -> dict[str, str | None]:
    return {"source": source or None, "campaign": campaign or None}


def _largest(lines: Mapping[_K, Line]) -> list[tuple[_K, Line]]:
    return sorted(lines.items(), key=lambda each: (-each[1].leads, str(each[0])))


def columns_of(context: Context) -> list[Column]:
    """Return the columns that tell what became of leads."""
    currency = context.reporting.currency
    reached = [_reached_column(context, name) for name in context.milestones]
    after = [_TO_OPPORTUNITY] if "opportunity" in context.milestones else []
    priced = [in_currency(each, currency) for each in (REVENUE, COST, _PER_LEAD, CAC)]
    return [LEADS, *reached, *after, CONVERSION, *priced, ROI]


def _reached_column(context: Context, name: str) -> Column:
    stage = context.milestones[name]
    label = context.labels[stage]
    zh, en = label, in_language(label, "en") if isinstance(label, Label) else stage
    if context.by_creation:
        formula = f"到过“{zh}”或其后阶段的线索", f"leads that reached “{en}” or a later stage"
    else:
        formula = f"期间内首次进入“{zh}”的线索", f"leads that entered “{en}” first in the period"
    return number(name, "count", (_NAMES[name][0], _NAMES[name][1]), formula)


def row(
    context: Context,
    named: Mapping[str, Text | None],
    each: Line,
    filters: Mapping[str, Given],
    shares: Mapping[str, tuple[int, int]] | None = None,
) -> Row:
    """Return the row of a line; ``filters`` find its leads."""
    cost, won = each.cost, each.reached["won"]
    priced = {
        "revenue": money(each.revenue),
        "cost": money(cost),
        "cost_per_lead": None if cost is None else money(ratio(cost, each.leads)),
        "cac": None if cost is None else money(ratio(cost, won)),
        "roi": roi(each),
    }
    return line(
        {
            **named,
            "leads": each.leads,
            **{m: each.reached[m] for m in context.milestones},
            **priced,
        },
        {
            **_opportunity(context, each),
            "conversion": (won, each.leads),
            **(shares or {}),
        },
        _links(context, filters),
    )


def _links(context: Context, filters: Mapping[str, Given]) -> dict[str, str]:
    """Return what finds the leads of each column; costs are declared for none in particular."""
    links = {name: context.reached_link(s, **filters) for name, s in context.milestones.items()}
    links |= {"leads": context.question.link(**filters), "revenue": context.bought_link(**filters)}
    return {**links, **{key: links[name] for key, name in _BEHIND.items() if name in links}}


def _opportunity(context: Context, each: Line) -> dict[str, tuple[int, int]]:
    if "opportunity" not in context.milestones:
        return {}
    return {"to_opportunity": (each.reached["opportunity"], each.leads)}


def roi(each: Line) -> float | None:
    """Return (revenue - cost) / cost to four digits, None without any cost."""
    if not each.cost:
        return None
    return float(round((Fraction(each.revenue) - each.cost) / each.cost, 4))


def _figures(context: Context, whole: Line) -> list[Figure]:
    currency = context.reporting.currency
    links = _links(context, {})
    found = [figure(LEADS, whole.leads, links["leads"])]
    for name in context.milestones:
        found.append(figure(_reached_column(context, name), whole.reached[name], links[name]))
    won = whole.reached["won"]
    found.append(share_figure(CONVERSION, won, whole.leads, links.get("conversion")))
    found.append(figure(in_currency(REVENUE, currency), money(whole.revenue), links["revenue"]))
    if whole.cost is not None:
        cac = money(ratio(whole.cost, won))
        found.append(figure(in_currency(COST, currency), money(whole.cost)))
        found.append(figure(in_currency(CAC, currency), cac, links.get("cac")))
        found.append(figure(ROI, roi(whole), links["roi"]))
    return found
