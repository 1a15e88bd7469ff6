"""Broken configurations, a folder each: every one gives its codes at their exact places."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from engine.language.load import load_folder

HERE = Path(__file__).parent
CASES = sorted(p.name for p in HERE.iterdir() if p.is_dir() and not p.name.startswith("_"))


def found(case: str, folder: Path) -> list[str]:
    """Lay the case's files over the sound base and return its findings, one a line."""
    shutil.copytree(HERE / "_base", folder)
    for file in (HERE / case).iterdir():
        if file.suffix == ".yaml":
            shutil.copy(file, folder)
    loaded = load_folder(folder)
    lines = []
    for item in loaded.diagnostics:
        place = os.path.relpath(item.source.file, folder)
        lines.append(f"{place}:{item.source.line}:{item.source.column} {item.code}")
        assert item.hint, f"{item} says no way out"
        assert "\n" not in item.message
    assert loaded.definitions is None
    return lines


@pytest.mark.parametrize("case", CASES)
def test_each_broken_configuration_gives_its_codes_at_their_places(
    case: str, tmp_path: Path
) -> None:
    """All findings of a case, in one run, at file, line and column, none more."""
    expected = (HERE / case / "expected.txt").read_text(encoding="utf-8").split("\n")
    assert found(case, tmp_path / "config") == [line for line in expected if line]


def test_the_base_is_sound(tmp_path: Path) -> None:
    """Without a change the base loads, so each case fails for its own reason only."""
    loaded = load_folder(HERE / "_base")
    assert loaded.diagnostics == []
    assert loaded.definitions is not None
