"""Every check has cases in its folder: what is bad is found at its place, what is good is not.

A case is a folder ``bad*`` or ``good*`` of files that are laid over ``_base``. A bad one has
``expected.txt``, a finding a line, and, where ``--fix`` mends it, ``fixed/`` with the result.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from engine.language.data import shipped
from engine.language.lint.fixing import edits_by_file, mended
from engine.language.lint.registry import checks
from tests.lint.configs import HERE, lay, linted, shown, texts

CODES = [c.code for c in checks()]
CASES = sorted(p for code in CODES for p in (HERE / code).glob("[bg]*") if p.is_dir())
IDS = [p.relative_to(HERE).as_posix() for p in CASES]


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_findings_are_exactly_the_expected_ones(case: Path, tmp_path: Path) -> None:
    """Code, file, line and column of every finding of a case; a good one has none."""
    folder = lay(texts(case), tmp_path / "config")
    expected = case / "expected.txt"
    wanted = expected.read_text("utf-8").splitlines() if expected.is_file() else []
    assert expected.is_file() is case.name.startswith("bad")
    found = linted(folder)
    assert shown(found, folder) == wanted
    for diagnostic in found.diagnostics:
        assert diagnostic.hint
        assert "\n" not in diagnostic.message


@pytest.mark.parametrize("case", [c for c in CASES if (c / "fixed").is_dir()], ids=str)
def test_fixes_give_the_expected_files(case: Path, tmp_path: Path) -> None:
    """What --fix writes is the expected file to the byte, and the finding is gone."""
    folder = lay(texts(case), tmp_path / "config")
    found = linted(folder).found
    fixes = edits_by_file(found)
    assert fixes
    for file, groups in fixes.items():
        text, count = mended(Path(file).read_text("utf-8"), groups)
        assert count == len(groups)
        Path(file).write_text(text, encoding="utf-8")
    for wanted in (p for p in (case / "fixed").rglob("*") if p.is_file()):
        mine = folder / wanted.relative_to(case / "fixed")
        assert mine.read_text("utf-8") == wanted.read_text("utf-8")
    left = [f.diagnostic.code for f in linted(folder).found]
    assert left == [f.diagnostic.code for f in found if not f.edits]


def test_every_finding_with_an_edit_has_a_case_that_mends_it(tmp_path: Path) -> None:
    """No check offers a fix whose result nobody has looked at."""
    for index, case in enumerate(CASES):
        found = linted(lay(texts(case), tmp_path / str(index)))
        if any(f.edits for f in found.found):
            assert (case / "fixed").is_dir(), case


@pytest.mark.parametrize("code", CODES)
def test_every_check_has_a_bad_and_a_good_case(code: str) -> None:
    """A check's bad cases all find it, and it has a good one."""
    bad = list((HERE / code).glob("bad*/expected.txt"))
    assert bad
    assert all(f" {code}\n" in b.read_text("utf-8") for b in bad)
    assert list((HERE / code).glob("good*"))


def test_no_folder_is_about_a_check_that_is_gone() -> None:
    """Each folder of cases is named by a check."""
    folders = {p.name for p in HERE.iterdir() if p.is_dir() and p.name[0] not in "_."}
    assert folders == set(CODES)


def test_the_base_is_clean(tmp_path: Path) -> None:
    """Without a change nothing is found, so each case fails for its own reason only."""
    assert linted(lay({}, tmp_path / "config")).diagnostics == []


def test_what_nobody_here_wrote_is_not_found_fault_with(tmp_path: Path) -> None:
    """Who writes no lifecycle.yaml has the shipped one, and could not change what is said of it."""
    folder = lay({}, tmp_path / "config")
    (folder / "lifecycle.yaml").unlink()
    assert [line for line in shown(linted(folder), folder) if "lifecycle.yaml" in line] == []
    own = (shipped("config") / "lifecycle.yaml").read_text("utf-8")
    (folder / "lifecycle.yaml").write_text(own, "utf-8")
    assert [line for line in shown(linted(folder), folder) if "lifecycle.yaml" in line]
