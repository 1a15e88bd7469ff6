"""``leadrules plan``: what will this edit do to the leads of today?"""

from __future__ import annotations

from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import (
    config_option,
    database,
    db_option,
    definitions_of,
    err,
    instant,
    now_option,
)

if TYPE_CHECKING:
    from engine.workbench.plan import Foreseen, Plan


@click.command("plan")
@click.option(
    "--against",
    default="HEAD",
    show_default=True,
    metavar="DIR|COMMIT",
    help="The rules of today: a folder, or a commit that has the folder in --config.",
)
@click.option(
    "--server",
    is_flag=True,
    help="Instead of --against: the rules that a server with this database loaded last.",
)
@click.option(
    "--until",
    default="30d",
    show_default=True,
    metavar="SPAN",
    help="How far to look ahead at what would be sent.",
)
@click.option("--exit-code", is_flag=True, help="Exit with 1 when anything changes.")
@now_option
@config_option
@db_option
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    help="How to print: text, markdown for a pull request, or json.",
)
def command(
    against: str,
    server: bool,
    exit_code: bool,
    config: Path,
    db: Path | None,
    format: str,
    **times: str | None,
) -> int:
    """Show what the rules in --config will do to the leads of today.

    Whose grade, stage or owner changes, whose step of a journey is gone, which deadlines move,
    and what will be sent meanwhile. Reads the database, also while a server runs on it; nothing
    is stored or sent.
    """
    from engine.cli.revisions import as_of, in_use
    from engine.language.instants import parse_duration
    from engine.workbench.plan import plan

    at = instant(times["now"])
    end = at + parse_duration(times["until"] or "")
    path = database(definitions_of(config), db)
    with in_use(path, config) if server else as_of(against, config) as old:
        definitions_of(old)  # what is wrong is said before anything is looked at
        made = plan(*_both(old, config, path, at, end))
    _print(made, format)
    return FINDINGS if exit_code and made.changes else DONE


def _both(old: Path, new: Path, path: Path, at: int, end: int) -> list[Foreseen]:
    """Look ahead by both at the same time, each in a process of its own."""
    with (
        err().status("looking ahead by both rules"),
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool,
    ):
        asked = [pool.submit(_foreseen, each, old, path, at, end) for each in (old, new)]
        return [each.result() for each in asked]


def _foreseen(config: Path, present: Path, path: Path, at: int, end: int) -> Foreseen:
    """Look ahead by the rules of one folder, as a server that has the ``present`` ones would."""
    from engine.host.compiling import inherited
    from engine.network.ruleset import Ruleset
    from engine.store.reading import Reader
    from engine.store.snapshots import states
    from engine.workbench.plan import foresee

    definitions = definitions_of(config)
    today = Ruleset(definitions_of(present)) if config != present else None
    reader = Reader(path)
    try:
        past = inherited(reader, definitions, today)
        ruleset = Ruleset(definitions, past.elders, past.winners)
        return foresee(ruleset, states(path), reader.teams(), at, end)
    finally:
        reader.close()


def _print(made: Plan, format: str) -> None:
    import json

    import msgspec

    from engine.workbench.comparing import markdown, of_plan, plan_head, text

    if format == "json":
        click.echo(json.dumps(msgspec.to_builtins(made), ensure_ascii=False))
        return
    for line in (markdown if format == "markdown" else text)(plan_head(made), of_plan(made)):
        click.echo(line)
