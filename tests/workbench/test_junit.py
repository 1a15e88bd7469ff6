"""Findings and test results as JUnit XML."""

from __future__ import annotations

from xml.etree import ElementTree

from engine.language.diagnostic import Diagnostic, Source
from engine.workbench.junit import Outcome, as_junit
from engine.workbench.rendering import render

ERROR = Diagnostic("syntax", "not YAML", Source("b.yaml", 2, 3), hint="look at <this>")
INFO = Diagnostic("missing-label", 'no "label"', Source("b.yaml", 9, 1), "info")


def parsed(lines: list[str]) -> ElementTree.Element:
    """Return the document's root, its declaration included in what is parsed."""
    assert lines[0] == '<?xml version="1.0" encoding="UTF-8"?>'
    return ElementTree.fromstring("\n".join(lines).encode())


def test_each_file_is_a_suite() -> None:
    """A finding is a case of its file, a file without findings a case that passed."""
    root = parsed(render([ERROR, INFO], "junit", {"a.yaml": [], "b.yaml": []}))
    counts = {s.get("name"): (s.get("tests"), s.get("failures")) for s in root}
    assert counts == {"b.yaml": ("2", "1"), "a.yaml": ("1", "0")}
    assert (root.get("tests"), root.get("failures")) == ("3", "1")


def test_a_failure_says_what_people_read() -> None:
    """Code, place, message and way out, with XML's own characters escaped."""
    root = parsed(render([ERROR], "junit", {"b.yaml": []}))
    (failure,) = root.iter("failure")
    assert failure.get("type") == "syntax"
    assert failure.get("message") == "b.yaml:2:3: error[syntax] not YAML"
    assert failure.text == "b.yaml:2:3: error[syntax] not YAML\nlook at <this>"


def test_what_does_not_fail_the_run_is_a_note() -> None:
    """The table of a CI server is red exactly when the exit code is."""
    mild = parsed(render([INFO], "junit", {}, failing=("error", "warning")))
    assert [e.tag for e in mild.iter() if e.tag in ("failure", "system-out")] == ["system-out"]
    strict = parsed(render([INFO], "junit", {}, failing=("error", "warning", "info")))
    assert [e.tag for e in strict.iter() if e.tag in ("failure", "system-out")] == ["failure"]


def test_what_xml_cannot_hold_is_replaced() -> None:
    """A control character in a name gives a document that can still be read."""
    root = parsed(
        as_junit("x", [Outcome(group="a", name="bell \x07", failure="nul \x00")]).splitlines()
    )
    (case,) = root.iter("testcase")
    assert case.get("name") == "bell �"
