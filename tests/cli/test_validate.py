"""``leadrules validate``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import CONFIG, Ran

Command = Callable[..., Ran]
NOW = "--now=2026-03-02T09:00:00+08:00"


def break_scoring(config: Path) -> None:
    """Misspell a field and an operator."""
    file = config / "scoring.yaml"
    text = file.read_text("utf-8")
    text = text.replace("lead.industry:", "lead.industri:").replace("{gte: 500}", "{gtee: 500}")
    file.write_text(text, encoding="utf-8")


def test_the_default_configuration_is_clean(leadrules: Command) -> None:
    """One line, exit code 0."""
    ran = leadrules("validate", CONFIG, NOW)
    assert ran.code == 0
    assert ran.out == "0 errors, 0 warnings in 7 files (20 rules)\n"


def test_a_year_without_official_holidays_is_a_warning(leadrules: Command, config: Path) -> None:
    """Nobody needs to ask lint for it; it fails no run unless warnings are to."""
    file = config / "routing.yaml"
    assert "calendar: cn" in file.read_text("utf-8")
    ran = leadrules("validate", config, "--now", "2032-03-01T09:00:00+08:00")
    assert ran.code == 0
    assert 'warning[unofficial-calendar] the calendar "cn" has official data up to 2026' in ran.out
    assert "routing.yaml:" in ran.out
    strict = leadrules(
        *("validate", config, "--fail-on", "warning", "--now", "2032-03-01T09:00:00+08:00")
    )
    assert strict.code == 1


def test_a_comment_hides_what_time_has_made_wrong(leadrules: Command, config: Path) -> None:
    """The comments that lint takes are taken by validate, too."""
    file = config / "routing.yaml"
    text = file.read_text("utf-8")
    hidden = "  # leadrules: ignore[unofficial-calendar] 只差一天也无妨"
    lines = [line + hidden if "calendar: cn" in line else line for line in text.splitlines()]
    file.write_text("\n".join(lines) + "\n", "utf-8")
    ran = leadrules("validate", config, "--now", "2032-03-01T09:00:00+08:00")
    assert "routing.yaml" not in ran.out


def test_all_mistakes_are_shown_with_their_lines(leadrules: Command, config: Path) -> None:
    """Two mistakes are two findings, each with the line, carets and the nearest name."""
    break_scoring(config)
    ran = leadrules("validate", config)
    assert ran.code == 1
    assert 'error[unknown-field] "lead.industri" is not a known field' in ran.out
    assert 'did you mean "lead.industry"?' in ran.out
    assert "error[unknown-operator]" in ran.out
    assert '^^^^^^^^^^^^^  in rule "target-industry"' in ran.out
    assert ran.out.splitlines()[-1].startswith("2 errors, 0 warnings in 7 files")


def test_json_keeps_stdout_for_findings(leadrules: Command, config: Path) -> None:
    """Each line of stdout is a finding; the summary goes to stderr."""
    break_scoring(config)
    ran = leadrules("validate", config, "--format", "json")
    found = [json.loads(line) for line in ran.out.splitlines()]
    assert [f["code"] for f in found] == ["unknown-operator", "unknown-field"]
    assert "2 errors" in ran.err


def test_on_github_findings_are_annotations(
    leadrules: Command, config: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On GitHub's runners nobody needs to choose the format."""
    break_scoring(config)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    assert leadrules("validate", config).out.startswith("::error file=")


def test_connections_are_checked_by_their_plugins(leadrules: Command, config: Path) -> None:
    """A setting that the e-mail plugin does not know is a finding of validate, too."""
    file = config / "server.yaml"
    file.write_text(file.read_text("utf-8").replace("    port:", "    prot:"), encoding="utf-8")
    ran = leadrules("validate", config)
    assert ran.code == 1
    assert "prot" in ran.out
    assert "server.yaml:" in ran.out
