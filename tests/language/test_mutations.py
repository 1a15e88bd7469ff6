"""Whatever is wrong in a configuration, loading says what and where, and never fails itself."""

from __future__ import annotations

import copy
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings

from engine.language.diagnostic import Diagnostic, Source
from engine.language.load import Loaded, load_folder
from tests.language.mutations import (
    at,
    kinds_of_places,
    lay,
    mistaken,
    scrambled,
    sound,
    with_condition,
    written,
)

ENVIRON = {"SMTP_PORT": "2525"}


def loaded_from(texts: Mapping[str, str]) -> Loaded:
    """Load a folder of these texts; every finding is whole and stands inside its file."""
    with tempfile.TemporaryDirectory() as base:
        folder = Path(base) / "config"
        lay(texts, folder)
        loaded = load_folder(folder, ENVIRON)
        for each in loaded.diagnostics:
            _whole(each)
            _inside(each.source, loaded.sources)
    wrong = [d for d in loaded.diagnostics if d.severity == "error"]
    assert (loaded.definitions is None) == bool(wrong)
    return loaded


def _whole(each: Diagnostic) -> None:
    assert each.code
    assert each.hint, f"{each} says no way out"
    assert each.message
    assert "\n" not in each.message


def _inside(source: Source, sources: Mapping[str, list[str]]) -> None:
    lines = sources.get(source.file) or [""]
    assert 1 <= source.line <= len(lines) + 1, source
    line = lines[source.line - 1] if source.line <= len(lines) else ""
    assert 1 <= source.column <= len(line) + 2, source
    assert (source.end_line, source.end_column) >= (source.line, source.column)


def test_what_the_mistakes_are_made_in_is_sound() -> None:
    """Without a mistake there are definitions and no finding."""
    loaded = loaded_from({kind: written(data) for kind, data in sound().items()})
    assert loaded.diagnostics == []
    assert loaded.definitions is not None


# Of a wrong kind nearly anywhere, and each to be told from having nothing.
WRONG = (True, 5, "x", [], {}, [True])


@pytest.mark.parametrize("kind", sorted(sound()))
@pytest.mark.parametrize("value", WRONG, ids=repr)
def test_a_wrong_value_anywhere_gives_findings_or_definitions(kind: str, value: Any) -> None:
    """A value of another kind, at each key of each file, ends in no traceback."""
    files = sound()
    for path in kinds_of_places(files[kind]):
        mistake = copy.deepcopy(files[kind])
        at(mistake, path[:-1])[path[-1]] = value
        loaded_from({name: written(data) for name, data in {**files, kind: mistake}.items()})


@settings(max_examples=100, deadline=None)
@given(mistaken())
def test_mistakes_give_findings_or_definitions(texts: dict[str, str]) -> None:
    """Whatever is removed, repeated, misspelt or put elsewhere, loading gives one or the other."""
    loaded_from(texts)


@settings(max_examples=100, deadline=None)
@given(with_condition())
def test_any_condition_gives_findings_or_definitions(texts: dict[str, str]) -> None:
    """Whatever stands where a condition belongs is parsed, or refused with its place."""
    loaded_from(texts)


@settings(max_examples=60, deadline=None)
@given(scrambled())
def test_accidents_in_the_text_give_findings_or_definitions(texts: dict[str, str]) -> None:
    """A stray character, a cut or repeated line gives findings in the file, or loads."""
    loaded_from(texts)
