"""A failed test as people read it: expected and actual as a diff, and why under it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.language.diagnostic import Diagnostic
from engine.language.instants import format_instant
from engine.workbench.junit import Outcome
from engine.workbench.reasons import Why
from engine.workbench.runner import Failure, Mismatch, Result
from engine.workbench.tree import account_lines
from engine.workbench.values import offset, show


def report(result: Result) -> list[str]:
    """Return the lines that explain a failed case, none for one that passed."""
    if result.passed:
        return []
    lines = [f"FAILED {result.case.source}: {result.case.name}"]
    told: set[tuple[str, ...]] = set()
    for failure in result.failures:
        lines += _failure(result, failure, told)
    return lines


def _failure(result: Result, failure: Failure, told: set[tuple[str, ...]]) -> Iterator[str]:
    """Yield the lines of one instant; what was ``told`` in this case is not told again."""
    span = failure.at - result.case.start
    yield f"  at {offset(span)} ({format_instant(failure.at)}), {failure.source}:"
    for mismatch in failure.mismatches:
        yield f"    {mismatch.name}:"
        yield from _diff(mismatch)
        for block in _why(result.case.start, mismatch.why):
            yield from block if block not in told else (f"{block[0]}  (as above)",)
            if len(block) > 1:
                told.add(block)


def _diff(mismatch: Mismatch) -> Iterator[str]:
    if not mismatch.pairs:
        yield f"      - expected {show(mismatch.expected)}"
        yield f"      + actual   {show(mismatch.actual)}"
    if mismatch.pairs and not mismatch.expected:
        yield "      - expected []"
    for wanted, given in mismatch.pairs:
        if wanted is not None and given is not None:
            yield f"                 {show(given)}"
        elif wanted is not None:
            yield f"      - expected {show(wanted)}"
        else:
            yield f"      + actual   {show(given)}"
    if mismatch.pairs and not mismatch.actual:
        yield "      + actual   []"


def _why(start: int, why: Why) -> Iterator[tuple[str, ...]]:
    """Yield what explains a mismatch, in blocks: sentences, a score's lines, a rule's tree each."""
    yield from ((f"      {note}",) for note in why.notes)
    if why.ledger:
        yield ("      the lines that make it up", *_ledger(start, why))
    for item in why.rules:
        yield tuple(f"      {line}" for line in account_lines(item, why_not=True))


def _ledger(start: int, why: Why) -> Iterator[str]:
    total = 0.0
    for line in why.ledger:
        total += line.points
        when = offset(line.at - start)
        reason = f" ({line.reason})" if line.reason else ""
        yield (
            f"      {when:>8}  {line.points:>+6g}  = {total:<6g} {line.rule}{reason}  {line.source}"
        )


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
                "why": _why_item(mismatch.why),
            }
            for failure in result.failures
            for mismatch in failure.mismatches
        ],
    }


def _why_item(why: Why) -> dict[str, Any]:
    lines = [
        {
            "at": format_instant(line.at),
            "rule": line.rule,
            "dimension": line.dimension,
            "points": line.points,
            "reason": line.reason,
            "source": line.source,
        }
        for line in why.ledger
    ]
    return {"rules": list(why.rules), "ledger": lines, "notes": list(why.notes)}


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
