"""Writes what is made from the checks' docstrings: docs/lint/ and the cases of tests/lint/.

``python -m tests.lint.pages`` writes; a test says when that was forgotten.
"""

from __future__ import annotations

from pathlib import Path

from engine.language.lint.pages import index, page
from engine.language.lint.registry import checks
from tests.lint.configs import HERE, examples

ROOT = HERE.parents[1]
DOCS = ROOT / "docs" / "lint"


def generated() -> dict[Path, str]:
    """Return every generated file with what belongs in it."""
    files = {DOCS / "README.md": index()}
    for check in checks():
        files[DOCS / f"{check.code}.md"] = page(check)
        for example in examples(check):
            folder = HERE / check.code / example.title.lower()
            files.update({folder / name: text for name, text in example.files.items()})
    return files


if __name__ == "__main__":
    for file, text in generated().items():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
