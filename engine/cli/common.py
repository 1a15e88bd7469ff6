"""What several verbs share: options, loading a folder, consoles."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from engine.errors import LeadrulesError

if TYPE_CHECKING:
    from rich.console import Console

    from engine.host.plugins import Plugins
    from engine.language.definitions import Definitions
    from engine.language.diagnostic import Diagnostic
    from engine.language.load import Loaded

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_CONFIG: Final = "config"
DEFAULT_URL: Final = "http://127.0.0.1:8000"


class NoSuchFolder(LeadrulesError):
    """The configuration folder is not there."""

    code = "no-such-folder"


class RulesHaveErrors(LeadrulesError):
    """The configuration does not load."""

    code = "bad-rules"


class NoDatabase(LeadrulesError):
    """The database is not there."""

    code = "no-database"


def config_argument(function: F) -> F:
    """Add the argument CONFIG, the configuration folder."""
    return click.argument("config", default=DEFAULT_CONFIG, type=click.Path(path_type=Path))(
        function
    )


def config_option(function: F) -> F:
    """Add the option ``--config DIR`` for verbs whose argument is something else."""
    return click.option(
        "--config",
        default=DEFAULT_CONFIG,
        show_default=True,
        type=click.Path(path_type=Path),
        help="The configuration folder.",
    )(function)


def db_option(function: F) -> F:
    """Add the option ``--db FILE``."""
    return click.option(
        "--db",
        type=click.Path(path_type=Path, dir_okay=False),
        help="The database; by default the one in server.yaml.",
    )(function)


def server_options(function: F) -> F:
    """Add ``--url`` and ``--token``, which say where the server is and who asks."""
    function = click.option(
        "--token", envvar="LEADRULES_TOKEN", help="An API token [env: LEADRULES_TOKEN]."
    )(function)
    return click.option(
        "--url", envvar="LEADRULES_URL", help=f"The server [env: LEADRULES_URL; {DEFAULT_URL}]."
    )(function)


def language() -> str:
    """Return the language of whoever sits at the terminal, by LC_ALL, LC_MESSAGES or LANG."""
    told = (os.environ.get(name) for name in ("LC_ALL", "LC_MESSAGES", "LANG"))
    return "en" if next(filter(None, told), "").startswith("en") else "zh"


def named(id: str, label: str | None) -> str:
    """Return an id with what people call the thing behind it, where they gave it a label."""
    return f"{id} {label}" if label else id


def format_option(*formats: str) -> Callable[[F], F]:
    """Add ``--format``; on GitHub's runners the default is ``github`` where there is one."""

    def default() -> str:
        on_github = bool(os.environ.get("GITHUB_ACTIONS")) and "github" in formats
        return "github" if on_github else formats[0]

    return click.option(
        "--format",
        "format",
        type=click.Choice(formats),
        default=default,
        help=f"How to print: {', '.join(formats)}.",
    )


def load(folder: Path) -> Loaded:
    """Read a configuration folder and check it, its connections by their plugins too.

    Secrets come from the environment. Raises NoSuchFolder, PluginError.
    """
    from engine.host.plugin_files import plugins_of
    from engine.language.load import load_folder

    if not folder.is_dir():
        raise NoSuchFolder(
            f'there is no folder "{folder}"; name the one that holds scoring.yaml, '
            "or go to the folder above it"
        )
    plugins = plugins_of(folder)
    loaded = load_folder(folder, os.environ, plugins.extensions, plugins.strategies)
    if loaded.definitions is None:
        return loaded
    return _with_plugins(loaded, loaded.definitions, plugins)


def _with_plugins(loaded: Loaded, definitions: Definitions, plugins: Plugins) -> Loaded:
    """Add what plugins find wrong with their connections, and a network with the rules."""
    import msgspec

    from engine.host.network import check_network
    from engine.host.templates.check import check_templates

    found = [
        *plugins.check(definitions),
        *check_network(definitions),
        *check_templates(definitions, loaded.sources),
    ]
    failed = any(d.severity == "error" for d in found)
    return msgspec.structs.replace(
        loaded,
        definitions=None if failed else definitions,
        diagnostics=sorted([*loaded.diagnostics, *found], key=lambda d: d.source),
    )


def outdated(loaded: Loaded, now: int) -> Loaded:
    """Add the warnings that come with time, such as about a year without official holidays."""
    import msgspec

    from engine.language.lint.running import outdated as of

    if loaded.definitions is None:
        return loaded
    found = [*loaded.diagnostics, *of(loaded, loaded.definitions, now)]
    return msgspec.structs.replace(loaded, diagnostics=sorted(found, key=lambda d: d.source))


def now_option(function: F) -> F:
    """Add the option ``--now TIME``; ``instant`` reads it."""
    return click.option(
        "--now", metavar="TIME", help="The time to judge by, RFC 3339; by default now."
    )(function)


def instant(text: str | None) -> int:
    """Return the instant of RFC 3339 ``text``, the present one without; raises BadTime."""
    from engine.language.instants import parse_instant

    return int(time.time() * 1000) if text is None else parse_instant(text)


def definitions_of(folder: Path) -> Definitions:
    """Return a folder's definitions; raises RulesHaveErrors."""
    loaded = load(folder)
    if loaded.definitions is None:
        errors = sum(d.severity == "error" for d in loaded.diagnostics)
        raise RulesHaveErrors(
            f'the rules in "{folder}" have {errors} errors; '
            f"`leadrules validate {folder}` shows them"
        )
    return loaded.definitions


def database(definitions: Definitions, given: Path | None) -> Path:
    """Return the database to read: the one given, else the configuration's; it must exist."""
    path = given or Path(definitions.server.database)
    if not path.is_file():
        raise NoDatabase(f'there is no database "{path}"; name it with --db FILE, or run `serve`')
    return path


def named_database(folder: Path, given: Path | None) -> Path:
    """Return the database given, which needs no rules, else that of the configuration ``folder``.

    Raises NoDatabase where it is not there, RulesHaveErrors.
    """
    if given is None:
        return database(definitions_of(folder), None)
    if not given.is_file():
        raise NoDatabase(f'there is no database "{given}"; name it with --db FILE')
    return given


def out() -> Console:
    """Return the console for results: colour only on a terminal, never with NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False)


def err() -> Console:
    """Return the console for progress and notes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def print_diagnostics(
    diagnostics: Sequence[Diagnostic],
    format: str,
    loaded: Loaded,
    failing: Collection[str] = ("error",),
) -> None:
    """Print findings on stdout in ``format``; JUnit calls severities ``failing`` failures."""
    from engine.workbench.rendering import render

    console = out()
    for line in render(diagnostics, format, loaded.sources, failing):
        if format == "text":
            console.print(line, style=_style(line), soft_wrap=True)
        else:
            click.echo(line)


def _style(line: str) -> str | None:
    if ": error[" in line:
        return "bold red"
    if ": warning[" in line:
        return "yellow"
    return "cyan" if line.lstrip().startswith("= ") else None
