"""Goals (目标): what reports.yaml aims at, how far it is reached, and how much time is left."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time, timedelta
from fractions import Fraction
from typing import Final
from zoneinfo import ZoneInfo

from msgspec.structs import replace

from engine.language.reporting import MEASURES, Goal
from engine.reports import cycle, outcomes, sources
from engine.reports.asking import Question
from engine.reports.context import Context, line, money, number, ratio, text
from engine.reports.shape import Report, Row, Table, Value, Words
from engine.reports.statistics import mean, part

TITLE: Final = Words("目标", "Goals")
_DAY: Final = 86_400_000
# Less is better of these.
_FEWER: Final = frozenset({"cost_per_lead", "cac", "cycle_days"})
# These add up over the goal's days; a rate or a price is as it is at any time.
_GROWING: Final = frozenset({"leads", "mql", "sql", "opportunity", "won", "revenue"})
_TARGET: Final = (
    "target，或基准 × (1 + change)，或基准 + change_by",
    "target, or baseline * (1 + change), or baseline + change_by",
)
_PROGRESS: Final = (
    "现值 / 目标值；越少越好的为目标值 / 现值",
    "value / target; target / value where less is better",
)
_BASELINE: Final = ("之前同样天数的指标", "that of as many days before")
_COLUMNS: Final = (
    text("goal", "目标", "goal"),
    text("label", "名称", "label"),
    text("measure", "指标", "measure"),
    text("from", "从", "from"),
    text("to", "到", "to"),
    number("value", "number", ("现值", "value"), ("期间内的指标", "the measure in its days")),
    number("baseline", "number", ("基准", "baseline"), _BASELINE),
    number("target", "number", ("目标值", "target"), _TARGET),
    number("progress", "share", ("完成度", "progress"), _PROGRESS),
    number(
        "elapsed", "share", ("时间进度", "time gone"), ("已过 / 全部时间", "time gone / all time")
    ),
    text("state", "状态", "state"),
)


def build(context: Context) -> Report:
    """Return the report without its head. The goals' own days count, whatever the period."""
    rows = [_row(context, goal) for goal in context.reporting.goals]
    return Report("goals", TITLE, "", {}, tables=[Table("goals", TITLE, _COLUMNS, rows)])


def measure(context: Context, name: str) -> float | int | None:
    """Return one of MEASURES for the context's question, None where it cannot be calculated."""
    if name == "cycle_days":
        cycles = [win.cycle for win in cycle.won(context) if win.cycle is not None]
        found = mean(cycles)
        return None if found is None else round(found / _DAY, 2)
    whole = outcomes.measured(context).whole
    reached = whole.reached
    values: Mapping[str, float | int | None] = {
        "leads": whole.leads,
        **{milestone: reached[milestone] for milestone in context.milestones},
        "revenue": money(whole.revenue),
        "conversion": part(reached["won"], whole.leads),
        "mql_to_sql": part(reached["sql"], reached["mql"]),
        "cost_per_lead": None if whole.cost is None else money(ratio(whole.cost, whole.leads)),
        "cac": None if whole.cost is None else money(ratio(whole.cost, reached["won"])),
        "roi": sources.roi(whole),
    }
    assert name in MEASURES
    return values.get(name)


def behind(context: Context, name: str) -> str | None:
    """Return the query of the leads that a measure counts; None where nothing finds them."""
    milestones = {key: context.reached_link(s) for key, s in context.milestones.items()}
    links = {
        **milestones,
        "leads": context.question.link(),
        "cost_per_lead": context.question.link(),
        **dict.fromkeys(("revenue", "roi"), context.bought_link()),
        **dict.fromkeys(("conversion", "cac"), milestones.get("won")),
        "mql_to_sql": milestones.get("sql"),
        "cycle_days": cycle.counted_link(context),
    }
    return links[name]


def _row(context: Context, goal: Goal) -> Row:
    own = _question(context.question, goal)
    value = measure(context.asking(own), goal.measure)
    links = {"value": behind(context.asking(own), goal.measure)}
    before = replace(own, compare="previous").before()
    baseline = None
    if goal.target is None and before is not None:
        baseline = measure(context.asking(before), goal.measure)
        links["baseline"] = behind(context.asking(before), goal.measure)
    target = _target(goal, baseline)
    progress = _progress(goal, value, target)
    cells: dict[str, Value] = {
        "goal": goal.id,
        "label": goal.label,
        "measure": goal.measure,
        "from": goal.first.isoformat(),
        "to": goal.last.isoformat(),
        "value": value,
        "baseline": baseline,
        "target": target,
        "progress": progress,
    }
    gone = min(max(context.question.now - own.start, 0), own.end - own.start)
    elapsed = gone / (own.end - own.start)
    found = {key: query for key, query in links.items() if query is not None}
    return line(
        {**cells, "elapsed": elapsed, "state": _state(goal, progress, elapsed)}, None, found
    )


def _question(question: Question, goal: Goal) -> Question:
    zone = ZoneInfo(question.zone)
    ends = goal.first, goal.last + timedelta(days=1)
    since, until = (round(datetime.combine(d, time(), zone).timestamp() * 1000) for d in ends)
    said = {"period": "custom", "cohort": "event", "compare": "none"}
    return replace(question, since=since, until=until, **said)


def _target(goal: Goal, baseline: float | int | None) -> float | int | None:
    if goal.target is not None or baseline is None:
        return goal.target
    base = Fraction(str(baseline))
    if goal.change is not None:
        return float(round(base * (1 + Fraction(str(goal.change))), 6))
    return float(round(base + Fraction(str(goal.change_by)), 6))


def _progress(goal: Goal, value: float | None, target: float | None) -> float | None:
    if value is None or target is None:
        return None
    fewer = goal.measure in _FEWER
    some, whole = (target, value) if fewer else (value, target)
    return round(some / whole, 4) if whole else None


def _state(goal: Goal, progress: float | None, elapsed: float) -> str:
    if progress is None:
        return "unknown"
    if progress >= 1:
        return "reached"
    if elapsed >= 1:
        return "missed"
    on_track = goal.measure in _GROWING and progress >= elapsed
    return "on_track" if on_track else "behind"
