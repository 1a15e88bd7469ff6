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
    assert ran.out == "0 errors, 0 warnings in 8 files (20 rules)\n"


def test_lists_are_not_counted_among_the_files(leadrules: Command, config: Path) -> None:
    """A list more is no file of rules more; what is wrong in it is shown with its line."""
    (config / "lists" / "竞争对手.txt").write_text("rival.example\n不是域名 的一行\n", "utf-8")
    file = config / "intake.yaml"
    text = file.read_text("utf-8")
    assert "\nlists:\n" in text
    more = "\nlists:\n  竞争对手: {file: lists/竞争对手.txt, kind: domains}\n"
    file.write_text(text.replace("\nlists:\n", more), "utf-8")
    ran = leadrules("validate", config, NOW)
    assert "竞争对手.txt:2:1: error[bad-entry]" in ran.out
    assert "    2 | 不是域名 的一行" in ran.out
    assert "in 8 files" in ran.out.splitlines()[-1]


def test_the_first_year_without_official_holidays_fails_no_run(
    leadrules: Command, config: Path
) -> None:
    """It comes with the date: told from December on, all through 2027, and no CI breaks by it."""
    for verb in ("validate", "lint"):
        before = leadrules(verb, config, "--fail-on", "warning", "--now", "2026-11-29T12:00:00Z")
        assert (before.code, before.out) == (0, "0 errors, 0 warnings in 8 files (20 rules)\n")
        for day in ("2026-12-02", "2027-01-01", "2027-12-31"):
            now = f"{day}T12:00:00Z"
            ran = leadrules(verb, config, "--fail-on", "warning", "--now", now)
            assert ran.code == 0
            assert 'info[unofficial-calendar] the calendar "cn" has official data' in ran.out
            assert ran.out.endswith("0 errors, 0 warnings in 8 files (20 rules), 4 info\n")
        late = leadrules(verb, config, "--fail-on", "warning", "--now", "2028-01-01T12:00:00Z")
        assert late.code == 1
        assert "0 errors, 4 warnings in 8 files" in late.out


def test_a_second_year_without_official_holidays_is_a_warning(
    leadrules: Command, config: Path
) -> None:
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
    assert ran.out.splitlines()[-1].startswith("2 errors, 0 warnings in 8 files")


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
