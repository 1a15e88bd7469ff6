"""The weekly review (周度转化复盘): what sales and marketing look at together, on one page."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.reports import cycle, goals, losses, people, sources, stages
from engine.reports.context import Context, figure
from engine.reports.shape import Report, Table, Words

TITLE: Final = Words("周度转化复盘报告", "Weekly review")
_UNCONVERTED: Final = Words("未转化原因", "Why leads were not converted")


def build(context: Context) -> Report:
    """Return the report without its head: what happened in the period, usually the last week."""
    event = context.asking(replace(context.question, cohort="event"))
    by_source = sources.build(event)
    ever = context.asking(replace(context.question, since=None, until=None))
    cycles = [win.cycle for win in cycle.won(event) if win.cycle is not None]
    figures = [
        *by_source.figures,
        figure(
            *(cycle.CYCLE, sum(cycles) // len(cycles) if cycles else None),
            cycle.counted_link(event),
        ),
        figure(losses.LOST, sum(losses.counted(event).values()), losses.link(event)),
        figure(
            *(stages.STUCK_NOW, sum(stages.stuck(ever).values()), stages.stuck_link(ever)), now=True
        ),
    ]
    reasons = losses.build(event).tables[0]
    tables: list[Table] = [
        by_source.tables[0],
        replace(reasons, title=_UNCONVERTED),
        _funnel(stages.build(event).tables[0]),
        people.build(event).tables[0],
        stages.stuck_table(ever, 20),
    ]
    if context.question.owners is None and context.reporting.goals:
        tables.append(goals.build(context).tables[0])
    return Report("weekly", TITLE, "", {}, figures, tables, by_source.series, by_source.notes)


def _funnel(table: Table) -> Table:
    """Return the stages without where the leads of the week are now: the figure counts all."""
    rows = [
        replace(row, cells={k: v for k, v in row.cells.items() if k not in stages.PRESENT})
        for row in table.rows
    ]
    columns = [each for each in table.columns if each.key not in stages.PRESENT]
    return replace(table, key="funnel", columns=columns, rows=rows)
