"""``leadrules serve``: run it."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import (
    config_option,
    db_option,
    instant,
    load,
    outdated,
    print_diagnostics,
)
from engine.workbench.rendering import summary

if TYPE_CHECKING:
    from engine.language.load import Loaded


@click.command("serve")
@config_option
@db_option
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen at.")
@click.option(
    "--port", default=8000, show_default=True, type=click.IntRange(0, 65535), help="0: any free."
)
@click.option(
    "--clock",
    type=click.Choice(["system", "stream"]),
    help="stream: the newest event says what time it is, until that is now.",
)
@click.option("--watch", is_flag=True, help="Reload the rules when their files change.")
def command(
    config: Path, db: Path | None, host: str, port: int, clock: str | None, watch: bool
) -> int:
    """Run the rules in --config on one database: API, channels, timers, delivery, console.

    SIGTERM and Ctrl-C finish what has begun; SIGHUP reloads the rules. Rules with errors are
    refused, with the findings that `validate` shows.
    """
    from engine.reports.index import REPORTS
    from engine.server.run import serve

    loaded = load(config)
    if loaded.definitions is None:
        print_diagnostics(loaded.diagnostics, "text", loaded)
        click.echo(summary(loaded.diagnostics, len(loaded.files), loaded.rules))
        return FINDINGS
    _warn(outdated(loaded, instant(None)))
    found = serve(config, host, port, database=db, clock=clock, reports=REPORTS, watch=watch)
    # The rules may have changed since they were looked at a moment ago.
    errors = [d for d in found if d.severity == "error"]
    print_diagnostics(errors, "text", loaded)
    return FINDINGS if errors else DONE


def _warn(loaded: Loaded) -> None:
    """Show what should be looked at, now or soon; the server starts all the same."""
    print_diagnostics(loaded.diagnostics, "text", loaded)
    sys.stdout.flush()
