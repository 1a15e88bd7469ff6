"""A failed test as people read it: expected and actual side by side, and how the score came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.language.diagnostic import Diagnostic
from engine.language.instants import format_instant
from engine.workbench.junit import Outcome
from engine.workbench.rendering import as_github as as_annotation
from engine.workbench.runner import Failure, Mismatch, Result, offset


def report(result: Result) -> list[str]:
    """Return the lines that explain a failed case, none for one that passed."""
    if result.passed:
        return []
    lines = [f"FAILED {result.case.source}: {result.case.name}"]
    for failure in result.failures:
        lines += _failure(result, failure)
    return lines


def _failure(result: Result, failure: Failure) -> Iterator[str]:
    span = failure.at - result.case.start
    yield f"  at {offset(span)} ({format_instant(failure.at)}), {failure.source}:"
    for mismatch in failure.mismatches:
        yield from _mismatch(mismatch)
    yield "    the score up to then:"
    total = 0.0
    for line in failure.ledger:
        total += line.points
        when = offset(line.at - result.case.start)
        why = f" ({line.reason})" if line.reason else ""
        yield (
            f"      {when:>8}  {line.points:>+6g}  = {total:<6g} {line.rule}{why}  {line.source}"
        )
    if not failure.ledger:
        yield "      nothing has scored"


def _mismatch(mismatch: Mismatch) -> Iterator[str]:
    yield f"    {mismatch.name}:"
    yield f"      - expected {show(mismatch.expected)}"
    yield f"      + actual   {show(mismatch.actual)}"


def show(value: Any) -> str:
    """Return ``value`` as one would write it in YAML."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {show(v)}" for k, v in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(show, value)) + "]"
    return str(value)


def as_json(result: Result) -> dict[str, Any]:
    """Return a result as plain data, one object a case."""
    return {
        "file": result.case.source.file,
        "line": result.case.source.line,
        "name": result.case.name,
        "passed": result.passed,
        "failures": [
            {
                "at": format_instant(failure.at),
                "file": mismatch.source.file,
                "line": mismatch.source.line,
                "name": mismatch.name,
                "expected": mismatch.expected,
                "actual": mismatch.actual,
            }
            for failure in result.failures
            for mismatch in failure.mismatches
        ],
    }


def as_github(result: Result) -> list[str]:
    """Return one annotation for each mismatch, at the expectation it breaks."""
    return [as_annotation(d) for d in as_diagnostics(result)]


def as_diagnostics(result: Result) -> list[Diagnostic]:
    """Return one finding for each mismatch, at the expectation it breaks."""
    return [
        Diagnostic(
            "test-failed",
            f"{mismatch.name}: expected {show(mismatch.expected)}, actual {show(mismatch.actual)}",
            mismatch.source,
            rule=result.case.name,
        )
        for failure in result.failures
        for mismatch in failure.mismatches
    ]


def as_outcome(result: Result) -> Outcome:
    """Return a case for JUnit; a failed one with what people read."""
    return Outcome(
        group=result.case.source.file,
        name=result.case.name,
        failure="\n".join(report(result)),
        kind="" if result.passed else "test-failed",
    )
