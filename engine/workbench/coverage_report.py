"""Coverage as people and programs read it: a table by file and kind, and what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from engine.language.diagnostic import Diagnostic, Severity
from engine.workbench.coverage import Coverage, Part, Row
from engine.workbench.junit import Outcome
from engine.workbench.points import ASPECTS, Point
from engine.workbench.rendering import width

_HEAD = ("file", "kind", "fired", "not fired", "branches", "coverage")


def verdict(coverage: Coverage, minimum: int | None) -> str:
    """Return the last line: the percentage, and the minimum where there is one."""
    whole = coverage.whole
    line = f"coverage {whole.percent} % ({whole.shown} of {whole.total})"
    if minimum is None:
        return line
    words = "at least" if coverage.reaches(minimum) else "less than the minimum of"
    return f"{line}: {words} {minimum} %"


def as_text(coverage: Coverage, minimum: int | None) -> Iterator[str]:
    """Yield the table, what is missing with its place, and the verdict."""
    rows = [_HEAD, *map(_cells, coverage.rows)]
    widths = [max(width(row[column]) for row in rows) for column in range(len(_HEAD))]
    yield from (_line(row, widths) for row in rows)
    if coverage.missing:
        yield "not shown by any test that passes:"
    yield from (f"  {p.source}: {p.kind} {p.rule}: {p.text}" for p in coverage.missing)
    yield verdict(coverage, minimum)


def _cells(row: Row) -> tuple[str, ...]:
    return (row.file, row.kind, *map(_part, row.parts), f"{row.whole.percent} %")


def _part(part: Part) -> str:
    return f"{part.shown}/{part.total}" if part.total else "-"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    """Lay out a row: names to the left, figures to the right."""
    blanks = [" " * (size - width(cell)) for cell, size in zip(cells, widths, strict=True)]
    names = [cell + blank for cell, blank in zip(cells[:2], blanks, strict=False)]
    figures = [blank + cell for cell, blank in zip(cells[2:], blanks[2:], strict=True)]
    return "  ".join([*names, *figures])


def as_json(coverage: Coverage, minimum: int | None) -> dict[str, Any]:
    """Return coverage as plain data, under the key ``coverage``."""
    whole = coverage.whole
    return {
        "coverage": {
            "percent": whole.percent,
            "shown": whole.shown,
            "total": whole.total,
            "minimum": minimum,
            "passed": minimum is None or coverage.reaches(minimum),
            "files": [_row_item(row) for row in coverage.rows],
            "missing": [_point_item(point) for point in coverage.missing],
        }
    }


def _row_item(row: Row) -> dict[str, Any]:
    parts = zip(ASPECTS, row.parts, strict=True)
    aspects = {name.replace(" ", "_"): [part.shown, part.total] for name, part in parts}
    return {"file": row.file, "kind": row.kind, **aspects, "percent": row.whole.percent}


def _point_item(point: Point) -> dict[str, Any]:
    s = point.source
    return {
        "file": s.file,
        "line": s.line,
        "column": s.column,
        "kind": point.kind,
        "rule": point.rule,
        "aspect": point.aspect.replace(" ", "_"),
        "message": point.text,
    }


def as_diagnostics(coverage: Coverage, minimum: int | None) -> list[Diagnostic]:
    """Return a finding for each point that is missing: an error when they are too many."""
    fails = minimum is not None and not coverage.reaches(minimum)
    severity: Severity = "error" if fails else "info"
    hint = "add a case that shows it; `leadrules docs not-covered` says what does"
    return [
        Diagnostic("not-covered", f"{p.kind} {p.rule}: {p.text}", p.source, severity, p.rule, hint)
        for p in coverage.missing
    ]


def as_outcome(coverage: Coverage, minimum: int | None) -> Outcome:
    """Return coverage as one case for JUnit; it fails below the minimum."""
    text = "\n".join([verdict(coverage, minimum), *as_text(coverage, minimum)])
    fails = minimum is not None and not coverage.reaches(minimum)
    return Outcome(
        group="coverage",
        name="coverage",
        failure=text if fails else "",
        kind="not-covered" if fails else "",
        note="" if fails else text,
    )
