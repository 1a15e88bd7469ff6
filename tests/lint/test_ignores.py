"""Comments that hide findings."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from engine.language.lint.ignores import read_ignores
from engine.language.lint.running import lint
from engine.language.load import load_folder
from tests.lint.configs import HERE, NOW, lay, linted, shown, texts


def read(line: str) -> list[tuple[tuple[str, ...], str, int]]:
    """Return codes, reason and column of the ignores in a line."""
    return [(i.codes, i.reason, i.source.column) for i in read_ignores({"a.yaml": [line]})]


@pytest.mark.parametrize(
    ("line", "codes", "reason", "column"),
    [
        ("a: 1  # leadrules: ignore[x] 因为", ("x",), "因为", 7),
        ("# leadrules: ignore[x, y-z]: two of them", ("x", "y-z"), "two of them", 1),
        ("a: 1 #leadrules:ignore[x]  -  why", ("x",), "why", 6),
        ("{# leadrules: ignore[x] in a template #}", ("x",), "in a template", 2),
        ("a: 1  # leadrules: ignore[x]", ("x",), "", 7),
        ("a: 1  # leadrules: ignore everything", (), "everything", 7),
    ],
)
def test_an_ignore_is_read(line: str, codes: tuple[str, ...], reason: str, column: int) -> None:
    """Codes in brackets, the reason behind them, and where the comment begins."""
    assert read(line) == [(codes, reason, column)]


@pytest.mark.parametrize(
    "line", ["a: b#leadrules: ignore[x] y", "# leadrules ignore[x]", "ignore[x]"]
)
def test_other_text_is_no_ignore(line: str) -> None:
    """A `#` inside of a word begins no comment."""
    assert read(line) == []


def test_an_ignore_hides_its_own_line_and_code_only(tmp_path: Path) -> None:
    """Two findings on one line: the one that is named is hidden and counted, the other stays."""
    files = texts(HERE / "contradictory-condition" / "bad-many")
    lines = files["scoring.yaml"].splitlines()
    lines[5] += "  # leadrules: ignore[ne-missing-field] 试一试"
    files["scoring.yaml"] = "\n".join(lines)
    folder = lay(files, tmp_path / "config")
    found = linted(folder)
    assert found.ignored == 1
    assert "scoring.yaml:6:58 contradictory-condition" in shown(found, folder)
    assert not [s for s in shown(found, folder) if s.endswith(" ne-missing-field")]


def test_what_a_plugin_brings_need_not_be_yaml(tmp_path: Path) -> None:
    """Lines that are there only to be shown are not read by the checks."""
    folder = lay({}, tmp_path / "config")
    loaded = load_folder(folder)
    assert loaded.definitions is not None
    shown_too = msgspec.structs.replace(loaded, sources={**loaded.sources, "plugin x": ["{"]})
    assert lint(shown_too, loaded.definitions, NOW).found == ()
