"""``leadrules backup``: a copy of the database, also while a server writes to it."""

from __future__ import annotations

import json
from pathlib import Path

import click

from engine.cli.codes import DONE
from engine.cli.common import config_option, db_option, err, format_option, named_database, out


@click.command("backup")
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False))
@click.option("--force", is_flag=True, help="Replace FILE if it is there.")
@config_option
@db_option
@format_option("text", "json")
def command(file: Path, force: bool, config: Path, db: Path | None, format: str) -> int:
    """Copy the database to FILE as it is at this instant; a server may be running on it.

    The copy is checked before it gets its name. To restore, stop the server and put the
    copy in the database's place, without a -wal or -shm file beside it.
    """
    import msgspec
    from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

    from engine.language.instants import format_instant
    from engine.store.backup import backup

    source = named_database(config, db)
    console = err()
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        task = progress.add_task("backup", total=None)
        copied = backup(
            source,
            file,
            force,
            lambda done, total: progress.update(task, completed=done * 4096, total=total * 4096),
        )
    if format == "json":
        shown = msgspec.to_builtins(copied)
        shown["newest"] = None if copied.newest is None else format_instant(copied.newest)
        click.echo(json.dumps(shown, ensure_ascii=False))
        return DONE
    newest = "" if copied.newest is None else f", up to {format_instant(copied.newest)}"
    out().print(
        f"{copied.file}: {copied.leads} leads, {copied.events} events{newest}; "
        f"{copied.size / 1e6:.1f} MB in {copied.seconds:.1f} s, integrity checked"
    )
    return DONE
