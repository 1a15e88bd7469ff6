"""``leadrules import``: leads from a table into a running server, or into a database."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import config_option, definitions_of, err, server_options

if TYPE_CHECKING:
    from engine.cli.importing import Counts, Import, Rejected
    from engine.cli.table.events import Making
    from engine.cli.table.mapping import Mapped
    from engine.cli.table.sheet import Row, Sheet
    from engine.cli.targets import Target
    from engine.language.definitions import Definitions

AT_END: Final = "at-end"
NEXT_EVENT: Final = "next-event"


@click.command("import")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@server_options
@config_option
@click.option(
    "--db",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write into this database, which no server runs, instead of a server.",
)
@click.option(
    "--history/--live",
    default=True,
    show_default=True,
    help="History counts in scores and starts nothing; live leads are news.",
)
@click.option(
    "--judge",
    type=click.Choice([NEXT_EVENT, AT_END]),
    default=NEXT_EVENT,
    show_default=True,
    help="When history makes stages, journeys and owners: at a lead's next event, or at the end.",
)
@click.option("--mapping", type=click.Path(path_type=Path, dir_okay=False, exists=True),
              help="A YAML file that says what the columns mean.")  # fmt: skip
@click.option("--map", "maps", multiple=True, metavar="COLUMN=FIELD", help="What a column means.")
@click.option("--sheet", help="The sheet of a workbook; the first by default.")
@click.option("--encoding", help="Its encoding, where it is not found rightly.")
@click.option("--delimiter", help="What stands between cells, where it is not found rightly.")
@click.option(
    "--id-by",
    "ids",
    type=click.Choice(["content", "file"]),
    default="content",
    show_default=True,
    help="What makes a row the same event again: its cells, or its line in this very file.",
)
@click.option("--dry-run", is_flag=True, help="Check everything and store nothing.")
@click.option("--batch", default=200, show_default=True, type=click.IntRange(1, 1000))
def command(file: Path, config: Path, **options: Any) -> int:
    """Bring the leads in FILE in, a CSV or .xlsx whose first line names the columns.

    Columns are found by name, in English or Chinese (姓名 手机 邮箱 公司 职位 行业 ...). A
    file sent again brings in nothing twice, also when it was cut off. Rejected rows go to
    FILE.rejected.csv, each with its line and the reason.
    """
    from engine.cli.table.mapping import Mapped, read_mapping
    from engine.cli.table.sheet import Sheet

    definitions = definitions_of(config)
    given = options["mapping"]
    mapped = read_mapping(given, definitions.catalogue) if given else Mapped()
    delimiter = (options["delimiter"] or mapped.delimiter or "").replace("\\t", "\t")
    if len(delimiter) > 1:
        raise click.BadParameter("a delimiter is one character, such as ; or \\t")
    with Sheet(
        file,
        options["sheet"] or mapped.sheet,
        options["encoding"] or mapped.encoding,
        delimiter or None,
    ) as sheet:
        making = _making(sheet, definitions, mapped, options)
        _propose(making)
        target = _target(config, definitions, options)
        try:
            return _run(sheet, making, target, options)
        finally:
            target.close()


def _making(
    sheet: Sheet, definitions: Definitions, mapped: Mapped, options: dict[str, Any]
) -> Making:
    from zoneinfo import ZoneInfo

    from engine.cli.table.columns import Columns
    from engine.cli.table.columns import Target as Column
    from engine.cli.table.events import Making
    from engine.cli.table.mapping import told

    columns = Columns(definitions.catalogue, mapped.event)
    given = {**mapped.columns, **told(_pairs(options["maps"]), columns)}
    if mapped.skip_others:
        given = {heading: given.get(heading, Column("skip")) for heading in sheet.headings}
    return Making(
        file=sheet.path.name,
        digest=sheet.survey.digest,
        headings=sheet.headings,
        columns=columns.assign(sheet.headings, given),
        zone=ZoneInfo(mapped.zone or definitions.server.zone),
        history=options["history"],
        event=mapped.event,
        constants=mapped.constants,
        properties=mapped.properties,
        ids=options["ids"],
    )


def _pairs(maps: Sequence[str]) -> list[tuple[str, str]]:
    pairs = [text.partition("=") for text in maps]
    for column, equals, _ in pairs:
        if not equals:
            raise click.BadParameter(f"{column!r} has no =; write --map COLUMN=FIELD")
    return [(column.strip(), field.strip()) for column, _, field in pairs]


def _propose(making: Making) -> None:
    """Say on stderr what each column is taken for."""
    for heading in making.headings:
        click.echo(f"{heading} -> {making.columns[heading].shown}", err=True)
    for name, value in {**making.constants, **making.properties}.items():
        click.echo(f"every row -> {name}: {value}", err=True)


def _target(config: Path, definitions: Definitions, options: dict[str, Any]) -> Target:
    from engine.cli.client import Client
    from engine.cli.targets import DatabaseTarget, DryTarget, ServerTarget

    if options["dry_run"]:
        return DryTarget(definitions)
    if options["db"] is not None:
        return DatabaseTarget(config, options["db"])
    return ServerTarget(Client(options["url"], options["token"]))


def _run(sheet: Sheet, making: Making, target: Target, options: dict[str, Any]) -> int:
    from engine.cli.importing import Import, Leads, Rejected

    dry, batch = options["dry_run"], options["batch"]
    path = None if dry else sheet.path.with_name(f"{sheet.path.name}.rejected.csv")
    rejected = Rejected(path, making.headings)
    leads = Leads() if options["judge"] == AT_END and making.history and not dry else None
    work = Import(target, making, rejected, leads)
    try:
        _bring(work, sheet, batch)
        judged = work.judge(batch) if leads is not None else None
    finally:
        rejected.close()
        if leads is not None:
            leads.close()
    click.echo(_summary(work.counts, dry, judged))
    if not work.counts.rejected:
        return DONE
    _report(making.file, work.counts, rejected)
    return FINDINGS


def _bring(work: Import, sheet: Sheet, batch: int) -> None:
    """Take all rows, with a progress bar on stderr."""
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TimeRemainingColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    console = err()
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("import", total=None if sheet.is_workbook else sheet.survey.lines)
        for rows in _batches(sheet.rows(), batch):
            work.take(rows)
            progress.update(task, completed=rows[-1].line)


def _batches(rows: Iterator[Row], size: int) -> Iterator[list[Row]]:
    while some := list(islice(rows, size)):
        yield some


def _summary(counts: Counts, dry: bool, judged: int | None) -> str:
    did = "would be imported" if dry else "imported"
    parts = [f"{counts.accepted} leads {did}"]
    if not dry:
        parts.append(f"{counts.duplicate} were there already")
    if counts.quarantined:
        parts.append(f"{counts.quarantined} in quarantine")
    parts.append(f"{counts.rejected} rejected, of {counts.rows} rows")
    text = ", ".join(parts)
    return text if judged is None else f"{text}; {judged} leads judged"


def _report(file: str, counts: Counts, rejected: Rejected) -> None:
    for line, reason in rejected.first:
        click.echo(f"{file}:{line}: {reason}", err=True)
    if counts.rejected > len(rejected.first):
        click.echo(f"... and {counts.rejected - len(rejected.first)} more", err=True)
    if rejected.path is not None:
        click.echo(f"Rejected rows are in {rejected.path}", err=True)
