"""A new configuration to begin with, and what its repository needs to check it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from string import Template
from typing import Final

import engine

_FORMS: Final = Path(__file__).parent / "starter"
# Where GitHub and pre-commit look, and the text that goes there.
_REPOSITORY: Final[Mapping[str, str]] = {
    ".github/workflows/leadrules.yml": "workflow.yml.in",
    ".pre-commit-config.yaml": "pre-commit.yaml.in",
}


def configuration_files() -> dict[str, str]:
    """Return the files of a new configuration folder, path to text."""
    root = _FORMS / "config"
    return {
        form.relative_to(root).as_posix().removesuffix(".in"): form.read_text("utf-8")
        for form in sorted(root.rglob("*.in"))
    }


def repository_files(config: str) -> dict[str, str]:
    """Return what checks the configuration folder named ``config``, path to text.

    A workflow for GitHub and hooks for pre-commit, for the repository whose top it lies in.
    """
    # JSON's strings are YAML's: a name with spaces or quotes stays one word.
    words = {"config": json.dumps(config, ensure_ascii=False), "version": engine.__version__}
    return {
        file: Template((_FORMS / "repository" / form).read_text("utf-8")).substitute(words)
        for file, form in _REPOSITORY.items()
    }


def write_missing(folder: Path, files: Mapping[str, str]) -> list[Path]:
    """Write those files that are not there, and return those that are, which stay as they are."""
    kept = []
    for name, text in files.items():
        file = folder / name
        if file.exists():
            kept.append(file)
            continue
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8", newline="\n")
    return kept
