"""``leadrules test``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.cli.conftest import CONFIG, Ran

Command = Callable[..., Ran]


def change(file: Path, old: str, new: str) -> None:
    """Edit a file as a person would."""
    text = file.read_text("utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")


def test_the_default_rules_pass_their_tests(leadrules: Command) -> None:
    """Nothing but the count is printed."""
    ran = leadrules("test", CONFIG)
    assert ran.code == 0
    assert " passed, 0 failed in 4 files" in ran.out
    assert len(ran.out.splitlines()) == 1


def test_a_changed_figure_is_noticed(leadrules: Command, config: Path) -> None:
    """Ten points instead of fifteen fail the tests that pin the figure, as a diff with the ledger."""
    change(
        config / "scoring.yaml",
        "points: 15\n        repeat: {at_most: 1, per: 7d}",
        "points: 10\n        repeat: {at_most: 1, per: 7d}",
    )
    ran = leadrules("test", config, "-k", "SCO-16")
    assert ran.code == 1
    assert "- expected 15" in ran.out
    assert "+ actual   10" in ran.out
    assert "visited-pricing" in ran.out


def test_a_selection_of_nothing_fails(leadrules: Command) -> None:
    """A misspelt -k is no success."""
    ran = leadrules("test", CONFIG, "-k", "no such case")
    assert ran.code == 2
    assert "none of " in ran.err


def test_a_configuration_without_tests_fails(leadrules: Command, config: Path) -> None:
    """No tests are no passed tests."""
    for file in (config / "tests").iterdir():
        file.unlink()
    ran = leadrules("test", config)
    assert ran.code == 2
    assert "a rule without a test is a guess" in ran.err


def test_mistakes_in_tests_are_shown_and_nothing_runs(leadrules: Command, config: Path) -> None:
    """A misspelt expectation is an error with its line, not a test that passes."""
    change(config / "tests" / "lifecycle.test.yaml", "stage: nurturing", "stgae: nurturing")
    ran = leadrules("test", config)
    assert ran.code == 1
    assert 'did you mean "stage"?' in ran.out
    assert "lifecycle.test.yaml:20:" in ran.out


def test_broken_rules_are_shown_instead(leadrules: Command, config: Path) -> None:
    """Tests need rules that load."""
    change(config / "scoring.yaml", "lead.industry:", "lead.industri:")
    ran = leadrules("test", config)
    assert ran.code == 1
    assert "error[unknown-field]" in ran.out
    assert "their tests were not run" in ran.err


def test_json_is_one_object_a_case(leadrules: Command) -> None:
    """Machines read the results line by line."""
    ran = leadrules("test", CONFIG, "-k", "CNV-1", "--format", "json")
    assert all(json.loads(line)["passed"] for line in ran.out.splitlines())
    assert "passed" in ran.err


def test_github_annotates_failures_only(leadrules: Command, config: Path) -> None:
    """A passing case is no annotation."""
    change(config / "scoring.yaml", "points: 20", "points: 21")
    ran = leadrules("test", config, "-k", "SCO-1", "--format", "github")
    lines = ran.out.splitlines()
    assert all(line.startswith("::error file=") for line in lines[:-1])
    assert " failed in " in lines[-1]
