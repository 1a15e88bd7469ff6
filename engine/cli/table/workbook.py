"""Workbooks (.xlsx), read row by row."""

from __future__ import annotations

import datetime
import warnings
from collections.abc import Generator, Iterator
from pathlib import Path
from typing import Any, Final

from engine.cli.table.csvfile import Record
from engine.cli.table.problems import BadSheet
from engine.language.nearest import did_you_mean

_ERRORS: Final = frozenset({"#N/A", "#REF!", "#VALUE!", "#DIV/0!", "#NAME?", "#NUM!", "#NULL!"})


def is_workbook(path: Path) -> bool:
    """Whether a file is a workbook, whatever it is called; raises BadSheet for an old .xls."""
    with path.open("rb") as file:
        start = file.read(8)
    if start == b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1":
        raise BadSheet("this is an old .xls workbook, or one with a password; save it as .xlsx")
    return start.startswith(b"PK\x03\x04")


def records(path: Path, sheet: str | None) -> Generator[Record, None, None]:
    """Yield the rows of a sheet, by default the first, as text; raises BadSheet."""
    import openpyxl

    with warnings.catch_warnings(), path.open("rb") as file:
        warnings.simplefilter("ignore")  # about styles and validations, which nobody needs here
        book: Any = None
        try:
            book = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
            yield from _rows(book, sheet)
        except BadSheet:
            raise
        except Exception as error:  # a damaged file raises whatever its parsers happen to
            raise BadSheet(f"{path.name} cannot be read as a workbook: {error}") from error
        finally:
            if book is not None:
                book.close()


def _rows(book: Any, name: str | None) -> Iterator[Record]:
    if name is not None and name not in book.sheetnames:
        hint = did_you_mean(name, book.sheetnames)
        raise BadSheet(f'there is no sheet "{name}"; {hint}')
    page = book[name if name is not None else book.sheetnames[0]]
    page.reset_dimensions()  # some programs write wrong ones, and rows would be missing
    for number, row in enumerate(page.iter_rows(values_only=True), 1):
        yield Record(number, [_text(value) for value in row])


def _text(value: Any) -> str:
    """Return a cell as it would stand in a CSV."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() and abs(value) < 1e15 else repr(value)
    if isinstance(value, datetime.datetime):
        bare = value.time() == datetime.time()
        return value.date().isoformat() if bare else value.isoformat(" ", "seconds")
    text = str(value)
    return "" if text in _ERRORS else text
