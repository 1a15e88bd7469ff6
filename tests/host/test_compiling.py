"""Compiled rules are kept by their version, and by the lines on which they stand."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.host.compiling import KEPT, Compiler
from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from tests.play import BASE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A sound configuration of its own."""
    shutil.copytree(BASE, tmp_path / "config")
    return tmp_path / "config"


def compiled(compiler: Compiler, folder: Path) -> Ruleset:
    """Load a folder and compile it."""
    loaded = load_folder(folder)
    assert loaded.definitions is not None, loaded.diagnostics
    return compiler.ruleset(loaded.definitions, loaded.sources)


def test_an_unchanged_folder_is_compiled_once(folder: Path) -> None:
    """A reload without any edit gives the very same ruleset."""
    compiler = Compiler()
    assert compiled(compiler, folder) is compiled(compiler, folder)


def test_rules_on_other_lines_are_compiled_anew(folder: Path) -> None:
    """A comment moves every rule: the version stays, and the ledger names the new lines."""
    compiler = Compiler()
    before = compiled(compiler, folder)
    scoring = folder / "scoring.yaml"
    scoring.write_text("# 评分规则\n" + scoring.read_text(encoding="utf-8"), encoding="utf-8")
    after = compiled(compiler, folder)
    assert after.version == before.version
    first, second = (next(iter(r.rules.values())).place for r in (before, after))
    assert first != second


def test_the_way_back_is_free_and_old_versions_go(folder: Path) -> None:
    """The latest few rulesets are kept, so going back gives the same one; older ones go."""
    compiler = Compiler()
    first = compiled(compiler, folder)
    text = (folder / "scoring.yaml").read_text(encoding="utf-8")
    for number in range(KEPT - 1):
        (folder / "scoring.yaml").write_text(f"{text}\n# {number}\n", encoding="utf-8")
        compiled(compiler, folder)
    (folder / "scoring.yaml").write_text(text, encoding="utf-8")
    assert compiled(compiler, folder) is first
    for number in range(KEPT):
        (folder / "scoring.yaml").write_text(f"{text}\n# and {number}\n", encoding="utf-8")
        compiled(compiler, folder)
    (folder / "scoring.yaml").write_text(text, encoding="utf-8")
    assert compiled(compiler, folder) is not first
