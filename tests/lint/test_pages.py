"""The checks' pages: complete, true, and the same in docs/ as in the code."""

from __future__ import annotations

import pytest

from engine.language.lint.registry import Check, checks
from tests.lint.pages import DOCS, generated

ALL = {"argvalues": checks(), "ids": lambda c: c.code}


def test_generated_files_are_fresh() -> None:
    """docs/lint/ and the cases are what the docstrings say; `python -m tests.lint.pages` writes them."""
    for file, text in generated().items():
        assert file.is_file(), f"{file} is missing: python -m tests.lint.pages"
        assert file.read_text("utf-8") == text, f"{file} is stale: python -m tests.lint.pages"


def test_no_page_is_about_a_check_that_is_gone() -> None:
    """docs/lint/ has the pages of the checks, their list and nothing else."""
    assert {p.stem for p in DOCS.iterdir()} == {"README", *(c.code for c in checks())}


@pytest.mark.parametrize("check", **ALL)
def test_a_page_says_everything(check: Check) -> None:
    """Meaning, a bad example, a good one and the way out, in this order; the meaning is a sentence."""
    titles = [line for line in check.page.splitlines() if line.startswith("## ")]
    assert titles == ["## Bad", "## Good", "## Way out"]
    assert check.summary.endswith(".")
    assert "|" not in check.summary
    assert check.severity in ("error", "warning", "info")


def test_there_are_at_least_twenty_checks() -> None:
    """Codes are unique, and there are as many as were promised."""
    assert len({c.code for c in checks()}) == len(checks()) >= 20
