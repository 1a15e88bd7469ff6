"""``leadrules schema``: JSON Schemas for editors."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import DEFAULT_CONFIG, NoSuchFolder

if TYPE_CHECKING:
    from engine.host.plugins import Plugins
    from engine.language.schemas.forms import Schema
    from engine.language.schemas.vocabulary import Vocabulary


@click.command("schema")
@click.option(
    "--config",
    "configs",
    multiple=True,
    default=[DEFAULT_CONFIG],
    show_default=True,
    type=click.Path(path_type=Path),
    help="The configuration folder; several that share their schemas by repeating it.",
)
@click.option(
    "--out",
    type=click.Path(path_type=Path, file_okay=False),
    help="The folder to write to; by default the one that the files' first lines name.",
)
@click.option("--check", is_flag=True, help="Write nothing; exit with 1 if a schema is not fresh.")
def command(configs: tuple[Path, ...], out: Path | None, check: bool) -> int:
    """Write the JSON Schemas by which editors complete and check the files of a configuration.

    They know its fields, events and other names: run it again when those change.
    """
    from engine.language.schemas.writing import expected_folder, texts

    files = texts(schemas_of(*configs))
    folder = out or expected_folder(configs[0])
    stale = [name for name, text in files.items() if _read(folder / name) != text]
    if check:
        for name in stale:
            click.echo(f"{folder / name} is not fresh; run `leadrules schema` without --check")
        return FINDINGS if stale else DONE
    folder.mkdir(parents=True, exist_ok=True)
    for name in stale:
        (folder / name).write_text(files[name], encoding="utf-8", newline="\n")
    click.echo(f"{len(files)} schemas in {folder}, {len(stale)} of them new")
    return DONE


def schemas_of(*configs: Path) -> dict[str, Schema]:
    """Return the schemas for one folder, or for several together, also with mistakes in them.

    Raises NoSuchFolder, PluginError, and Clash where the folders contradict each other.
    """
    import msgspec

    from engine.host.plugin_files import plugins_of
    from engine.language.schemas import specialised
    from engine.language.schemas.union import together
    from engine.language.schemas.vocabulary import ActionForms

    plugins = plugins_of(*configs)
    actions = {
        name: ActionForms(action.params_schema, action.connection_schema)
        for name, action in plugins.actions.items()
    }
    channels = {name: channel.config_schema for name, channel in plugins.channels.items()}
    whole = together(_vocabulary(config, plugins) for config in configs)
    return specialised(msgspec.structs.replace(whole, actions=actions, channels=channels))


def _vocabulary(config: Path, plugins: Plugins) -> Vocabulary:
    from engine.language.load import load_folder

    found = load_folder(config, os.environ, plugins.extensions, plugins.strategies).vocabulary
    if found is None:
        raise NoSuchFolder(f'there is no folder "{config}"; name the one that holds scoring.yaml')
    if found.scope.unread:
        kinds = ", ".join(f"{kind}.yaml" for kind in sorted(found.scope.unread))
        note = (
            f"{kinds} cannot be read, so its names are missing; see `leadrules validate {config}`"
        )
        click.echo(note, err=True)
    return found


def _read(file: Path) -> str | None:
    return file.read_text("utf-8") if file.is_file() else None
