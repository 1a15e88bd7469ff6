"""Why leads were lost (输单原因), and from which stage."""

from __future__ import annotations

from collections import Counter
from typing import Final

from engine.reports.context import Context, figure, line, number, text
from engine.reports.shape import Report, Row, Table, Value, Words

TITLE: Final = Words("输单原因", "Loss reasons")
LOST: Final = number(
    "lost", "count", ("输单", "lost"), ("进入输单阶段的次数", "entries into the lost stage")
)
_SHARE: Final = number("share", "share", ("占比", "share"), ("该原因 / 全部输单", "of all losses"))
_FROM: Final = Words("从哪个阶段输掉", "From which stage")


def build(context: Context) -> Report:
    """Return the report without its head."""
    found = counted(context)
    reasons: Counter[str] = Counter()
    stages: Counter[str | None] = Counter()
    for (stage, reason), times in found.items():
        reasons[reason] += times
        stages[stage] += times
    whole = sum(reasons.values())
    by_reason = [
        _line(context, {"reason": reason or None}, times, whole, because=reason)
        for reason, times in sorted(reasons.items(), key=lambda each: (-each[1], each[0]))
    ]
    by_stage = [
        _line(context, {"stage": stage}, times, whole, moved_from=stage or "")
        for stage, times in sorted(stages.items(), key=lambda each: (-each[1], str(each[0])))
    ]
    columns = [LOST, _SHARE]
    tables = [
        Table(
            "reasons", TITLE, [text("reason", "原因", "reason"), *columns], by_reason, None, "bar"
        ),
        Table("stages", _FROM, [text("stage", "阶段", "stage"), *columns], by_stage, None, "bar"),
    ]
    return Report("losses", TITLE, "", {}, [figure(LOST, whole, link(context))], tables)


def link(context: Context, **more: str) -> str | None:
    """Return the query of the leads that were lost, None where there is no such stage."""
    stage = context.reporting.milestones.get("lost")
    if stage is None:
        return None
    question = context.question
    ask = question.link if context.by_creation else question.then
    return ask(moved_to=stage, **more)


def _line(context: Context, named: dict[str, Value], times: int, whole: int, **more: str) -> Row:
    behind = link(context, **more)
    links = {} if behind is None else {"lost": behind, "share": behind}
    return line({**named, "lost": times}, {"share": (times, whole)}, links)


def counted(context: Context) -> dict[tuple[str | None, str], int]:
    """Return how often leads were lost, by (stage before, reason)."""
    stage = context.reporting.milestones.get("lost")
    if stage is None:
        return {}
    found = context.figures.reasons(stage, context.by_creation, *context.when)
    return {(before, reason): times for before, reason, times in found}
