"""A report as CSV, for spreadsheets: each table under its title, no cell a formula."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

from engine.language.instants import HOUR
from engine.reports.shape import Column, Figure, Report, Row, Table, Value, Words
from engine.reports.wording import said

_TOTAL: Final = Words("合计", "total")
_HOURS: Final = Words("小时", "hours")

# What a spreadsheet would run, in either width, also behind blanks that nobody sees.
_FORMULA: Final = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*[=+\-@＝＋－＠]")


def to_csv(report: Report, language: str = "zh") -> str:
    """Return all figures and tables; shares as fractions, durations in hours."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for each in report.figures:
        values = (_cell(value, each.kind) for value in (each.value, each.before))
        writer.writerow([_headed(each, language), *values])
    for table in report.tables:
        writer.writerow([])
        writer.writerow([said(table.title, language)])
        writer.writerow([_headed(column, language) for column in table.columns])
        for row in table.rows:
            writer.writerow(_line(table, row))
        if table.total is not None:
            writer.writerow([said(_TOTAL, language), *_line(table, table.total)[1:]])
    return "\ufeff" + text.getvalue()


def _headed(of: Column | Figure, language: str) -> str:
    """Return what it is called, with the unit where a bare number would not tell."""
    label = said(of.label, language)
    return f"{label} ({said(_HOURS, language)})" if of.kind == "duration" else label


def _line(table: Table, row: Row) -> list[Value]:
    return [_cell(row.text(column.key), column.kind) for column in table.columns]


def _cell(value: Value, kind: str) -> Value:
    """Return a text that a spreadsheet leaves alone; numbers as they are, durations in hours."""
    if kind == "duration" and isinstance(value, int | float):
        return round(value / HOUR, 2)
    if isinstance(value, str) and (_FORMULA.match(value) or value[:1] in ("\t", "\r", "\n")):
        return "'" + value
    return value
