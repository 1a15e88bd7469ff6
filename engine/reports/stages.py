"""The stage funnel (阶段漏斗): how far leads come, where they drop off, how long they stay,
and who is stuck.
"""

from __future__ import annotations

from collections import Counter
from typing import Final

from engine.language.instants import format_instant
from engine.reports.context import Context, line, number, text
from engine.reports.shape import Column, Report, Row, Table, Value, Words

TITLE: Final = Words("阶段漏斗", "Stages")
NAMED: Final = 50
_NOW: Final = number(
    "now",
    "count",
    ("现在", "now"),
    ("期间内创建、现在处于该阶段的线索", "leads made in the period that are in the stage now"),
)
_SHARE: Final = number(
    "share", "share", ("占比", "share"), ("到达 / 全部线索", "reached / all leads")
)
_PASSED: Final = number(
    "passed",
    "share",
    ("转化", "passed"),
    ("到达 / 到达上一阶段", "reached / reached the stage before"),
)
_DROPPED: Final = number(
    "dropped",
    "count",
    ("流失", "dropped"),
    ("到达上一阶段 - 到达本阶段", "reached the stage before, less those who reached this one"),
)
_STAY: Final = number(
    "stay",
    "duration",
    ("平均停留", "mean stay"),
    (
        "期间内结束的停留时长之和 / 次数",
        "time of the stays that ended in the period / their number",
    ),
)
_LONGEST: Final = number(
    "longest",
    "duration",
    ("最长停留", "longest stay"),
    ("其中最长的一次", "the longest of these stays"),
)
STUCK: Final = number(
    "stuck",
    "count",
    ("停滞", "stuck"),
    (
        "期间内创建、在该阶段停留超过 stuck_after 的线索",
        "leads made in the period that are in the stage for longer than stuck_after",
    ),
)

STUCK_NOW: Final = number(
    "stuck",
    "count",
    ("停滞", "stuck"),
    (
        "目前在所处阶段停留超过 stuck_after 的线索，不论何时创建",
        "leads, whenever they were made, that are in their stage for longer than stuck_after now",
    ),
)
PRESENT: Final = frozenset((_NOW.key, STUCK.key))


def build(context: Context) -> Report:
    """Return the report without its head."""
    reached, now, leads = counted(context)
    late = stuck(context)
    tables = [
        Table("stages", TITLE, _columns(context), [], None, "funnel"),
        stuck_table(context, NAMED),
    ]
    rows = [
        _row(context, stage, reached, now, leads, late.get(stage, 0))
        for stage in (*context.way, *context.ends)
    ]
    first = tables[0]
    tables[0] = Table(first.key, first.title, first.columns, rows, None, first.chart)
    return Report("stages", TITLE, "", {}, tables=tables)


def counted(context: Context) -> tuple[Counter[str], Counter[str], int]:
    """Return how many leads reached each stage, how many are there, and of how many."""
    reached: Counter[str] = Counter()
    now: Counter[str] = Counter()
    whole = 0
    for _, _, _, stage, entered, _, leads in context.figures.groups(*context.when):
        whole += leads
        now[stage] += leads
        for each in context.reached(stage, entered):
            reached[each] += leads
    if not context.by_creation:
        first = context.way[0]
        reached = Counter({first: whole})
        for stage, _, _, _, leads in context.figures.entries(*context.when):
            reached[stage] += leads if stage != first else 0
    return reached, now, whole


def _columns(context: Context) -> list[Column]:
    formula = (
        ("到过该阶段或其后阶段的线索", "leads that reached the stage or a later one")
        if context.by_creation
        else ("期间内首次进入该阶段的线索", "leads that entered the stage first in the period")
    )
    reached = number("reached", "count", ("到达", "reached"), formula)
    named = [text("stage", "阶段", "stage"), text("label", "名称", "label")]
    # By event they are different leads: more may come to a stage than to the one before.
    dropped = [_DROPPED] if context.by_creation else []
    return [*named, reached, _SHARE, _PASSED, *dropped, _NOW, _STAY, _LONGEST, STUCK]


def _row(
    context: Context,
    stage: str,
    reached: Counter[str],
    now: Counter[str],
    leads: int,
    late: int,
) -> Row:
    count = reached[stage]
    cells: dict[str, Value] = {"stage": stage, "label": context.labels[stage], "reached": count}
    cells |= {"now": now[stage], "stuck": late if stage in _watched(context) else None}
    stays, whole, longest = context.figures.stays(stage, *context.when)
    cells["stay"] = None if whole is None else whole // stays
    cells["longest"] = longest
    shares = {"share": (count, leads)}
    at = context.way.index(stage) if stage in context.way else 0
    if at:
        before = reached[context.way[at - 1]]
        shares["passed"] = count, before
        cells["dropped"] = before - count
    else:
        cells |= {"passed": None, "dropped": None}
    if not context.by_creation:
        del cells["dropped"]
    links = {
        "reached": context.reached_link(stage) if stage in context.way else _ended(context, stage),
        "now": context.question.link(stage=stage),
        "stuck": context.question.link(stage=stage, since_to=format_instant(_too_long(context))),
    }
    links |= dict.fromkeys(shares, links["reached"])
    links |= dict.fromkeys(("stay", "longest"), context.question.then(moved_from=stage))
    if at:
        came = context.reaching(context.way[at - 1])
        links["dropped"] = context.question.link(**came, short_of=context.onwards(stage))
    return line(cells, shares, links)


def _ended(context: Context, stage: str) -> str:
    return (
        context.question.link(stage=stage) if context.by_creation else context.entered_link(stage)
    )


def _watched(context: Context) -> list[str]:
    """Return the stages in which a lead can be stuck: all but the first and the final ones."""
    stages = context.definitions.lifecycle.stages
    return [stage.id for stage in stages[1:] if not stage.final]


def stuck(context: Context) -> dict[str, int]:
    """Return how many leads are stuck, by stage."""
    figures, before = context.figures, _too_long(context)
    return {stage: figures.stuck(stage, before, *context.when) for stage in _watched(context)}


def stuck_link(context: Context) -> str:
    """Return the query of the leads that are stuck in any stage."""
    watched = _watched(context)
    others = [s.id for s in context.definitions.lifecycle.stages if s.id not in watched]
    since = format_instant(_too_long(context))
    return context.question.link(without=others, since_to=since)


def _too_long(context: Context) -> int:
    """Return the instant before which a lead entered that is stuck."""
    return context.question.now - context.reporting.stuck_after


def stuck_table(context: Context, most: int) -> Table:
    """Return the leads that wait the longest, by name."""
    shown = context.figures.waiting(_watched(context), _too_long(context), most, *context.when)
    names = context.figures.names(lead for lead, _, _ in shown)
    waits = number(
        "waits",
        "duration",
        ("停留至今", "waits"),
        ("现在 - 进入该阶段的时间", "now - when it entered"),
        now=True,
    )
    columns = [
        *(Column("lead", Words("线索", "lead"), "lead"), text("name", "姓名", "name")),
        *(text("company", "公司", "company"), text("owner", "负责人", "owner")),
        *(text("stage", "阶段", "stage"), waits),
    ]
    rows = []
    for lead, stage, since in shown:
        name, company, owner, _ = names.get(lead, (None, None, None, None))
        who: dict[str, Value] = {"lead": lead, "name": name, "company": company, "owner": owner}
        waited = context.question.now - since
        rows.append(line({**who, "stage": context.labels[stage], "waits": waited}))
    title = Words("停滞线索", "Stuck leads")
    return Table("stuck", title, columns, rows)
