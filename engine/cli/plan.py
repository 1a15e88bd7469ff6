"""``leadrules plan``: what will this edit do to the leads of today?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import (
    config_option,
    database,
    db_option,
    definitions_of,
    instant,
    now_option,
)
from engine.cli.comparing import against_option, show, shown_option, side_by_side

if TYPE_CHECKING:
    from engine.workbench.plan import Foreseen, Plan


@click.command("plan")
@against_option
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
@shown_option
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
        made = plan(*side_by_side("looking ahead", _foreseen, old, config, old, path, at, end))
    _print(made, format)
    return FINDINGS if exit_code and made.changes else DONE


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
    import msgspec

    from engine.workbench.comparing import of_plan, plan_head

    show(plan_head(made), of_plan(made), msgspec.to_builtins(made), format)
