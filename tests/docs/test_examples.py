"""The YAML in the documentation is real: what is shown works, what is said to be wrong is."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from engine.host.plugins import Plugins
from engine.host.templates.check import check_templates
from engine.language.diagnostic import Diagnostic, Diagnostics
from engine.language.load import Loaded, load_folder
from engine.network.ruleset import Ruleset
from engine.workbench.casefile import read_cases
from engine.workbench.runner import run_case
from tests.docs.pages import ROOT, Example, code, examples, read, rows, section

BASES = {
    None: ROOT / "tests" / "broken" / "_base",
    "config": ROOT / "config",
    "small": ROOT / "tests" / "docs" / "_base",
}
GOOD = list(examples("file"))
BROKEN = list(examples("broken"))


def lay(example: Example, base: str | None, folder: Path) -> Path:
    """Copy a base and lay the example over it; returns the example's file."""
    shutil.copytree(BASES[base], folder)
    file = folder / example.name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(example.block.text, encoding="utf-8")
    return file


def findings(loaded: Loaded) -> list[Diagnostic]:
    """Return what every command finds: the language's, then the plugins'."""
    if loaded.definitions is None:
        return loaded.diagnostics
    plugins = Plugins(entry_points=False).check(loaded.definitions)
    return [*loaded.diagnostics, *plugins, *check_templates(loaded.definitions, loaded.sources)]


@pytest.mark.parametrize("example", GOOD, ids=lambda e: e.id)
def test_every_example_loads(example: Example, tmp_path: Path) -> None:
    """A file that the documentation shows loads over a sound configuration, without findings."""
    lay(example, example.base, tmp_path / "config")
    added = Plugins(entry_points=False).extensions
    loaded = load_folder(tmp_path / "config", extensions=added)
    assert findings(loaded) == []
    assert loaded.definitions is not None
    Ruleset(loaded.definitions)


@pytest.mark.parametrize(
    "example", [e for e in GOOD if e.name.startswith("tests/")], ids=lambda e: e.id
)
def test_every_test_file_passes(example: Example, tmp_path: Path) -> None:
    """A test file that the documentation shows is read without findings and passes."""
    file = lay(example, example.base, tmp_path / "config")
    definitions = load_folder(tmp_path / "config").definitions
    assert definitions is not None
    found, ruleset = Diagnostics(), Ruleset(definitions)
    cases = read_cases(file.read_bytes(), str(file), ruleset, found)
    assert found.items == []
    assert cases
    assert [f for case in cases for f in run_case(ruleset, case).failures] == []


@pytest.mark.parametrize("example", BROKEN, ids=lambda e: e.id)
def test_every_broken_example_gives_its_code(example: Example, tmp_path: Path) -> None:
    """A file that diagnostics.md shows under a code gives this code and no other."""
    before = (ROOT / example.block.page).read_text(encoding="utf-8").splitlines()
    heading = next(x for x in reversed(before[: example.block.line]) if x.startswith("### "))
    file = lay(example, "small", tmp_path / "config")
    loaded = load_folder(tmp_path / "config")
    found = findings(loaded)
    if example.name.startswith("tests/"):
        assert found == []
        assert loaded.definitions is not None
        of_test = Diagnostics()
        read_cases(file.read_bytes(), str(file), Ruleset(loaded.definitions), of_test)
        found = of_test.items
    assert {d.code for d in found} == {heading.removeprefix("### ")}


def test_every_operator_example_is_a_condition(tmp_path: Path) -> None:
    """The examples in the tables of operators load as conditions, each using its operator."""
    lines = []
    for cells in rows(section(read("rules/conditions.md"), "Operators")):
        (operator,), (example,) = code(cells[0]), code(cells[-1])
        assert re.search(rf"\b{operator}\b", example), f"{example} does not show {operator}"
        steps = "steps: [{id: over, end: true}]"
        lines.append(f"  - {{id: journey-{len(lines)}, enter: {{when: {{{example}}}}}, {steps}}}")
    text = "\n".join(["journeys:", *lines])
    shutil.copytree(BASES["small"], tmp_path / "config")
    (tmp_path / "config" / "journeys.yaml").write_text(f"{text}\n", encoding="utf-8")
    loaded = load_folder(tmp_path / "config")
    assert loaded.diagnostics == []
    assert loaded.definitions is not None
    assert len(loaded.definitions.journeys) == len(lines)
