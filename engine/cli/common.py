"""What several verbs share: options, loading a folder, consoles."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

import click

from engine.errors import LeadrulesError

if TYPE_CHECKING:
    from rich.console import Console

    from engine.language.diagnostic import Diagnostic
    from engine.language.load import Loaded

F = TypeVar("F", bound=Callable[..., Any])

DEFAULT_CONFIG: Final = "config"


class NoSuchFolder(LeadrulesError):
    """The configuration folder is not there."""

    code = "no-such-folder"


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
    """Read a configuration folder, secrets from the environment; raises NoSuchFolder."""
    from engine.language.load import load_folder

    if not folder.is_dir():
        raise NoSuchFolder(
            f'there is no folder "{folder}"; name the one that holds scoring.yaml, '
            "or go to the folder above it"
        )
    return load_folder(folder, os.environ)


def out() -> Console:
    """Return the console for results: colour only on a terminal, never with NO_COLOR."""
    from rich.console import Console

    return Console(highlight=False, soft_wrap=not sys.stdout.isatty(), emoji=False, markup=False)


def err() -> Console:
    """Return the console for progress and notes."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False, markup=False)


def print_diagnostics(diagnostics: Sequence[Diagnostic], format: str, loaded: Loaded) -> None:
    """Print findings on stdout in ``format``."""
    from engine.workbench.rendering import render

    console = out()
    for line in render(diagnostics, format, loaded.sources):
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
