"""docs/rules/diagnostics.md has every code that a finding can have."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

from tests.docs.pages import ROOT, headings, read

_CODE = re.compile(r"[a-z]+(-[a-z]+)*")
# Where findings are made; a test's events are refused by the door, with the door's codes.
_PLACES = (
    *sorted((ROOT / "engine" / "language").rglob("*.py")),
    *sorted((ROOT / "engine" / "workbench").rglob("*.py")),
    *(
        ROOT / "engine" / "host" / name
        for name in (
            *("plugins.py", "door.py", "fields.py", "network.py"),
            *("templates/check.py", "templates/walk.py"),
        )
    ),
    ROOT / "engine" / "network" / "durable.py",
)
_MAKERS = {"error", "warning", "_error", "_failure", "Diagnostic", "Fault", "_fault"}
# Calls that put what is not known behind "unknown-", and which argument says it.
_UNKNOWN = {"known": 3, "_known": 1}


def texts(node: ast.expr) -> Iterator[str]:
    """Yield the texts that an expression may be."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from (*texts(node.body), *texts(node.orelse))


def codes_of_call(call: ast.Call) -> Iterator[str]:
    """Yield the codes that a call makes findings with."""
    name = getattr(call.func, "attr", getattr(call.func, "id", ""))
    owner = getattr(getattr(call.func, "value", None), "id", "")
    if (name in _MAKERS or (name == "add" and owner == "faults")) and call.args:
        yield from (code for code in texts(call.args[0]) if _CODE.fullmatch(code))
    place = _UNKNOWN.get(name)
    if place is not None and len(call.args) > place:
        yield from (f"unknown-{what}" for what in texts(call.args[place]))


def code_of_violation(returned: ast.expr | None) -> Iterator[str]:
    """Yield the code in what schema.py calls a violation: (code, text, hint)."""
    if isinstance(returned, ast.Tuple) and len(returned.elts) == 3:
        yield from texts(returned.elts[0])


def codes() -> set[str]:
    """Return every code in the source."""
    found: set[str] = set()
    for file in _PLACES:
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call):
                found.update(codes_of_call(node))
            elif file.name == "schema.py" and isinstance(node, ast.Return):
                found.update(code_of_violation(node.value))
    return found


def test_the_search_for_codes_finds_them() -> None:
    """Codes written in each of the known ways are found."""
    assert {"syntax", "type", "unknown-team", "unknown-property", "bad-connection"} <= codes()


def test_every_code_has_its_section() -> None:
    """Each code in the source is a heading of the page."""
    assert codes() - set(headings(read("rules/diagnostics.md"), 3)) == set()


def test_no_section_is_about_a_code_that_is_gone() -> None:
    """Each heading of the page is a code in the source."""
    assert set(headings(read("rules/diagnostics.md"), 3)) - codes() == set()


def test_every_broken_configuration_is_about_a_told_code() -> None:
    """The codes that tests/broken expects are told, too."""
    expected = {
        line.split()[1]
        for file in (ROOT / "tests" / "broken").glob("*/expected.txt")
        for line in file.read_text(encoding="utf-8").splitlines()
    }
    assert expected - set(headings(read("rules/diagnostics.md"), 3)) == set()
