"""A failed test as people read it: expected and actual side by side, and how the score came."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from engine.language.instants import format_instant
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
            f"      {when:>8}  {line.points:>+6g}  = {total:<6g} "
            f"{line.rule}{why}  {line.source}"
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
