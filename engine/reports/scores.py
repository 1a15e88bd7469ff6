"""Grades and scores (分级与评分): how leads are spread, and whether grades keep their promise."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from math import isfinite
from typing import Final

from engine.reports import sources
from engine.reports.context import Context, line, number, text
from engine.reports.shape import Report, Table, Words

TITLE: Final = Words("分级与评分", "Grades and scores")
_BANDS: Final = (float("-inf"), *(float(edge) for edge in range(0, 101, 10)), float("inf"))
_SHARE: Final = number("share", "share", ("占比", "share"), ("该级线索 / 全部线索", "of all leads"))
_WON: Final = number(
    "won",
    "count",
    ("赢单", "won"),
    ("现在为该级且到过赢单的线索", "leads of the grade that were won"),
)
_NOW: Final = number(
    "leads", "count", ("线索", "leads"), ("现在分数在此段的线索", "leads whose score is there now")
)


def build(context: Context) -> Report:
    """Return the report without its head."""
    leads, won = counted(context)
    whole = sum(leads.values())
    rows = [
        line(
            {"grade": grade or None, "leads": leads[grade], "won": won[grade]},
            {"share": (leads[grade], whole), "conversion": (won[grade], leads[grade])},
            _links(context, grade),
        )
        for grade in _ordered(context, leads)
    ]
    named = text("grade", "分级", "grade")
    columns = [named, sources.LEADS, _SHARE, _WON, sources.CONVERSION]
    title = Words("按分级", "By grade")
    tables = [Table("grades", title, columns, rows, None, "bar"), _histogram(context)]
    told = "分数分布为所有现有线索", "the spread of scores is that of all leads there are now"
    return Report("scores", TITLE, "", {}, tables=tables, notes=[Words(*told)])


def counted(context: Context) -> tuple[Counter[str], Counter[str]]:
    """Return how many leads made in the period have each grade, and how many of them were won."""
    leads: Counter[str] = Counter()
    won: Counter[str] = Counter()
    final = context.reporting.milestones.get("won")
    for _, _, _, stage, entered, grade, count in context.figures.groups(*context.when):
        leads[grade] += count
        won[grade] += count if final in context.reached(stage, entered) else 0
    return leads, won


def _links(context: Context, grade: str) -> dict[str, str]:
    """Return what finds the leads of a grade, and those of them that were won."""
    graded = context.question.link(grade=grade)
    won = context.reporting.milestones.get("won")
    if won is None:
        return {"leads": graded, "share": graded}
    found = context.question.link(grade=grade, **context.reaching(won))
    return {"leads": graded, "share": graded, "won": found, "conversion": found}


def _ordered(context: Context, leads: Counter[str]) -> list[str]:
    known = [grade.grade for grade in context.definitions.default_model.grades]
    return [*(g for g in known if g in leads), *sorted(g for g in leads if g not in known)]


def _histogram(context: Context) -> Table:
    owners = context.question.owners
    rows = [
        line(
            {"band": _band(low, high), "leads": context.figures.scored(low, high, owners)},
            None,
            {"leads": context.question.bare_link(**_between(low, high))},
        )
        for low, high in pairwise(_BANDS)
    ]
    columns = [text("band", "分数", "score"), _NOW]
    return Table("scores", Words("分数分布", "Scores"), columns, rows, None, "bar", now=True)


def _between(low: float, high: float) -> dict[str, str]:
    ends = {"score_from": low, "score_to": high}
    return {name: f"{end:g}" for name, end in ends.items() if isfinite(end)}


def _band(low: float, high: float) -> str:
    if low == float("-inf"):
        return "< 0"
    return ">= 100" if high == float("inf") else f"{low:.0f}-{high:.0f}"
