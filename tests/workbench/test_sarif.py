"""Findings as SARIF, checked against the standard's own schema."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator

from engine.language.diagnostic import Diagnostic, Source
from engine.language.load import load_folder
from engine.workbench.rendering import render
from tests.lint.configs import HERE, lay, linted, texts

SCHEMA = json.loads((Path(__file__).parent / "sarif-2.1.0.schema.json").read_text("utf-8"))
BROKEN = HERE.parent / "broken"


def sarif(diagnostics: list[Diagnostic], sources: dict[str, list[str]]) -> Any:
    """Return the log, which must be valid, as plain data."""
    (line,) = render(diagnostics, "sarif", sources)
    log = json.loads(line)
    Draft4Validator.check_schema(SCHEMA)
    assert [e.message for e in Draft4Validator(SCHEMA).iter_errors(log)] == []
    return log


def test_nothing_found_is_a_valid_log() -> None:
    """A run without findings says so; it is not an empty file."""
    assert sarif([], {})["runs"][0]["results"] == []


def test_the_schema_refuses_what_is_wrong() -> None:
    """The schema used here is the real one: it knows what a result must have."""
    log = sarif([Diagnostic("c", "m", Source("a.yaml", 1, 1))], {})
    del log["runs"][0]["results"][0]["message"]
    assert not Draft4Validator(SCHEMA).is_valid(log)


@pytest.mark.parametrize(
    "case", ["three-errors-at-once", "unclosed-bracket", "billion-laughs", "not-utf8"]
)
def test_what_the_loader_finds_is_valid(case: str, tmp_path: Path) -> None:
    """Broken configurations of every sort give a valid log."""
    folder = tmp_path / "config"
    folder.mkdir()
    for source in (BROKEN / "_base", BROKEN / case):
        for file in source.glob("*.yaml"):
            (folder / file.name).write_bytes(file.read_bytes())
    loaded = load_folder(folder)
    log = sarif(loaded.diagnostics, loaded.sources)
    assert len(log["runs"][0]["results"]) == len(loaded.diagnostics) > 0


def test_what_lint_finds_brings_its_page(tmp_path: Path) -> None:
    """A rule has its summary, its page and its level; a result points to it and to its place."""
    folder = lay(texts(HERE / "grade-gap" / "bad"), tmp_path / "config")
    (run,) = sarif(linted(folder).diagnostics, {})["runs"]
    (rule,), (result,) = run["tool"]["driver"]["rules"], run["results"]
    assert rule["id"] == result["ruleId"] == "grade-gap"
    assert rule["help"]["markdown"].startswith("# grade-gap\n")
    assert rule["defaultConfiguration"]["level"] == result["level"] == "warning"
    place = result["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == (folder / "scoring.yaml").as_uri()
    assert place["region"] == {"startLine": 8, "startColumn": 53, "endLine": 8, "endColumn": 54}


def test_paths_are_uris() -> None:
    """A relative path stays relative, its spaces and Chinese characters are escaped."""
    found = Diagnostic("c", "m", Source("配 置/a.yaml", 2, 3, 2, 5), "info", "规则", "so")
    (result,) = sarif([found], {})["runs"][0]["results"]
    place = result["locations"][0]
    uri = place["physicalLocation"]["artifactLocation"]["uri"]
    assert uri == "%E9%85%8D%20%E7%BD%AE/a.yaml"
    assert result["level"] == "note"
    assert result["message"]["text"] == "m\nso"
    assert place["logicalLocations"] == [{"name": "规则"}]


def test_a_finding_keeps_its_fingerprint_when_lines_move() -> None:
    """New lines above a finding make it no new one; another text on its line does."""

    def fingerprint(line: int, lines: list[str]) -> str:
        found = Diagnostic("c", "m", Source("a.yaml", line, 1))
        (result,) = sarif([found], {"a.yaml": lines})["runs"][0]["results"]
        return str(result["partialFingerprints"]["leadrules/v1"])

    first = fingerprint(1, ["points: 0"])
    assert fingerprint(2, ["# more", "points: 0"]) == first
    assert fingerprint(1, ["points: 00"]) != first
