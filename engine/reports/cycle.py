"""The sales cycle (销售周期): from the first contact to the deal, over time and by source."""

from __future__ import annotations

from typing import Final

import msgspec

from engine.reports import timeline
from engine.reports.asking import Given
from engine.reports.context import ALWAYS, Context, figure, line, number, text
from engine.reports.shape import Column, Line, Report, Row, Series, Table, Value, Words
from engine.reports.statistics import mean, median, quantile

TITLE: Final = Words("销售周期", "Sales cycle")
WON: Final = number(
    "won",
    "count",
    ("赢单", "won"),
    ("首次进入赢单阶段的线索", "leads that entered the won stage for the first time"),
)
_COUNTED: Final = number(
    "counted",
    "count",
    ("计入", "counted"),
    ("其中赢单前有电话或拜访的线索", "those of them that were called or visited before"),
)
CYCLE: Final = number(
    "cycle",
    "duration",
    ("平均销售周期", "mean cycle"),
    (
        "首次联系（电话或拜访）到赢单的平均时长",
        "mean time from the first call or visit to the deal",
    ),
)
_MEDIAN: Final = number(
    "median", "duration", ("中位数", "median"), ("同上，取中位数", "the same, the middle one")
)
_SLOW: Final = number(
    "slow",
    "duration",
    ("90% 在此内", "90 % within"),
    ("同上，90% 不超过", "nine in ten take no longer"),
)
_WHOLE: Final = number(
    "whole",
    "duration",
    ("平均全程", "mean from arrival"),
    ("线索创建到赢单的平均时长", "mean time from the lead's making to the deal"),
)
_COLUMNS: Final = (WON, _COUNTED, CYCLE, _MEDIAN, _SLOW, _WHOLE)


class Win(msgspec.Struct, frozen=True, gc=False):
    """One lead that was won; ``cycle`` is None where nobody had called or visited before."""

    lead: str
    at: int
    created_at: int
    source: str
    cycle: int | None


def build(context: Context) -> Report:
    """Return the report without its head."""
    wins = won(context)
    cells = _cells(wins)
    sources = sorted({win.source for win in wins})
    rows = [_row(context, name, [w for w in wins if w.source == name]) for name in sources]
    named = text("source", "来源", "source")
    title = Words("按来源", "By source")
    tables = [Table("sources", title, [named, *_COLUMNS], rows, None, "bar")]
    links = _links(context)
    figures = [figure(column, cells[column.key], links.get(column.key)) for column in _COLUMNS]
    return Report("cycle", TITLE, "", {}, figures, tables, _series(context, wins))


def won(context: Context) -> list[Win]:
    """Return the wins: of leads made in the period, or those in it."""
    stage = context.reporting.milestones.get("won")
    if stage is None:
        return []
    since, until, owners = context.when
    by_creation = context.by_creation
    span = ALWAYS if by_creation else (since, until)
    found = context.figures.wins(stage, *span, owners)
    return [
        Win(lead, at, created, source, _between(contact, at))
        for lead, at, created, source, contact in found
        if not by_creation or since <= created < until
    ]


def _between(first: int | None, at: int) -> int | None:
    return None if first is None or first > at else at - first


def _cells(wins: list[Win]) -> dict[str, Value]:
    cycles = [win.cycle for win in wins if win.cycle is not None]
    return {
        "won": len(wins),
        "counted": len(cycles),
        "cycle": mean(cycles),
        "median": median(cycles),
        "slow": quantile(cycles, 0.9),
        "whole": mean([win.at - win.created_at for win in wins]),
    }


def _links(context: Context, **more: Given) -> dict[str, str]:
    """Return what finds the leads that were won, and those of them that are counted."""
    stage = context.reporting.milestones.get("won")
    if stage is None:
        return {}
    question = context.question
    won = {**({"reached": [stage]} if context.by_creation else question.entering(stage)), **more}
    ask = question.link if context.by_creation else question.bare_link
    counted = ask(**won, called_before=stage)
    each = dict.fromkeys(("counted", "cycle", "median", "slow"), counted)
    return {**each, "won": ask(**won), "whole": ask(**won)}


def counted_link(context: Context) -> str | None:
    """Return the query of the leads whose cycle is known; None where no stage is the won one."""
    return _links(context).get("counted")


def _row(context: Context, source: str, wins: list[Win]) -> Row:
    few = ["cycle", "median", "slow"] if len(wins) < 30 else []
    row = line({"source": source or None, **_cells(wins)}, None, _links(context, source=source))
    return msgspec.structs.replace(row, small=few)


def _series(context: Context, wins: list[Win]) -> list[Series]:
    cycles = [(win.at, win.cycle) for win in wins if win.cycle is not None]
    asked = context.question
    if context.by_creation:  # what was made in the period was won at any time since
        asked = msgspec.structs.replace(asked, since=None, until=None)
    days, found = timeline.bucketed(asked, cycles)
    lines = [
        _line(CYCLE, [mean(found[day]) for day in days]),
        _line(_COUNTED, [len(found[day]) for day in days]),
    ]
    return [Series("cycle", Words("周期趋势", "Trend"), days, lines)] if days else []


def _line(column: Column, values: list[Value] | list[int | None] | list[int]) -> Line:
    return Line(column.key, column.label, column.kind, column.unit, values)
