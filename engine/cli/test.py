"""``leadrules test``: do the rules do what their tests say, and do the tests show every rule?"""

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
    from engine.workbench.coverage import Coverage
    from engine.workbench.runner import Result


@click.command("test")
@config_argument
@click.option("-k", "wanted", metavar="TEXT", help="Only cases whose file or name contains TEXT.")
@click.option("--coverage", "covers", is_flag=True, help="Say which rules no case shows.")
@click.option(
    "--min",
    "minimum",
    metavar="N",
    type=click.IntRange(0, 100),
    help="Fail below N percent of coverage; implies --coverage.",
)
@format_option("text", "json", "github", "sarif", "junit")
def command(
    config: Path, wanted: str | None, covers: bool, minimum: int | None, format: str
) -> int:
    """Run the tests of the rules in the folder CONFIG: CONFIG/tests/*.test.yaml.

    The clock is simulated: ninety days pass in milliseconds. --coverage counts rules that
    fired, rules proven not to fire and branches taken, in cases that pass.
    """
    loaded = load(config)
    if loaded.definitions is None:
        print_diagnostics([d for d in loaded.diagnostics if d.severity == "error"], format, loaded)
        click.echo("The rules have errors, so their tests were not run.", err=True)
        return FINDINGS
    started = time.monotonic()
    from engine.network.ruleset import Ruleset
    from engine.workbench.coverage import measure
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
    coverage = measure(ruleset, results) if covers or minimum is not None else None
    _print(results, coverage, minimum, format, loaded)
    _summary(results, len(files), time.monotonic() - started, format)
    enough = coverage is None or minimum is None or coverage.reaches(minimum)
    return DONE if enough and all(r.passed for r in results) else FINDINGS


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


def _print(
    results: Sequence[Result],
    coverage: Coverage | None,
    minimum: int | None,
    format: str,
    loaded: Loaded,
) -> None:
    if format == "text":
        _print_text(results, coverage, minimum)
    elif format == "json":
        _print_json(results, coverage, minimum)
    elif format == "junit":
        _print_junit(results, coverage, minimum)
    else:
        _print_findings(results, coverage, minimum, format, loaded)


def _print_text(results: Sequence[Result], coverage: Coverage | None, minimum: int | None) -> None:
    from engine.workbench.coverage_report import as_text
    from engine.workbench.report import report

    console = out()
    for line in (line for result in results for line in report(result)):
        console.print(line, style=_style(line), soft_wrap=True)
    if coverage is not None:
        for line in as_text(coverage, minimum):
            console.print(line, soft_wrap=True)


def _print_json(results: Sequence[Result], coverage: Coverage | None, minimum: int | None) -> None:
    from engine.workbench import coverage_report
    from engine.workbench.report import as_json

    items = [as_json(result) for result in results]
    if coverage is not None:
        items.append(coverage_report.as_json(coverage, minimum))
    for item in items:
        click.echo(json.dumps(item, ensure_ascii=False))


def _print_junit(results: Sequence[Result], coverage: Coverage | None, minimum: int | None) -> None:
    from engine.workbench import coverage_report
    from engine.workbench.junit import as_junit
    from engine.workbench.report import as_outcome

    outcomes = [as_outcome(result) for result in results]
    if coverage is not None:
        outcomes.append(coverage_report.as_outcome(coverage, minimum))
    click.echo(as_junit("leadrules test", outcomes))


def _print_findings(
    results: Sequence[Result],
    coverage: Coverage | None,
    minimum: int | None,
    format: str,
    loaded: Loaded,
) -> None:
    """Print what GitHub and SARIF viewers show at its line."""
    from engine.workbench import coverage_report
    from engine.workbench.report import as_diagnostics

    found = [d for result in results for d in as_diagnostics(result)]
    if coverage is not None:
        found += coverage_report.as_diagnostics(coverage, minimum)
    print_diagnostics(found, format, loaded)
    if coverage is not None:
        verdict = coverage_report.verdict(coverage, minimum)
        click.echo(verdict, err=format == "sarif")


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
