"""``leadrules test``."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

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


def test_the_default_tests_show_the_default_rules(leadrules: Command) -> None:
    """Every rule of the default configuration is shown, fired and not, on every branch."""
    ran = leadrules("test", CONFIG, "--coverage", "--min", "95")
    assert ran.code == 0
    lines = ran.out.splitlines()
    assert lines[0].split()[:2] == ["file", "kind"]
    assert lines[-2].startswith("coverage ")
    assert lines[-2].endswith(": at least 95 %")
    assert " passed, 0 failed in 4 files" in lines[-1]


def test_too_little_coverage_fails_and_says_what_is_missing(leadrules: Command) -> None:
    """Below --min the exit code is 1, and every gap has its place; --min alone is enough."""
    ran = leadrules("test", CONFIG, "-k", "SCO-16", "--min", "50")
    assert ran.code == 1
    assert ": less than the minimum of 50 %" in ran.out
    assert "journeys.yaml:12:5: journey sales-ready: never entered" in ran.out
    assert "0 failed" in ran.out
    enough = leadrules("test", CONFIG, "-k", "SCO-16", "--coverage")
    assert enough.code == 0
    assert "less than" not in enough.out


def test_coverage_of_nothing_fails(leadrules: Command, config: Path) -> None:
    """Neither a misspelt -k nor a configuration without tests has any coverage."""
    none = leadrules("test", config, "-k", "没有这样的用例", "--coverage", "--min", "0")
    assert none.code == 2
    assert "none of " in none.err
    for file in (config / "tests").iterdir():
        file.unlink()
    empty = leadrules("test", config, "--coverage")
    assert empty.code == 2
    assert "a rule without a test is a guess" in empty.err


def test_failures_count_whatever_the_coverage(leadrules: Command, config: Path) -> None:
    """Enough coverage is no success beside a failed case, which covers nothing."""
    change(config / "scoring.yaml", "points: 20", "points: 21")
    ran = leadrules("test", config, "--coverage", "--min", "10")
    assert ran.code == 1
    assert ": at least 10 %" in ran.out


def test_a_minimum_is_a_percentage(leadrules: Command) -> None:
    """More than everything cannot be asked for."""
    ran = leadrules("test", CONFIG, "--min", "101")
    assert ran.code == 2
    assert "101" in ran.err


def test_coverage_in_json_is_one_object_more(leadrules: Command) -> None:
    """The last line; nothing else is printed on stdout."""
    ran = leadrules("test", CONFIG, "-k", "SCO-16", "--min", "99", "--format", "json")
    *cases, last = map(json.loads, ran.out.splitlines())
    assert all(case["passed"] for case in cases)
    coverage = last["coverage"]
    assert (coverage["minimum"], coverage["passed"]) == (99, False)
    assert coverage["percent"] == 100 * coverage["shown"] // coverage["total"]
    assert len(coverage["missing"]) == coverage["total"] - coverage["shown"]
    assert {"file", "line", "column", "kind", "rule", "message"} < set(coverage["missing"][0])


def test_coverage_for_github_and_sarif_is_a_finding_a_place(leadrules: Command) -> None:
    """Errors below the minimum, notes otherwise."""
    chosen = ("test", CONFIG, "-k", "SCO-16", "--coverage")
    notes = leadrules(*chosen, "--format", "github").out.splitlines()
    assert all(line.startswith("::notice file=") for line in notes[:-2])
    errors = leadrules(*chosen, "--min", "99", "--format", "github").out.splitlines()
    assert all(line.startswith("::error file=") for line in errors[:-2])
    assert "title=not-covered" in errors[0]
    assert len(errors) == len(notes)
    sarif = json.loads(leadrules(*chosen, "--format", "sarif").out)
    results = sarif["runs"][0]["results"]
    assert {each["ruleId"] for each in results} == {"not-covered"}
    assert len(results) == len(notes) - 2


def test_coverage_in_junit_is_one_case_more(leadrules: Command) -> None:
    """It fails below the minimum, with all that is missing."""
    chosen = ("test", CONFIG, "-k", "SCO-16", "--format", "junit")
    root = ElementTree.fromstring(leadrules(*chosen, "--min", "99").out)
    (suite,) = (each for each in root if each.get("name") == "coverage")
    failure = suite.find("testcase/failure")
    assert failure is not None
    assert "less than the minimum of 99 %" in str(failure.get("message"))
    assert "journey sales-ready: never entered" in str(failure.text)
    fine = ElementTree.fromstring(leadrules(*chosen, "--min", "1").out)
    assert fine.get("failures") == "0"
