"""``leadrules init``: a configuration to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path

import click

from engine.cli.codes import DONE
from engine.errors import LeadrulesError


class NoFolderOfItsOwn(LeadrulesError):
    """The schemas and the workflow would come to lie outside the folder where one stands."""

    code = "no-folder-of-its-own"


@click.command("init")
@click.argument("dir", type=click.Path(path_type=Path))
def command(dir: Path) -> int:  # noqa: A002 - the argument's name in --help and in the docs
    """Write a new configuration into the folder DIR, which must be new or empty.

    Commented rules with their tests; beside DIR the schemas for editors, a workflow for GitHub
    and hooks for pre-commit, where there are none yet.
    """
    from engine.cli.schema import schemas_of
    from engine.language.schemas.writing import texts
    from engine.workbench.scaffolding import write_new
    from engine.workbench.starting import configuration_files, repository_files, write_missing

    folder = dir.resolve()
    if folder == Path.cwd() or folder in Path.cwd().parents:
        raise NoFolderOfItsOwn(
            f'"{dir}" is the folder you are in or above it; name one below it, such as "config"'
        )
    files = configuration_files()
    write_new(folder, files)
    schemas = {f"schemas/{name}": text for name, text in texts(schemas_of(folder)).items()}
    beside = {**schemas, **repository_files(folder.name)}
    kept = write_missing(folder.parent, beside)
    written = [dir / name for name in files]
    written += [dir.parent / name for name in beside if folder.parent / name not in kept]
    for file in written:
        click.echo(file)
    _say_what_is_next(dir, kept)
    return DONE


def _say_what_is_next(config: Path, kept: list[Path]) -> None:
    """Name on stderr what was there already, and the verbs that come next."""
    for file in kept:
        click.echo(f"{file} is there already and stays as it is", err=True)
    name = shlex.quote(str(config))
    click.echo(f"next: leadrules validate {name} && leadrules test {name}", err=True)
