"""What is written in place of a field, and often is: the way out is said."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from engine.language.load import load_folder
from tests.play import BASE

SAID = {
    "{or: [{lead.city: 上海}, {lead.city: 北京}]}": "write any: [{...}, {...}]",
    "{AND: [{lead.city: 上海}, {lead.industry: 制造业}]}": "write all: [{...}, {...}]",
    "{email_opened: {gte: 3}}": "write such as count: {event: email_opened",
    "{event.page: pricing}": "only where the rule names an event",
    "{not: [{lead.city: 上海}]}": "write any: [{...}, {...}]",
    "{lead.city: }": "lead.city: {exists: false}",
    "{lead.employees: {gte: 5, lte}}": "lead.employees: {exists: false}",
    "{lead.city: NULL}": "write a value",
}


@pytest.mark.parametrize("when", SAID)
def test_the_hint_says_how_it_is_written(tmp_path: Path, when: str) -> None:
    """One finding, at its place, without a word of Python."""
    shutil.copytree(BASE, tmp_path, dirs_exist_ok=True)
    rule = f"{{id: own, dimension: fit, when: {when}, points: 1}}"
    (tmp_path / "scoring.yaml").write_text(
        "models: {default: {dimensions: {fit: {}}, grades: [{grade: A, from: 0}], rules: [\n"
        f"{rule}]}}}}\n",
        encoding="utf-8",
    )
    [finding] = [d for d in load_folder(tmp_path).diagnostics if d.rule == "own"]
    assert SAID[when] in finding.hint
    assert "None" not in finding.message
    assert "{'" not in finding.message


def test_a_day_in_a_wrong_form_is_told_as_it_was_written(tmp_path: Path) -> None:
    """Not as the instant that we make of it."""
    shutil.copytree(BASE, tmp_path, dirs_exist_ok=True)
    journey = (
        "{id: a, enter: {when: {lead.birthday: {before: 1990/01/01}}}, steps: [{id: b, end: true}]}"
    )
    (tmp_path / "journeys.yaml").write_text(f"journeys: [{journey}]\n", encoding="utf-8")
    [finding] = load_folder(tmp_path).diagnostics
    assert "'1990/01/01' is not" in finding.message


def test_a_merge_key_is_told_of(tmp_path: Path) -> None:
    """YAML 1.1 had them; here they are a key like any other, which nothing knows."""
    shutil.copytree(BASE, tmp_path, dirs_exist_ok=True)
    (tmp_path / "scoring.yaml").write_text(
        "models: {default: {dimensions: {fit: {}}, grades: [{grade: A, from: 0}], rules: [\n"
        "&one {id: one, dimension: fit, when: {lead.city: 上海}, points: 1},\n"
        "{<<: *one, id: two, dimension: fit, points: 2},\n"
        "{id: three, dimension: fit, when: {<<: {lead.city: 上海}}, points: 1}]}}\n",
        encoding="utf-8",
    )
    found = [d for d in load_folder(tmp_path).diagnostics if '"<<"' in d.message]
    assert [(d.source.line, d.hint) for d in found] == [
        (3, "YAML 1.2 has no merge keys: write the keys out"),
        (4, "YAML 1.2 has no merge keys: write the keys out"),
    ]
