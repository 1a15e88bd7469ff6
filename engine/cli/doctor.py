"""``leadrules doctor``: is this installation well?"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import config_option, db_option, err, format_option, load, out

if TYPE_CHECKING:
    from engine.language.load import Loaded
    from engine.language.serving import SignIn
    from engine.store.checks import Finding

_LITTLE_DISK: Final = 200_000_000
_LARGE_LOG: Final = 1_000_000_000
_OVERDUE_MS: Final = 10 * 60_000
_MARKS: Final = {"ok": "✓", "note": "·", "warning": "!", "error": "✗"}
_STYLES: Final = {"warning": "yellow", "error": "bold red"}


@click.command("doctor")
@click.option("--deep", is_flag=True, help="Look at every row of the database, too.")
@click.option("--offline", is_flag=True, help="Do not try whether the connections answer.")
@click.option(
    "--fail-on",
    type=click.Choice(["error", "warning"]),
    default="error",
    show_default=True,
    help="The mildest finding that makes the exit code 1.",
)
@config_option
@db_option
@format_option("text", "json")
def command(
    deep: bool, offline: bool, fail_on: str, config: Path, db: Path | None, format: str
) -> int:
    """Check the configuration, the database, the disk, the clock and the connections.

    Nothing is changed or sent, and a server may be running. With --deep every score is compared
    with its ledger, and every list, deadline and the search index with the leads they are made
    from.
    """
    failing = {"error"} if fail_on == "error" else {"error", "warning"}
    counts = {"ok": 0, "note": 0, "warning": 0, "error": 0}
    bad = False
    for finding in _findings(config, db, deep, offline):
        counts[finding.level] += 1
        bad = bad or finding.level in failing
        _print(finding, format)
    if format == "text":
        console = out()
        console.print(f"{counts['error']} errors, {counts['warning']} warnings")
    return FINDINGS if bad else DONE


def _print(finding: Finding, format: str) -> None:
    if format == "json":
        import msgspec

        click.echo(json.dumps(msgspec.to_builtins(finding), ensure_ascii=False))
        return
    console = out()
    mark, style = _MARKS[finding.level], _STYLES.get(finding.level)
    console.print(f"{mark} {finding.check:<14} {finding.message}", style=style, soft_wrap=True)
    for example in finding.examples:
        console.print(f"    {example}", soft_wrap=True)


def _findings(config: Path, db: Path | None, deep: bool, offline: bool) -> Iterator[Finding]:
    from engine.store.checks import Finding

    loaded = load(config)
    yield _configuration(loaded, config)
    definitions = loaded.definitions
    path = db or (Path(definitions.server.database) if definitions else None)
    if path is None:
        yield Finding("database", "note", "not looked at: name it with --db")
    else:
        model = definitions.default_model.id if definitions else "default"
        yield from _of_database(path, model, deep)
    if definitions is None:
        return
    yield from _sign_in(definitions.server.serving.sign_in)
    if not offline:
        yield from _connections(config, definitions.server.connections)


def _sign_in(settings: SignIn) -> Iterator[Finding]:
    """Say whether what is set can work here; nothing where only passwords and tokens are."""
    from engine.server.sign_in.providers import lacking
    from engine.store.checks import Finding

    if settings.oidc is not None:
        lacks = lacking(settings)
        yield Finding("sign-in", "error" if lacks else "ok", lacks or "OpenID Connect is installed")


def _configuration(loaded: Loaded, folder: Path) -> Finding:
    from engine.store.checks import Finding

    errors = sum(d.severity == "error" for d in loaded.diagnostics)
    if errors:
        text = f"{errors} errors; `leadrules validate {folder}` shows them"
        return Finding("configuration", "error", text)
    files = len(loaded.files)
    return Finding("configuration", "ok", f"{loaded.rules} rules in {files} files of {folder}")


def _of_database(path: Path, model: str, deep: bool) -> Iterator[Finding]:
    from engine.store import checks
    from engine.store.checks import Finding
    from engine.store.database import BadDatabase

    yield _disk(path)
    if not path.is_file():
        yield Finding("database", "note", f'there is no "{path}" yet; `serve` makes it')
        return
    try:
        quick = list(checks.quick(path))
    except BadDatabase as error:
        yield Finding("database", "error", str(error))
        return
    yield from quick
    running = _is_running(path)
    text = "a server is running on it" if running else "no server is running on it"
    yield Finding("lock", "ok" if running else "note", text)
    yield from _times(path, running)
    if not deep:
        return
    if any(each.check == "schema" and each.level != "ok" for each in quick):
        yield Finding("deep", "warning", "not looked at: the schema is not the present one")
        return
    yield from _deep(path, model)


def _deep(path: Path, model: str) -> Iterator[Finding]:
    from rich.progress import MofNCompleteColumn, Progress, SpinnerColumn, TimeElapsedColumn

    from engine.store import checks

    console = err()
    columns = (SpinnerColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    hidden = not console.is_terminal
    with Progress(*columns, console=console, disable=hidden, transient=True) as progress:
        task = progress.add_task("doctor", total=None)
        yield from checks.deep(path, model, lambda seen: progress.update(task, completed=seen))


def _disk(path: Path) -> Finding:
    from engine.store.checks import Finding

    folder = path.parent if path.parent.is_dir() else Path()
    free = shutil.disk_usage(folder).free
    size = path.stat().st_size if path.is_file() else 0
    beside = path.with_name(f"{path.name}-wal")
    log = beside.stat().st_size if beside.is_file() else 0
    told = f"{free / 1e9:.1f} GB free, the database has {size / 1e6:.1f} MB"
    if free < _LITTLE_DISK:
        return Finding("disk", "error", f"{told}: the disk is nearly full")
    if free < size:
        return Finding("disk", "warning", f"{told}: there is no room for a backup beside it")
    if log > _LARGE_LOG:
        return Finding("disk", "warning", f"{told}, its log {log / 1e6:.0f} MB: a reader holds it")
    return Finding("disk", "ok", told)


def _is_running(path: Path) -> bool:
    from engine.store.lock import DatabaseInUse, FileLock

    if not path.with_name(f"{path.name}-lock").exists():
        return False
    try:
        FileLock(path).release()
    except DatabaseInUse:
        return True
    return False


def _times(path: Path, running: bool) -> Iterator[Finding]:
    """Compare the clock with the log, and deadlines with the clock."""
    from engine.store.checks import Finding
    from engine.store.reading import Reader
    from engine.store.shapes import when

    now = time.time_ns() // 1_000_000
    reader = Reader(path)
    try:
        counts: dict[str, Any] = reader.counts()
        newest = reader.last_decided_at()
        sweep = reader.last_sweep()
    except Exception as error:  # an old schema, of which `schema` tells
        yield Finding("clock", "note", f"not looked at: {error}")
        return
    finally:
        reader.close()
    if newest is not None and newest > now + _OVERDUE_MS:
        text = f"this machine's clock is behind: the log goes up to {when(newest)}"
        yield Finding("clock", "error", text)
    else:
        yield Finding("clock", "ok", f"{when(now)}, after the log's newest event ({when(newest)})")
    late = now - counts["next_wake"] if counts["next_wake"] is not None else 0
    if late > _OVERDUE_MS:
        level: Any = "warning" if running else "note"
        yield Finding("deadlines", level, f"the oldest is {late / 60_000:.0f} minutes overdue")
    else:
        yield Finding("deadlines", "ok", "none is overdue")
    if sweep is not None:
        gone = ", ".join(f"{n} {kind}" for kind, n in sweep["removed"].items() if n) or "nothing"
        yield Finding("retention", "ok", f"last pass at {when(sweep['at'])} removed {gone}")


def _connections(config: Path, connections: Any) -> Iterator[Finding]:
    import asyncio

    from engine.host.checking import check_connections
    from engine.host.plugin_files import plugins_of
    from engine.store.checks import Finding

    now = time.time_ns() // 1_000_000
    for checked in asyncio.run(check_connections(plugins_of(config), connections, now)):
        told = f"{checked.connection} ({connections[checked.connection].plugin})"
        yield Finding("connection", checked.level, f"{told}: {checked.message}")
