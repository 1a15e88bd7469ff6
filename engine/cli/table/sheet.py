"""A table, streamed: its headings, and its rows one after another; memory does not grow."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path

import msgspec

from engine.cli.table import csvfile, workbook
from engine.cli.table.csvfile import Lines, Record
from engine.cli.table.encoding import UNREADABLE, Survey, survey
from engine.cli.table.problems import BadSheet


class Row(msgspec.Struct, frozen=True):
    """A row: its line, its cells in the order of the headings, and why it is no row, if so."""

    line: int
    cells: tuple[str, ...]
    fault: str | None = None


class Sheet:
    """A table of leads in a file. Use as a context manager; rows can be read once.

    ``page`` is the sheet of a workbook; ``encoding`` and ``delimiter`` are found when not
    given. Raises BadSheet when there are no headings.
    """

    def __init__(
        self,
        path: Path,
        page: str | None = None,
        encoding: str | None = None,
        delimiter: str | None = None,
    ) -> None:
        self._closing = ExitStack()
        self.path = path
        self.is_workbook = workbook.is_workbook(path)
        self.survey: Survey = survey(path, "utf-8" if self.is_workbook else encoding)
        self.delimiter = delimiter
        try:
            self.headings, self._rest = self._workbook(page) if self.is_workbook else self._csv()
        except BaseException:
            self._closing.close()
            raise

    def __enter__(self) -> Sheet:
        return self

    def __exit__(self, *error: object) -> None:
        self._closing.close()

    def _workbook(self, page: str | None) -> tuple[tuple[str, ...], Iterator[Record]]:
        rows = workbook.records(self.path, page)
        self._closing.callback(rows.close)
        head = _head(rows)
        return head, rows

    def _csv(self) -> tuple[tuple[str, ...], Iterator[Record]]:
        file = self.path.open(encoding=self.survey.encoding, errors="replace", newline="")
        lines = Lines(self._closing.enter_context(file))
        if self.delimiter is None:
            self.delimiter = csvfile.sniffed(lines)
        head = _head(csvfile.records(lines, self.delimiter))
        return head, csvfile.records(lines, self.delimiter, len(head))

    def rows(self) -> Iterator[Row]:
        """Yield the rows that have anything in them."""
        width = len(self.headings)
        for record in self._rest:
            if any(cell.strip() for cell in record.cells) or record.fault:
                yield _row(record, width)


def _head(records: Iterator[Record]) -> tuple[str, ...]:
    first = next((r for r in records if any(cell.strip() for cell in r.cells)), None)
    if first is None:
        raise BadSheet("the file is empty; the first line names the columns, such as 姓名,手机")
    cells = [" ".join(cell.replace("\ufeff", "").split()) for cell in first.cells]
    while not cells[-1]:  # a table often ends in empty columns
        cells.pop()
    return _distinct(cells)


def _distinct(headings: Sequence[str]) -> tuple[str, ...]:
    """Number headings that stand twice, and name those that say nothing."""
    found: list[str] = []
    for position, heading in enumerate(headings, 1):
        name = heading or f"column {position}"
        names = itertools.chain([name], (f"{name} ({n})" for n in itertools.count(2)))
        found.append(next(each for each in names if each not in found))
    return tuple(found)


def _row(record: Record, width: int) -> Row:
    cells, fault = record.cells, record.fault
    if len(cells) < width:
        cells = [*cells, *[""] * (width - len(cells))]
    elif any(cell.strip() for cell in cells[width:]) and fault is None:
        fault = f"{len(cells)} cells, and the first line names {width} columns"
    if fault is None and any(UNREADABLE in cell for cell in cells):
        fault = "some of its bytes are no text in the file's encoding"
    return Row(record.line, tuple(cells[:width]), fault)
