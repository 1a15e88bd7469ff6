"""``leadrules test``: do the rules do what their tests say?"""

from __future__ import annotations

import json
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from engine.cli.codes import CANNOT, DONE, FINDINGS
from engine.cli.common import config_argument, format_option, load, out, print_diagnostics

if TYPE_CHECKING:
    from engine.language.load import Loaded
    from engine.network.ruleset import Ruleset
    from engine.workbench.cases import Case
    from engine.workbench.runner import Result


@click.command("test")
@config_argument
@click.option("-k", "wanted", metavar="TEXT", help="Only cases whose file or name contains TEXT.")
@format_option("text", "json", "github", "sarif", "junit")
def command(config: Path, wanted: str | None, format: str) -> int:
    """Run the tests of the rules in the folder CONFIG: CONFIG/tests/*.test.yaml.

    The clock is simulated: ninety days pass in milliseconds.
    """
    loaded = load(config)
    if loaded.definitions is None:
        print_diagnostics([d for d in loaded.diagnostics if d.severity == "error"], format, loaded)
        click.echo("The rules have errors, so their tests were not run.", err=True)
        return FINDINGS
    started = time.monotonic()
    from engine.network.ruleset import Ruleset
    from engine.workbench.runner import run_case

    ruleset = Ruleset(loaded.definitions)
    files = sorted((config / "tests").rglob("*.test.yaml"))
    cases = _read(files, ruleset, loaded, format)
    if cases is None:
        return FINDINGS
    chosen = [c for c in cases if wanted is None or wanted in c.file or wanted in c.name]
    if not chosen:
        click.echo(_nothing(config, wanted, len(cases)), err=True)
        return CANNOT
    results = [run_case(ruleset, case) for case in chosen]
    if format in ("sarif", "junit"):
        _print_document(results, format, loaded)
    else:
        _print(results, format)
    _summary(results, len(files), time.monotonic() - started, format)
    return DONE if all(r.passed for r in results) else FINDINGS


def _read(
    files: Iterable[Path], ruleset: Ruleset, loaded: Loaded, format: str
) -> list[Case] | None:
    """Return all cases, or None after printing what is wrong with them."""
    from engine.language.diagnostic import Diagnostics
    from engine.workbench.casefile import read_cases

    found = Diagnostics()
    cases: list[Case] = []
    for file in files:
        raw = file.read_bytes()
        loaded.sources[str(file)] = raw.decode("utf-8", "replace").splitlines()
        cases += read_cases(raw, str(file), ruleset, found)
    if found.has_errors:
        print_diagnostics(found.sorted(), format, loaded)
        click.echo("The tests have mistakes, so none was run.", err=True)
        return None
    return cases


def _nothing(config: Path, wanted: str | None, cases: int) -> str:
    if cases:
        return f"leadrules: none of {cases} cases has {wanted!r} in its file or name"
    return f"leadrules: there is no {config}/tests/*.test.yaml; a rule without a test is a guess"


def _print_document(results: Sequence[Result], format: str, loaded: Loaded) -> None:
    from engine.workbench.junit import as_junit
    from engine.workbench.report import as_diagnostics, as_outcome

    if format == "junit":
        click.echo(as_junit("leadrules test", [as_outcome(r) for r in results]))
    else:
        print_diagnostics([d for r in results for d in as_diagnostics(r)], format, loaded)


def _print(results: Sequence[Result], format: str) -> None:
    from engine.workbench.report import as_github, as_json, report

    console = out()
    for result in results:
        if format == "json":
            click.echo(json.dumps(as_json(result), ensure_ascii=False))
        elif format == "github":
            click.echo("\n".join(as_github(result)), nl=not result.passed)
        else:
            for line in report(result):
                console.print(line, style=_style(line), soft_wrap=True)


def _style(line: str) -> str | None:
    text = line.lstrip()
    if text.startswith("FAILED"):
        return "bold red"
    if text.startswith("- expected"):
        return "green"
    return "red" if text.startswith("+ actual") else None


def _summary(results: Sequence[Result], files: int, seconds: float, format: str) -> None:
    failed = sum(not r.passed for r in results)
    passed = len(results) - failed
    text = f"{passed} passed, {failed} failed in {files} files ({seconds:.2f} s)"
    click.echo(text, err=format in ("json", "sarif", "junit"))
