"""``leadrules new``: a plugin to begin with."""

from __future__ import annotations

from pathlib import Path

import click

from engine.cli.codes import DONE


@click.command("new")
@click.argument("kind", type=click.Choice(["channel", "action"]))
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to make; by default leadrules-NAME.",
)
def command(kind: str, name: str, out: Path | None) -> int:
    """Write a new plugin: KIND is channel or action, NAME what server.yaml will call it.

    It is a package of its own that can be installed, with tests that pass.
    """
    from engine.workbench.scaffolding import files_of, write_new

    files = files_of(kind, name)
    folder = out or Path(f"leadrules-{name.replace('_', '-')}")
    write_new(folder, files)
    for file in sorted(files):
        click.echo(folder / file)
    click.echo(f"next: pip install -e {folder} && python -m pytest {folder}", err=True)
    return DONE
