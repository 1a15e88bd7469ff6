"""``leadrules lint``: do the rules mean what their authors think they mean?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.codes import DONE, FINDINGS
from engine.cli.common import (
    config_argument,
    format_option,
    instant,
    load,
    now_option,
    print_diagnostics,
)
from engine.errors import LeadrulesError
from engine.workbench.rendering import FOR_PROGRAMS, FORMATS, summary

if TYPE_CHECKING:
    from engine.language.lint.finding import Edit
    from engine.language.lint.running import Linted
    from engine.language.load import Loaded

SEVERITIES = ("error", "warning", "info")
MOST_PASSES = 10  # a fix may make room for another one


class FixBroke(LeadrulesError):
    """A fix has made rules that do not load; the files are as they were."""

    code = "fix-broke"


@click.command("lint")
@config_argument
@click.option("--fix", is_flag=True, help="Mend what can be mended without changing any outcome.")
@format_option(*FORMATS)
@click.option(
    "--fail-on",
    type=click.Choice(SEVERITIES),
    default="error",
    show_default=True,
    help="The mildest finding that makes the exit code 1.",
)
@now_option
def command(config: Path, fix: bool, format: str, fail_on: str, now: str | None) -> int:
    """Look for rules in the folder CONFIG that load and can't mean what they say.

    `leadrules docs CODE` explains a finding. A comment on its line hides it:
    `# leadrules: ignore[code] reason`.
    """
    failing = frozenset(SEVERITIES[: SEVERITIES.index(fail_on) + 1])
    moment = instant(now)
    loaded, linted = _lint(config, moment)
    if linted is None:
        print_diagnostics(loaded.diagnostics, format, loaded, failing)
        click.echo("The rules have errors, so their meaning was not checked.", err=True)
        return FINDINGS
    if fix:
        loaded, linted = _mend(config, moment, loaded, linted)
    print_diagnostics(linted.diagnostics, format, loaded, failing)
    click.echo(_counted(loaded, linted), err=format in FOR_PROGRAMS)
    return FINDINGS if any(d.severity in failing for d in linted.diagnostics) else DONE


def _counted(loaded: Loaded, linted: Linted) -> str:
    counted = summary(linted.diagnostics, len(loaded.files), loaded.rules)
    return f"{counted}, {linted.ignored} ignored" if linted.ignored else counted


def _lint(config: Path, now: int) -> tuple[Loaded, Linted | None]:
    """Return what loading and the checks found; no Linted for rules with errors."""
    from engine.language.lint.running import lint

    loaded = load(config)
    if loaded.definitions is None:
        return loaded, None
    return loaded, lint(loaded, loaded.definitions, now, _templates(config))


def _templates(config: Path) -> dict[str, list[str]]:
    files = sorted(p for p in (config / "templates").rglob("*") if p.is_file())
    return {str(p): p.read_text("utf-8").splitlines() for p in files}


def _mend(config: Path, now: int, loaded: Loaded, linted: Linted) -> tuple[Loaded, Linted]:
    """Apply safe edits until there are none left; returns what is found then."""
    from engine.language.lint.fixing import edits_by_file

    before: dict[str, str] = {}
    fixed = 0
    for _ in range(MOST_PASSES):
        edits = edits_by_file(linted.found)
        if not edits:
            break
        for file, groups in edits.items():
            fixed += _mend_file(Path(file), groups, before)
        loaded, again = _lint(config, now)
        if again is None:
            _restore(before)
            raise FixBroke("a fix broke the rules; nothing was changed. Please report it")
        linted = again
    files = "1 file" if len(before) == 1 else f"{len(before)} files"
    click.echo(f"fixed {fixed} in {files}", err=True)
    return loaded, linted


def _mend_file(file: Path, groups: Iterable[Sequence[Edit]], before: dict[str, str]) -> int:
    from engine.language.lint.fixing import mended

    with file.open(encoding="utf-8", newline="") as stream:  # keeps the line ends as they are
        text = stream.read()
    before.setdefault(str(file), text)
    new, count = mended(text, groups)
    _write(file, new)
    return count


def _restore(texts: Mapping[str, str]) -> None:
    for file, text in texts.items():
        _write(Path(file), text)


def _write(file: Path, text: str) -> None:
    with file.open("w", encoding="utf-8", newline="") as stream:
        stream.write(text)
