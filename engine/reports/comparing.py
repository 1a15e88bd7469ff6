"""Beside each figure that of the time before."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.reports.shape import Figure, Report, Row, Table, Value

_NAMING: Final = frozenset({"text", "lead"})
# What is about now, the same whatever the period: who is stuck in any stage, for how long, and
# how scores are spread.
_FIGURES_OF_NOW: Final = frozenset({"stuck"})
_COLUMNS_OF_NOW: Final = frozenset({"waits"})
_TABLES_OF_NOW: Final = frozenset({"scores"})


def compared(report: Report, before: Report) -> Report:
    """Return ``report`` with the figures of ``before`` beside its own."""
    values = {each.key: each.value for each in before.figures}
    tables = {table.key: table for table in before.tables}
    return replace(
        report,
        figures=[_figure(each, values.get(each.key)) for each in report.figures],
        tables=[_table(each, tables.get(each.key)) for each in report.tables],
    )


def _figure(figure: Figure, value: Value) -> Figure:
    return figure if figure.key in _FIGURES_OF_NOW else replace(figure, before=value)


def _table(table: Table, before: Table | None) -> Table:
    if before is None or table.key in _TABLES_OF_NOW:
        return table
    names = [column.key for column in table.columns if column.kind in _NAMING]
    kinds = {column.key: column.kind for column in table.columns}
    counted = [
        key for key, kind in kinds.items() if kind not in _NAMING and key not in _COLUMNS_OF_NOW
    ]

    def named(row: Row) -> tuple[Value, ...]:
        return tuple(row.cells.get(key) for key in names)

    known = {named(row): row for row in before.rows}

    def beside(row: Row, then: Row | None) -> Row:
        return replace(row, before={k: then.cells.get(k) for k in counted} if then else {})

    rows = [beside(row, known.get(named(row))) for row in table.rows]
    total = table.total and beside(table.total, before.total)
    return replace(table, rows=rows, total=total)
