"""What durable-rules gets wrong, each in a process of its own, as docs/durable-rules.md says."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from engine.host.durable import missing

PROGRAMS = sorted(
    path for path in (Path(__file__).parent / "wrong").glob("*.py") if path.name[0] != "_"
)
PAGE = Path(__file__).parents[2] / "docs" / "durable-rules.md"
PATIENCE = 5  # seconds; a program that ends at all ends within one

why = missing()


def _said(program: Path, what: str) -> str:
    """Return the line of a program's docstring that begins so."""
    lines = program.read_text(encoding="utf-8").split('"""')[1].splitlines()
    found = [line.removeprefix(f"{what}: ") for line in lines if line.startswith(f"{what}: ")]
    assert len(found) == 1, f"{program.name} does not say {what}: once"
    return found[0]


def _outcome(program: Path) -> str:
    try:
        ended = subprocess.run(
            [sys.executable, str(program)],
            check=False,
            capture_output=True,
            timeout=PATIENCE,
            encoding="utf-8",
        )
    except subprocess.TimeoutExpired:
        return "hangs"
    if ended.returncode < 0:
        return f"dies by signal {-ended.returncode}"
    if ended.returncode:
        return f"raises {ended.stderr.strip().splitlines()[-1].partition(':')[0]}"
    return f"prints {ended.stdout.strip()}"


@pytest.mark.durable
@pytest.mark.skipif(why is not None, reason=why or "")
@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_it_still_goes_wrong_in_the_same_way(program: Path) -> None:
    """What the adapter avoids is still there; when one goes right, its fence can go."""
    assert _outcome(program) == _said(program, "Outcome")


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda program: program.stem)
def test_the_page_has_each_case(program: Path) -> None:
    """The page names every program, what would be right and what happens."""
    row = next(
        (line for line in PAGE.read_text("utf-8").splitlines() if f"/{program.name})" in line), ""
    )
    assert _said(program, "Right") in row
    assert _said(program, "Outcome") in row
