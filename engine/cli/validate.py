"""``leadrules validate``: is everything written down right?"""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import (
    config_argument,
    format_option,
    instant,
    load,
    now_option,
    outdated,
    print_diagnostics,
)
from engine.workbench.rendering import FOR_PROGRAMS, FORMATS, summary


@click.command("validate")
@config_argument
@format_option(*FORMATS)
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="The mildest finding that makes the exit code 1.",
)
@now_option
def command(config: Path, format: str, fail_on: str, now: str | None) -> int:
    """Check the rules in the folder CONFIG: syntax, types, names, references, cycles.

    All mistakes are shown, each with its file, line and column and a way out.
    """
    loaded = outdated(load(config), instant(now))
    failing = {"error"} if fail_on == "error" else {"error", "warning"}
    print_diagnostics(loaded.diagnostics, format, loaded, failing)
    counted = summary(loaded.diagnostics, len(loaded.files), loaded.rules)
    click.echo(counted, err=format in FOR_PROGRAMS)
    return FINDINGS if any(d.severity in failing for d in loaded.diagnostics) else DONE
