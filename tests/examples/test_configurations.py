"""Every configuration in examples/: valid, tested, and together the proof of the guides' figures.

A folder with a scoring.yaml is found by itself; a new example needs no code here.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import msgspec
import pytest

from engine.cli.main import run
from engine.host.rendering import Renderer
from engine.language.load import load_folder
from engine.machines.state import Lead
from engine.network.ruleset import Ruleset

EXAMPLES = Path(__file__).parents[2] / "examples"
FOLDERS = sorted(file.parent for file in EXAMPLES.glob("*/scoring.yaml"))

# The figures of the five guides on scores, grades and nurturing, by their ids in the requirements.
REQUIRED = {
    *(f"SCO-{n}" for n in range(1, 30)),
    *(f"GRD-{n}" for n in range(1, 7)),
    *(f"NUR-{n}" for n in range(1, 17)),
    "ABT-1",
}
_ID = re.compile(r"(?<![A-Z])(?:SCO|GRD|NUR|ABT)-\d+")

SOMEBODY = {
    "lead.name": "王芳",
    "lead.company": "金泰阀门",
    "lead.industry": "制造业",
    "lead.need": "排产",
    "lead.source.name": "官网表单",
    "owner": "zhao.min",
}


class Ran(msgspec.Struct, frozen=True):
    """What a command line gave: its exit code, the objects it printed, and its words."""

    code: int
    rows: list[dict[str, Any]]
    words: str


@pytest.fixture(scope="module")
def leadrules() -> Callable[..., Ran]:
    """Runs a command line in this process and reads its JSON; the same one only once."""

    @cache
    def command(*arguments: str | Path) -> Ran:
        out, err = io.StringIO(), io.StringIO()
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            code = run([*(str(a) for a in arguments), "--format", "json"])
        rows = [json.loads(line) for line in out.getvalue().splitlines()]
        return Ran(code, rows, err.getvalue())

    return command


def each_folder(test: Callable[..., None]) -> Callable[..., None]:
    """Run ``test`` once for each example."""
    return pytest.mark.parametrize("folder", FOLDERS, ids=lambda f: f.name)(test)


@each_folder
def test_it_has_no_findings(folder: Path, leadrules: Callable[..., Ran]) -> None:
    """`leadrules validate` finds neither an error nor a warning, whatever day it is."""
    ran = leadrules("validate", folder, "--fail-on", "warning")
    assert [row for row in ran.rows if row["severity"] != "info"] == []
    assert {row["code"] for row in ran.rows} <= {"unofficial-calendar"}
    assert ran.code == 0, ran.words


@each_folder
def test_its_own_tests_pass(folder: Path, leadrules: Callable[..., Ran]) -> None:
    """`leadrules test` is green."""
    ran = leadrules("test", folder)
    assert [row for row in ran.rows if not row["passed"]] == []
    assert ran.code == 0, ran.words
    assert ran.rows


@each_folder
def test_its_tests_show_its_rules(folder: Path, leadrules: Callable[..., Ran]) -> None:
    """Of each at least 95 % is covered; what is not has no occasion, as examples/README.md says."""
    least = 90 if folder.name == "guide-000-weighted" else 95
    assert leadrules("test", folder, "--coverage", "--min", least).code == 0


@each_folder
def test_its_readme_says_how_to_run_it(folder: Path) -> None:
    """A reader finds the commands in the folder's README and the folder in the list of examples."""
    readme = (folder / "README.md").read_text("utf-8")
    for verb in ("validate", "test"):
        assert f"leadrules {verb} examples/{folder.name}\n" in readme
    assert f"]({folder.name})" in (EXAMPLES / "README.md").read_text("utf-8")


@each_folder
def test_its_readme_names_only_what_its_tests_prove(
    folder: Path, leadrules: Callable[..., Ran]
) -> None:
    """A SCO or GRD id in the README's table of figures is the name of a case, ranges spelt out."""
    lines = (folder / "README.md").read_text("utf-8").splitlines()
    figures = "\n".join(line for line in lines if line.startswith("| "))
    proven = {id for row in leadrules("test", folder).rows for id in _ID.findall(row["name"])}
    assert set(_ID.findall(figures)) <= proven


@each_folder
@pytest.mark.parametrize("facts", [{}, SOMEBODY], ids=["nothing known", "much known"])
def test_everything_it_sends_can_be_written(folder: Path, facts: dict[str, str]) -> None:
    """No message or notice needs a field that a lead may not have."""
    definitions = load_folder(folder).definitions
    assert definitions is not None
    renderer = Renderer(Ruleset(definitions))
    lead = Lead("lead-1", 0, 0, facts=dict(facts))
    for message in definitions.messages.values():
        rendered = renderer.render(message, {}, lead)
        assert rendered.text or rendered.html
        assert rendered.subject or message.action != "email"
    for step in (s for j in definitions.journeys for s in j.steps if s.kind == "do"):
        assert renderer.render(None, step.with_["with"], lead).text


def test_every_figure_is_proven_by_a_case(leadrules: Callable[..., Ran]) -> None:
    """Each SCO and GRD requirement is in the name of a case that passes in some example."""
    rows = [row for folder in FOLDERS for row in leadrules("test", folder).rows if row["passed"]]
    proven = {id for row in rows for id in _ID.findall(row["name"])}
    assert sorted(REQUIRED - proven) == []
    assert sorted(proven - REQUIRED) == []
