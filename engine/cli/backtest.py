"""``leadrules backtest``: what would these rules have done in the past?"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from engine.cli.codes import CANNOT, DONE, FINDINGS
from engine.cli.common import config_option, definitions_of, err, load, print_diagnostics

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
@click.option(
    "--against",
    default="HEAD",
    show_default=True,
    metavar="DIR|COMMIT",
    help="The old rules: a folder, or a commit that has the folder in --config.",
)
@click.option(
    "--expect",
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="A YAML file of limits for what may change; one that does not hold makes the exit code 1.",
)
@config_option
@click.option(
    "--format",
    "format",
    type=click.Choice(["text", "markdown", "json"]),
    default="text",
    help="How to print: text, markdown for a pull request, or json.",
)
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
    """Play both at the same time, each in a process of its own."""
    with (
        err().status("playing the past by both rules"),
        ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool,
    ):
        return list(pool.map(_played, (old, new), (history, history)))


def _played(config: Path, history: Path) -> Played:
    from engine.workbench.backtest import play
    from engine.workbench.history import history as past

    return play(_ruleset(config), past(history))


def _ruleset(config: Path) -> Ruleset:
    from engine.network.ruleset import Ruleset

    return Ruleset(definitions_of(config))


def _print(made: Backtest, failed: list[Failure], limits: int, format: str) -> None:
    import json

    import msgspec

    from engine.workbench.comparing import backtest_head, markdown, of_backtest, text

    if format == "json":
        told: dict[str, Any] = msgspec.to_builtins(made)
        told["expected"] = {"limits": limits, "failed": [_told(each) for each in failed]}
        click.echo(json.dumps(told, ensure_ascii=False))
        return
    shown = markdown if format == "markdown" else text
    for line in shown(backtest_head(made), of_backtest(made, failed, limits)):
        click.echo(line)


def _told(failure: Failure) -> dict[str, Any]:
    *path, kind = failure.limit.path
    source = failure.limit.source
    place = {"file": source.file, "line": source.line, "column": source.column}
    return {"path": path, "limit": {kind: failure.limit.number}, "actual": failure.actual, **place}
