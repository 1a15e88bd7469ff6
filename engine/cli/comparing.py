"""What `backtest` and `plan` share: options, both rules at the same time, and how it is shown."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from engine.cli.common import err
from engine.host.process import settle

if TYPE_CHECKING:
    from engine.workbench.comparing import Section

F = TypeVar("F", bound=Callable[..., Any])
T = TypeVar("T")


def against_option(function: F) -> F:
    """Add ``--against DIR|COMMIT``; `revisions.as_of` gives its folder."""
    return click.option(
        "--against",
        default="HEAD",
        show_default=True,
        metavar="DIR|COMMIT",
        help="The old rules: a folder, or a commit that has the folder in --config.",
    )(function)


def shown_option(function: F) -> F:
    """Add ``--format text|markdown|json``."""
    return click.option(
        "--format",
        "format",
        type=click.Choice(["text", "markdown", "json"]),
        default="text",
        help="How to print: text, markdown for a pull request, or json.",
    )(function)


def side_by_side(
    doing: str, function: Callable[..., T], old: Path, new: Path, *more: Any
) -> list[T]:
    """Return what a function of a folder gives for both, each in a process of its own.

    A fork has all that is loaded here, a spawned process loads it anew; only a process without
    other threads may be forked, so the status begins to turn after that.
    """
    how = "fork" if sys.platform == "linux" and threading.active_count() == 1 else "spawn"
    with ProcessPoolExecutor(2, get_context(how), settle) as pool:
        asked = [pool.submit(function, folder, *more) for folder in (old, new)]
        with err().status(f"{doing} by both rules"):
            return [each.result() for each in asked]


def show(head: Sequence[str], sections: Iterable[Section], told: Any, format: str) -> None:
    """Print sections for people, or what is ``told`` to programs."""
    from engine.workbench.comparing import markdown, text

    if format == "json":
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    for line in (markdown if format == "markdown" else text)(head, sections):
        click.echo(line)
