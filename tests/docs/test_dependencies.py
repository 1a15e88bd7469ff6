"""docs/dependencies.md tells of every dependency that pyproject.toml declares."""

import re
import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _declared() -> set[str]:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    groups = [project["dependencies"], *project["optional-dependencies"].values()]
    names = (re.match(r"[A-Za-z0-9._-]+", line) for group in groups for line in group)
    return {_normal(name[0]) for name in names if name}


def _documented() -> dict[str, list[str]]:
    text = (ROOT / "docs" / "dependencies.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `([^`]+)` \|(.*)\|$", text, re.MULTILINE)
    return {_normal(name): [cell.strip() for cell in rest.split("|")] for name, rest in rows}


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_dependency_is_documented():
    """Each dependency in pyproject.toml, extras included, has its row in the docs."""
    assert _declared() - set(_documented()) == set()


def test_no_documented_dependency_is_gone():
    """Each row of the docs is about a dependency that pyproject.toml still declares."""
    assert set(_documented()) - _declared() == set()


def test_every_row_is_filled_in():
    """Each row says why, which release, which licence, what size and what was rejected."""
    short = {name for name, cells in _documented().items() if len(cells) < 5 or not all(cells)}
    assert short == set()
