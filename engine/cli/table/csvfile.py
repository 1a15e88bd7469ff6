"""CSV as it is out there: stray quotes, quotes never closed, rows too long and too short.

Every line of the file ends up in a row or in a row's fault; a quote that is never closed costs
its own line, not the rest of the file.
"""

from __future__ import annotations

import csv
import re
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Final

import msgspec

DELIMITERS: Final = (",", ";", "\t", "|")
MAX_SPAN: Final = 50  # lines that one quoted cell may go on for
_SEP: Final = re.compile(r'^"?sep=(.)"?$', re.IGNORECASE)
_SAMPLE: Final = 20


class Record(msgspec.Struct, frozen=True):
    """A row: the line it begins on (from 1), its cells, and what is wrong with it as a whole."""

    line: int
    cells: list[str]
    fault: str | None = None


class Lines:
    """Lines with their numbers, some of which can be given back."""

    def __init__(self, lines: Iterable[str]) -> None:
        self._lines = iter(lines)
        self._back: deque[str] = deque()
        self.number = 0

    def next(self) -> str | None:
        """Return the next line with its end, None after the last."""
        line = self._back.popleft() if self._back else next(self._lines, None)
        if line is not None:
            self.number += 1
        return line

    def give_back(self, lines: list[str]) -> None:
        """Take lines back, to be given out again."""
        self._back.extendleft(reversed(lines))
        self.number -= len(lines)


def sniffed(lines: Lines) -> str:
    """Return the delimiter: what ``sep=`` says, else what makes most of the first lines."""
    taken: list[str] = []
    while len(taken) < _SAMPLE and (line := lines.next()) is not None:
        taken.append(line)
    told = _SEP.match(taken[0].strip("\ufeff\r\n")) if taken else None
    if told is not None:
        lines.give_back(taken[1:])
        return told[1]
    lines.give_back(taken)
    head = next((line for line in taken if line.strip()), "")
    return max(DELIMITERS, key=lambda d: (len(_loose(head, d)), sum(d in line for line in taken)))


def records(lines: Lines, delimiter: str, width: int | None = None) -> Iterator[Record]:
    """Yield every row; one that is quoted wrongly has ``width`` cells, or a fault."""
    while (line := lines.next()) is not None:
        yield _record(line, lines, delimiter, width)


def _record(line: str, lines: Lines, delimiter: str, width: int | None) -> Record:
    number = lines.number
    if '"' not in line:
        return Record(number, line.rstrip("\r\n").split(delimiter))
    more: list[str] = []
    try:
        cells = next(csv.reader(_fed(line, lines, more), delimiter=delimiter, strict=True))
    except csv.Error:
        cells = []
    if cells and not (more and width is not None and len(cells) != width):
        return Record(number, cells)
    lines.give_back(more)
    return _mended(number, line, delimiter, width)


def _fed(line: str, lines: Lines, more: list[str]) -> Iterator[str]:
    yield line
    while len(more) < MAX_SPAN and (following := lines.next()) is not None:
        more.append(following)
        yield following


def _mended(number: int, line: str, delimiter: str, width: int | None) -> Record:
    """Read one line whose quotes do not add up: right when it has as many cells as the others."""
    text = line.rstrip("\r\n")
    loose = _loose(text, delimiter)
    if width is None or len(loose) == width:
        return Record(number, loose)
    plain = [_unquoted(cell) for cell in text.split(delimiter)]
    if len(plain) == width:
        return Record(number, plain)
    fault = "a quotation mark is not closed, or stands in the wrong place"
    return Record(number, plain, fault)


def _loose(text: str, delimiter: str) -> list[str]:
    try:
        return next(csv.reader([text], delimiter=delimiter), [])
    except csv.Error:  # a cell too long to be one
        return [_unquoted(cell) for cell in text.split(delimiter)]


def _unquoted(cell: str) -> str:
    return cell.strip().strip('"').replace('""', '"')
