"""Diagnostics as people, editors and CI want to read them."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from engine.language.diagnostic import Diagnostic
from engine.workbench.junit import as_junit, outcomes_of
from engine.workbench.sarif import as_sarif

FORMATS: Final = ("text", "json", "github", "sarif", "junit")
# Formats that programs read: nothing else may stand on stdout with them.
FOR_PROGRAMS: Final = frozenset({"json", "sarif", "junit"})
_WIDTH: Final = 110  # of the quoted line; a longer one is cut around the finding
# GitHub's commands escape what would end them.
_DATA: Final = {"%": "%25", "\r": "%0D", "\n": "%0A"}
_PROPERTY: Final = {**_DATA, ":": "%3A", ",": "%2C"}


def render(
    diagnostics: Iterable[Diagnostic],
    format: str,
    sources: Mapping[str, Sequence[str]],
    failing: Iterable[str] = ("error",),
) -> list[str]:
    """Return the lines of ``diagnostics`` in one of FORMATS.

    ``sources`` maps a file to its lines, so that text can show the place itself; JUnit counts
    findings of the severities ``failing`` as failures.
    """
    if format == "sarif":
        return [as_sarif(diagnostics, sources)]
    if format == "junit":
        found = outcomes_of(diagnostics, list(sources), frozenset(failing))
        return as_junit("leadrules", found).splitlines()
    if format == "json":
        return [as_json(d) for d in diagnostics]
    if format == "github":
        return [as_github(d) for d in diagnostics]
    return [line for d in diagnostics for line in as_text(d, sources.get(d.source.file, ()))]


def summary(diagnostics: Sequence[Diagnostic], files: int, rules: int) -> str:
    """Return the last line of a check: ``0 errors, 2 warnings in 9 files (64 rules), 1 info``."""
    errors = sum(d.severity == "error" for d in diagnostics)
    warnings = sum(d.severity == "warning" for d in diagnostics)
    mild = sum(d.severity == "info" for d in diagnostics)
    return (
        f"{_count(errors, 'error')}, {_count(warnings, 'warning')} "
        f"in {_count(files, 'file')} ({_count(rules, 'rule')})" + (f", {mild} info" if mild else "")
    )


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def as_text(diagnostic: Diagnostic, lines: Sequence[str]) -> list[str]:
    """Return the headline, the line it is about with carets under it, and the way out."""
    d = diagnostic
    shown = [f"{d.source}: {d.severity}[{d.code}] {d.message}"]
    shown += _quote(d, lines)
    if d.hint and d.hint not in d.message:
        shown.append(f"     = {d.hint}")
    return shown


def _quote(diagnostic: Diagnostic, lines: Sequence[str]) -> list[str]:
    source = diagnostic.source
    where = f'in rule "{diagnostic.rule}"' if diagnostic.rule else ""
    if not 1 <= source.line <= len(lines):
        return [f"     = {where}"] if where else []
    line = lines[source.line - 1].replace("\t", " ")
    start = source.column - 1
    end = source.end_column - 1 if source.end_line == source.line else len(line.rstrip())
    if start > _WIDTH - 30:  # a far column in a long flow line: show its surroundings
        cut = start - 30
        line, start, end = "…" + line[cut:], start - cut + 1, end - cut + 1
    line = line[:_WIDTH]
    carets = "^" * max(1, width(line[start : min(end, len(line))]))
    tail = f"  {where}" if where else ""
    return [
        f"{source.line:>5} | {line.rstrip()}",
        f"      | {' ' * width(line[:start])}{carets}{tail}",
    ]


def width(text: str) -> int:
    """Return how many terminal columns ``text`` takes; Chinese characters take two."""
    return sum(_columns(character) for character in text)


def _columns(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1


def as_json(diagnostic: Diagnostic) -> str:
    """Return one JSON object on one line."""
    d, s = diagnostic, diagnostic.source
    fields = {
        "file": s.file,
        "line": s.line,
        "column": s.column,
        "end_line": s.end_line or s.line,
        "end_column": s.end_column or s.column,
        "severity": d.severity,
        "code": d.code,
        "message": d.message,
        "rule": d.rule,
        "hint": d.hint,
    }
    return json.dumps(fields, ensure_ascii=False)


def as_github(diagnostic: Diagnostic) -> str:
    """Return the workflow command that makes GitHub annotate the line of a pull request."""
    d, s = diagnostic, diagnostic.source
    level = {"error": "error", "warning": "warning", "info": "notice"}[d.severity]
    text = f"{d.message}\n{d.hint}" if d.hint and d.hint not in d.message else d.message
    place: dict[str, object] = {
        "file": s.file,
        "line": s.line,
        "col": s.column,
        "endLine": s.end_line or s.line,
    }
    if s.end_line in (0, s.line):  # GitHub drops columns that span lines
        place["endColumn"] = s.end_column or s.column
    place["title"] = d.code
    properties = ",".join(f"{k}={_escape(str(v), _PROPERTY)}" for k, v in place.items())
    return f"::{level} {properties}::{_escape(text, _DATA)}"


def _escape(text: str, table: Mapping[str, str]) -> str:
    return "".join(table.get(character, character) for character in text)
