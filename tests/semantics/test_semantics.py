"""The nine semantics of conditions, each a small configuration with tests that an ops person reads.

A folder beside this file is one of them; ``leadrules test tests/semantics/04-windows`` runs it alone.
"""

from __future__ import annotations

import contextlib
import io
import json
import re
from pathlib import Path
from typing import Any

import pytest

from engine.cli.main import run

HERE = Path(__file__).parent
FOLDERS = sorted(folder for folder in HERE.iterdir() if folder.name[:2].isdecimal())
DOCS = HERE.parents[1] / "docs" / "rules" / "conditions.md"

each = pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)


def leadrules(*arguments: str) -> tuple[int, list[dict[str, Any]], str]:
    """Run a command line in this process; returns its code, its JSON lines and its words."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = run([*arguments, "--format", "json"])
    return code, [json.loads(line) for line in out.getvalue().splitlines()], err.getvalue()


@each
def test_its_cases_are_true(folder: Path) -> None:
    """Every case of every table passes, and there are some."""
    code, rows, words = leadrules("test", str(folder))
    assert [row for row in rows if not row["passed"]] == []
    assert code == 0, words
    assert len(rows) >= 5


@each
def test_its_rules_load_without_an_error(folder: Path) -> None:
    """`leadrules validate` has nothing to say against what people would copy from here."""
    code, rows, words = leadrules("validate", str(folder))
    assert [row for row in rows if row.get("severity") == "error"] == []
    assert code == 0, words


def test_each_of_the_nine_has_its_folder() -> None:
    """The list in the docs and the folders are the same nine."""
    whole = DOCS.read_text("utf-8").partition("## What it means exactly")[2]
    listed = [int(number) for number in re.findall(r"^(\d+)\. \*\*", whole, re.MULTILINE)]
    assert listed == [int(folder.name[:2]) for folder in FOLDERS] == list(range(1, 10))
