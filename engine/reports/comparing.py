"""Beside each figure that of the time before."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.reports.shape import Figure, Report, Row, Table, Value

_NAMING: Final = frozenset({"text", "lead"})


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
    return figure if figure.now else replace(figure, before=value)


def _table(table: Table, before: Table | None) -> Table:
    if before is None or table.now:
        return table
    names = [column.key for column in table.columns if column.kind in _NAMING]
    counted = [c.key for c in table.columns if c.kind not in _NAMING and not c.now]

    def named(row: Row) -> tuple[Value, ...]:
        return tuple(row.cells.get(key) for key in names)

    known = {named(row): row for row in before.rows}

    def beside(row: Row, then: Row | None) -> Row:
        return replace(row, before={k: then.cells.get(k) for k in counted} if then else {})

    rows = [beside(row, known.get(named(row))) for row in table.rows]
    total = table.total and beside(table.total, before.total)
    return replace(table, rows=rows, total=total)
