"""Diagnostics as text, JSON and GitHub annotations."""

from __future__ import annotations

import json

from engine.language.diagnostic import Diagnostic, Source
from engine.workbench.rendering import render, summary

LINES = ["rules:", "  - {id: 制造业, when: {lead.contry: DE}}"]
SOURCE = Source("config/scoring.yaml", 2, 24, 2, 35)
FOUND = Diagnostic(
    "unknown-field",
    '"lead.contry" is not a known field',
    SOURCE,
    rule="制造业",
    hint="write lead.country",
)


def test_text_shows_the_line_with_carets_under_the_finding() -> None:
    """Carets stand under the words although Chinese characters before them are twice as wide."""
    headline, line, carets, hint = render([FOUND], "text", {"config/scoring.yaml": LINES})
    assert headline == (
        'config/scoring.yaml:2:24: error[unknown-field] "lead.contry" is not a known field'
    )
    assert line == f"    2 | {LINES[1]}"
    wide = LINES[1][:23] + "".join("x" for c in LINES[1][:23] if ord(c) > 0x2E80)
    assert carets == f'      | {" " * len(wide)}{"^" * 11}  in rule "制造业"'
    assert hint == "     = write lead.country"


def test_a_long_line_is_cut_around_the_finding() -> None:
    """What a far column is about stays visible."""
    line = "x: " + "1234567890" * 30 + " wrong"
    source = Source("a.yaml", 1, len(line) - 4, 1, len(line) + 1)
    shown = render([Diagnostic("c", "m", source)], "text", {"a.yaml": [line]})
    assert shown[1].endswith(" wrong")
    assert len(shown[1]) < 100
    at = shown[2].index("^")
    assert shown[1][at : at + 5] == "wrong"


def test_a_finding_without_a_line_has_no_quote() -> None:
    """A file that is missing has nothing to quote."""
    found = Diagnostic("missing-file", "scoring.yaml must exist", Source("scoring.yaml", 1, 1))
    assert render([found], "text", {}) == [
        "scoring.yaml:1:1: error[missing-file] scoring.yaml must exist"
    ]


def test_json_is_one_object_a_line_with_the_promised_keys() -> None:
    """The keys of a JSON diagnostic are fixed."""
    (line,) = render([FOUND], "json", {})
    assert json.loads(line) == {
        "file": "config/scoring.yaml",
        "line": 2,
        "column": 24,
        "end_line": 2,
        "end_column": 35,
        "severity": "error",
        "code": "unknown-field",
        "message": '"lead.contry" is not a known field',
        "rule": "制造业",
        "hint": "write lead.country",
    }


def test_github_annotations_escape_what_would_end_them() -> None:
    """Colons, commas, percent signs and line breaks survive GitHub's command syntax."""
    found = Diagnostic("c", "100% wrong\nreally", Source("a,b:c.yaml", 1, 2, 1, 3), "warning")
    (line,) = render([found], "github", {})
    assert line == (
        "::warning file=a%2Cb%3Ac.yaml,line=1,col=2,endLine=1,endColumn=3,title=c"
        "::100%25 wrong%0Areally"
    )


def test_summary_counts_errors_and_warnings() -> None:
    """The last line says how many of what, in how many files."""
    warning = Diagnostic("c", "m", SOURCE, "warning")
    assert summary([FOUND, warning, warning], 9, 64) == "1 error, 2 warnings in 9 files (64 rules)"
    assert summary([], 1, 1) == "0 errors, 0 warnings in 1 file (1 rule)"
