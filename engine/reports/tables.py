"""A report as CSV, for spreadsheets: each table under its title, no cell a formula."""

from __future__ import annotations

import csv
import io
import re
from typing import Final

from engine.reports.shape import Report, Row, Table, Value, Words

# What a spreadsheet would run, in either width, also behind blanks that nobody sees.
_FORMULA: Final = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\u2060-\u2064\ufeff]*[=+\-@＝＋－＠]")


def to_csv(report: Report, language: str = "zh") -> str:
    """Return all figures and tables; shares as fractions, durations in ms, as the API has them."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\r\n")
    for each in report.figures:
        writer.writerow([_said(each.label, language), _cell(each.value), _cell(each.before)])
    for table in report.tables:
        writer.writerow([])
        writer.writerow([_said(table.title, language)])
        writer.writerow([_said(column.label, language) for column in table.columns])
        for row in _rows(table):
            writer.writerow([_cell(row.text(column.key)) for column in table.columns])
    return "\ufeff" + text.getvalue()


def _rows(table: Table) -> list[Row]:
    return [*table.rows, *([] if table.total is None else [table.total])]


def _said(words: Words, language: str) -> str:
    return words.en if language == "en" else words.zh


def _cell(value: Value) -> Value:
    """Return a text that a spreadsheet leaves alone; numbers as they are."""
    if isinstance(value, str) and (_FORMULA.match(value) or value[:1] in ("\t", "\r", "\n")):
        return "'" + value
    return value
