"""Broken configurations, a folder each: every one gives its codes at their exact places."""

from __future__ import annotations

import os
import re
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


# The classes of mistakes, each by codes that stand for it.
CLASSES = {
    "typing": {"type", "value", "format", "operand", "unknown-key", "missing-key", "duration"},
    "types": {"enum-values", "field-type", "unknown-operator", "duplicate-id"},
    "references": {
        *("unknown-field", "unknown-event", "unknown-property", "unknown-stage", "unknown-step"),
        *("unknown-message", "unknown-connection", "unknown-team", "unknown-pool"),
        *("unknown-member", "unknown-calendar", "unknown-condition", "unknown-dimension"),
        "unknown-strategy",
    },
    "cycles": {"rule-cycle", "condition-cycle"},
    "gaps": {"no-fallback", "no-default", "empty-rule", "empty-message", "repeat-missing"},
    "YAML": {
        *("syntax", "duplicate-key", "tag", "encoding", "many-documents", "key-type", "number"),
        *("too-deep", "too-many-nodes", "unknown-anchor"),
    },
}


def test_every_class_of_mistake_has_its_cases() -> None:
    """A hundred configurations and more, and none of the classes is left out."""
    texts = [(HERE / case / "expected.txt").read_text("utf-8") for case in CASES]
    codes = {line.split()[1] for text in texts for line in text.splitlines() if line}
    assert len(CASES) >= 100
    assert {name: wanted - codes for name, wanted in CLASSES.items() if wanted - codes} == {}


@pytest.mark.parametrize(
    ("file", "right", "wrong"),
    [
        ("scoring", "lead.industry:", "lead.idustry:"),
        ("scoring", "at_least:", "at_lest:"),
        ("scoring", "event: page_viewed", "event: page_veiwed"),
        ("scoring", "{page: pricing}", "{pgae: pricing}"),
        ("scoring", "absent:", "asbent:"),
        ("scoring", "count:", "cuont:"),
        ("scoring", "dimension: behavior", "dimension: behaviour"),
        ("scoring", "exclusive:", "exlusive:"),
        ("scoring", "repeat: each", "repeat: eahc"),
        ("journeys", "send: welcome", "send: welcmoe"),
        ("messages", "action: email", "action: emial"),
        ("routing", "team: east, strategy: round_robin", "team: eats, strategy: round_robin"),
        ("routing", "strategy: round_robin", "strategy: round_robbin"),
        ("routing", "pool: public", "pool: publci"),
        ("routing", "do: recycle", "do: recylce"),
    ],
)
def test_a_misspelt_name_gives_the_nearest_right_one(
    file: str, right: str, wrong: str, tmp_path: Path
) -> None:
    """In the one finding that there is, whatever the name is a name of."""
    folder = Path(shutil.copytree(HERE / "_base", tmp_path / "config"))
    text = (folder / f"{file}.yaml").read_text("utf-8")
    assert right in text
    (folder / f"{file}.yaml").write_text(text.replace(right, wrong, 1), "utf-8")
    loaded = load_folder(folder)
    words = set(re.findall(r"[\w.]+", right)) - set(re.findall(r"[\w.]+", wrong))
    assert len(loaded.diagnostics) == 1
    found = loaded.diagnostics[0]
    assert any(f'did you mean "{word}"?' in found.message for word in words), found.message
