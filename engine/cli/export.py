"""``leadrules export``: leads, events and all else, for spreadsheets and other programs."""

from __future__ import annotations

import csv
import json
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, TextIO

import click

from engine.cli.codes import DONE
from engine.cli.common import config_option, database, db_option, definitions_of, err

# Named here too, so that --help needs no database library; a test compares.
KINDS: Final = (
    *("leads", "events", "ledger", "transitions", "assignments", "journeys"),
    *("tasks", "deliveries", "enrolments", "splits", "clocks", "forgotten"),
)
_SAMPLE: Final = 1_000
# A spreadsheet takes such a cell for a formula, and strangers fill these cells.
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r")
_NUMBER: Final = re.compile(r"[+-][0-9.]+")


@click.command("export")
@click.argument("what", type=click.Choice(KINDS))
@click.option("--out", "target", type=click.Path(path_type=Path, dir_okay=False), help="The file.")
@click.option("--format", "format", type=click.Choice(["ndjson", "csv"]), help="ndjson or csv.")
@click.option("--since", metavar="TIME", help="From this instant on.")
@click.option("--until", metavar="TIME", help="Up to this instant, without it.")
@click.option("--lead", metavar="LEAD", help="Of one lead, by id, e-mail or phone.")
@click.option("--where", multiple=True, metavar="NAME=VALUE", help="Such as grade=A; all must fit.")
@config_option
@db_option
def command(
    what: str,
    target: Path | None,
    where: tuple[str, ...],
    config: Path,
    db: Path | None,
    **given: str | None,
) -> int:
    """Write WHAT to stdout or --out, one row at a time, also while a server is running.

    Events come in the order of their deciding, as `backtest` reads them.
    """
    from engine.network.ruleset import Ruleset
    from engine.store.exporting import Filter, export

    ruleset = Ruleset(definitions_of(config))
    path = database(ruleset.definitions, db)
    wanted = Filter(
        since=_instant(given["since"]),
        until=_instant(given["until"]),
        lead=_lead(path, given["lead"]),
        equal=_equal(where),
    )
    format = given["format"] or (
        "csv" if target is not None and target.suffix == ".csv" else "ndjson"
    )
    items = export(path, what, wanted, ruleset.default_model)
    try:
        with _opened(target, format) as file:
            count = _write_csv(items, file) if format == "csv" else _write_ndjson(items, file)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--where") from error
    err().print(f"{count} {what}")
    return DONE


def _instant(text: str | None) -> int | None:
    from engine.language.instants import parse_instant

    return None if text is None else parse_instant(text)


def _lead(path: Path, named: str | None) -> str | None:
    from engine.errors import NotFound
    from engine.store.reading import Reader

    if named is None:
        return None
    reader = Reader(path)
    try:
        found = reader.find(named)
    finally:
        reader.close()
    if found is None:
        raise NotFound(f'no lead in "{path}" is called {named!r}; give its id, e-mail or phone')
    return found


def _equal(where: tuple[str, ...]) -> dict[str, str]:
    pairs = [text.partition("=") for text in where]
    for name, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"{name!r} has no =; write --where NAME=VALUE")
    return {name.strip(): value.strip() for name, _, value in pairs}


@contextmanager
def _opened(target: Path | None, format: str) -> Iterator[TextIO]:
    """Open the file, which gets its name when it is whole; with a mark Excel sees UTF-8."""
    encoding = "utf-8-sig" if format == "csv" else "utf-8"
    if target is None:
        yield sys.stdout
        return
    part = target.with_name(f"{target.name}.part")
    try:
        with part.open("w", encoding=encoding, newline="") as file:
            yield file
        part.replace(target)
    except BaseException:
        part.unlink(missing_ok=True)
        raise


def _write_ndjson(items: Iterable[dict[str, Any]], file: TextIO) -> int:
    count = 0
    for count, item in enumerate(_watched(items), 1):  # noqa: B007 - counted
        file.write(json.dumps(item, ensure_ascii=False, separators=(",", ":")) + "\n")
    return count


def _write_csv(items: Iterable[dict[str, Any]], file: TextIO) -> int:
    """Write flat rows; columns are those of the first thousand, the rest goes in `more`."""
    watched = (_flat(item) for item in _watched(items))
    first = [row for row, _ in zip(watched, range(_SAMPLE), strict=False)]
    columns = list(dict.fromkeys(name for row in first for name in row))
    count = len(first)
    if not columns:
        return 0
    writer = csv.writer(file)
    writer.writerow([*columns, "more"])
    for row in first:
        writer.writerow(_cells(row, columns))
    for row in watched:
        writer.writerow(_cells(row, columns))
        count += 1
    return count


def _flat(item: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    found: dict[str, Any] = {}
    for name, value in item.items():
        if isinstance(value, dict):
            found |= _flat(value, f"{prefix}{name}.")
        else:
            found[f"{prefix}{name}"] = value
    return found


def _cells(row: dict[str, Any], columns: list[str]) -> list[str]:
    more = {name: value for name, value in row.items() if name not in columns}
    cells = [_cell(row.get(name)) for name in columns]
    return [*cells, json.dumps(more, ensure_ascii=False) if more else ""]


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, list):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, str) and value.startswith(_FORMULA) and not _NUMBER.fullmatch(value):
        return f"'{value}"
    return str(value)


def _watched(items: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    """Yield with a count of rows on a terminal."""
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

    console = err()
    columns = (SpinnerColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(
        *columns, console=console, disable=not console.is_terminal, transient=True
    ) as progress:
        task = progress.add_task("export", total=None)
        for item in items:
            progress.update(task, advance=1)
            yield item
