"""``leadrules import``: leads from a spreadsheet into a running server."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import config_option, definitions_of, err, server_options

if TYPE_CHECKING:
    from engine.cli.client import Client
    from engine.cli.sheet import Row, Sheet
    from engine.language.definitions import Definitions

_BUSY: Final = frozenset({429, 503})
_PATIENCE: Final = (0.5, 1, 2, 4, 8)  # seconds between attempts while the server is busy
_SHOWN: Final = 10
Pair = tuple["Row", dict[str, Any]]
"""A row and the event that was made of it."""


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@server_options
@config_option
@click.option(
    "--history/--live",
    default=True,
    show_default=True,
    help="History counts in scores and starts nothing; live leads are news.",
)
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="What a column means.")
@click.option("--batch", default=200, show_default=True, type=click.IntRange(1, 1000))
def command(
    file: Path,
    url: str | None,
    token: str | None,
    config: Path,
    history: bool,
    maps: tuple[str, ...],
    batch: int,
) -> int:
    """Bring the leads in FILE, a CSV whose first line names the columns, into a running server.

    Columns are found by name, in English or Chinese (姓名 手机 邮箱 公司 职位 行业 ...). A
    file sent again brings in nothing twice. Rejected rows go to FILE.rejected.csv, each with its
    line and the reason.
    """
    from engine.cli.client import Client
    from engine.cli.sheet import read_sheet

    definitions = definitions_of(config)
    sheet = read_sheet(file.read_bytes(), definitions.catalogue, _mapping(maps))
    with Client(url, token) as client:
        intake = _Intake(client, sheet, definitions, file.name, history)
        _run(intake, batch)
    click.echo(
        f"{intake.accepted} leads imported, {intake.duplicates} were there already, "
        f"{len(intake.rejected)} rejected, of {len(sheet.rows)} rows"
    )
    if not intake.rejected:
        return DONE
    _report(intake, file.with_name(f"{file.name}.rejected.csv"))
    return FINDINGS


def _mapping(maps: Sequence[str]) -> dict[str, str]:
    pairs = [text.partition("=") for text in maps]
    for column, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"{column!r} has no =; write --map COLUMN=FIELD")
    return {column.strip(): field.strip() for column, _, field in pairs}


class _Intake:
    """An import under way: what was taken, what was there, what was rejected."""

    def __init__(
        self, client: Client, sheet: Sheet, definitions: Definitions, file: str, history: bool
    ) -> None:
        from zoneinfo import ZoneInfo

        self.client = client
        self.sheet = sheet
        self.file = file
        self.history = history
        self.zone = ZoneInfo(definitions.server.zone)
        self.accepted = 0
        self.duplicates = 0
        self.rejected: list[tuple[Row, str]] = []

    def take(self, rows: Sequence[Row]) -> None:
        """Send some rows, as often as it takes while the server is busy."""
        waiting = list(self._events(rows))
        for pause in (*_PATIENCE, None):
            waiting = self._send(waiting)
            if not waiting:
                return
            if pause is not None:
                time.sleep(pause)
        self.rejected += [(row, "the server is too busy") for row, _ in waiting]

    def _events(self, rows: Sequence[Row]) -> Iterator[Pair]:
        from engine.cli.sheet import BadCell, raw_event

        for row in rows:
            try:
                yield row, raw_event(row, self.sheet, self.file, self.zone, self.history)
            except BadCell as error:
                self.rejected.append((row, str(error)))

    def _send(self, pairs: list[Pair]) -> list[Pair]:
        """Post a batch; return what to send again."""
        from engine.cli.client import ServerRefused

        if not pairs:
            return []
        try:
            answer = self.client.post("/v1/events", [event for _, event in pairs])
        except ServerRefused as error:
            if error.status in _BUSY:
                return pairs
            if error.code != "no-event-accepted":
                raise
            return self._refused(pairs, {d["index"]: d for d in error.details})
        self.accepted += answer["accepted"]
        self.duplicates += answer["duplicates"]
        return self._refused(
            pairs, {i: r["error"] for i, r in enumerate(answer["results"]) if "error" in r}
        )

    def _refused(self, pairs: list[Pair], faults: Mapping[int, Any]) -> list[Pair]:
        """Note the rows that were rejected; return those that may be sent again."""
        again: list[Pair] = []
        for index, fault in faults.items():
            if fault["code"] == "overloaded":
                again.append(pairs[index])
            else:
                self.rejected.append((pairs[index][0], fault["message"]))
        return again


def _run(intake: _Intake, batch: int) -> None:
    """Send everything, with a progress bar on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    rows = intake.sheet.rows
    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = err()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("import", total=len(rows))
        for start in range(0, len(rows), batch):
            some = rows[start : start + batch]
            intake.take(some)
            progress.update(task, advance=len(some))


def _report(intake: _Intake, path: Path) -> None:
    from engine.cli.sheet import write_rejected

    intake.rejected.sort(key=lambda pair: pair[0].line)
    # With a byte order mark Excel reads it as UTF-8.
    path.write_text("".join(write_rejected(intake.sheet, intake.rejected)), "utf-8-sig", newline="")
    for row, reason in intake.rejected[:_SHOWN]:
        click.echo(f"{intake.file}:{row.line}: {reason}", err=True)
    if len(intake.rejected) > _SHOWN:
        click.echo(f"... and {len(intake.rejected) - _SHOWN} more", err=True)
    click.echo(f"Rejected rows are in {path}", err=True)
