"""``leadrules backtest``: what would these rules have done in the past?"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.codes import CANNOT, DONE, FINDINGS
from engine.cli.common import config_option, definitions_of, load, print_diagnostics
from engine.cli.comparing import against_option, show, shown_option, side_by_side

if TYPE_CHECKING:
    from engine.network.ruleset import Ruleset
    from engine.workbench.backtest import Backtest, Played
    from engine.workbench.expected_changes import Failure, Limit

_STDIN = Path("-")


@click.command("backtest")
@click.option(
    "--events",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False, allow_dash=True),
    help="The past: a database, or what `leadrules export events` wrote; - is stdin.",
)
@against_option
@click.option(
    "--expect",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A YAML file of limits for what may change; one that does not hold makes the exit code 1.",
)
@config_option
@shown_option
def command(events: Path, against: str, expect: Path | None, config: Path, format: str) -> int:
    """Play the past by old and new rules, and show what differs.

    How often each rule fired, who would have another grade, stage or owner, and what would have
    been sent. Only what came in is played; the engine's own part is done anew by each. Nothing
    is stored or sent.
    """
    from engine.cli.revisions import as_of
    from engine.workbench.backtest import compare
    from engine.workbench.expected_changes import failures

    with as_of(against, config) as old, _spooled(events) as history:
        rulesets = [_ruleset(folder) for folder in (old, config)]
        limits = [] if expect is None else _limits(expect, rulesets, config)
        if limits is None:
            return CANNOT
        made = compare(*play_both(old, config, history))
    failed = failures(limits, made)
    _print(made, failed, len(limits), format)
    return FINDINGS if failed else DONE


def _limits(expect: Path, rulesets: list[Ruleset], config: Path) -> list[Limit] | None:
    """Return what is expected, None after saying what is wrong with it."""
    from engine.language.diagnostic import Diagnostics
    from engine.workbench.expected_changes import read_limits

    found, raw = Diagnostics(), expect.read_bytes()
    limits = read_limits(raw, str(expect), rulesets, found)
    if not found.has_errors:
        return limits
    loaded = load(config)
    loaded.sources[str(expect)] = raw.decode("utf-8", "replace").splitlines()
    print_diagnostics(found.sorted(), "text", loaded)
    return None


@contextmanager
def _spooled(events: Path) -> Iterator[Path]:
    """Give a file that both can read."""
    if events != _STDIN:
        yield events
        return
    with tempfile.NamedTemporaryFile(prefix="leadrules-", suffix=".ndjson") as file:
        shutil.copyfileobj(sys.stdin.buffer, file)
        file.flush()
        yield Path(file.name)


def play_both(old: Path, new: Path, history: Path) -> list[Played]:
    """Play the past by both rules at the same time."""
    return side_by_side("playing the past", _played, old, new, history)


def _played(config: Path, history: Path) -> Played:
    from engine.workbench.backtest import play
    from engine.workbench.history import history as past

    return play(_ruleset(config), past(history))


def _ruleset(config: Path) -> Ruleset:
    from engine.network.ruleset import Ruleset

    return Ruleset(definitions_of(config))


def _print(made: Backtest, failed: list[Failure], limits: int, format: str) -> None:
    import msgspec

    from engine.workbench.comparing import backtest_head, of_backtest

    told: dict[str, Any] = msgspec.to_builtins(made)
    told["expected"] = {"limits": limits, "failed": [_told(each) for each in failed]}
    show(backtest_head(made), of_backtest(made, failed, limits), told, format)


def _told(failure: Failure) -> dict[str, Any]:
    *path, kind = failure.limit.path
    source = failure.limit.source
    place = {"file": source.file, "line": source.line, "column": source.column}
    return {"path": path, "limit": {kind: failure.limit.number}, "actual": failure.actual, **place}
