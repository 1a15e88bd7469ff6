"""The README's commands run as they stand, and the Chinese README shows the same."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.docs.pages import ROOT, Block, blocks

README = blocks(ROOT / "README.md")
COMMANDS = [block for block in README if block.language == "bash"]
WRITTEN_URL = "http://127.0.0.1:8000"


def text(block: Block) -> str:
    """Return a block's commands."""
    return block.text.strip()


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A copy of what the commands use, its `.venv` being this one."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    venv = tmp_path / ".venv" / "bin"
    venv.mkdir(parents=True)
    (venv / "activate").write_text(f'export PATH="{venv}:$PATH"\n')
    command = venv / "leadrules"
    command.write_text(
        f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" -m engine.cli "$@"\n'
    )
    command.chmod(0o755)
    return tmp_path


@pytest.fixture
def environ(clone: Path) -> dict[str, str]:
    """The environment of somebody who has activated `.venv` and set nothing else."""
    kept = {k: v for k, v in os.environ.items() if not k.startswith(("LEADRULES_", "GITHUB_"))}
    return {**kept, "PATH": f"{clone}/.venv/bin:{kept['PATH']}", "NO_COLOR": "1"}


@pytest.fixture
def url(clone: Path, environ: dict[str, str]) -> Iterator[str]:
    """The server that the README starts, on a free port."""
    (command,) = (text(b) for b in COMMANDS if text(b).startswith("leadrules serve"))
    process = subprocess.Popen(
        [*command.split(), "--port", "0"], cwd=clone, env=environ, stderr=subprocess.PIPE, text=True
    )
    assert process.stderr is not None
    try:
        first = process.stderr.readline()
        found = re.search(r"http://[\d.:]+", first)
        assert found, first + process.stderr.read()
        yield found[0]
    finally:
        process.terminate()
        process.communicate(timeout=30)


def run(block: Block, clone: Path, environ: dict[str, str]) -> str:
    """Run a block as a shell would and return what it printed."""
    ran = subprocess.run(
        ["sh", "-euc", block.text],
        check=False,
        cwd=clone,
        env=environ,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert ran.returncode == 0, f"{block.id}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def test_the_first_commands_are_targets_of_the_makefile() -> None:
    """The first block is `make demo` and `make test`, and the Makefile has both."""
    assert text(COMMANDS[0]).splitlines() == ["make demo", "make test"]
    targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    assert {"demo", "test"} <= set(targets)


@pytest.mark.skipif(shutil.which("curl") is None, reason="the README posts with curl")
def test_every_command_runs(clone: Path, environ: dict[str, str], url: str) -> None:
    """All blocks of the README, in order and with a real server, end well and print what is said."""
    environ["LEADRULES_URL"] = url
    printed = []
    for block in COMMANDS[1:]:
        if text(block).startswith("leadrules serve"):
            continue
        moved = Block(block.page, block.line, block.language, block.text.replace(WRITTEN_URL, url))
        printed.append(run(moved, clone, environ))
    everything = "\n".join(printed)
    # From December on a line says how much of next year's calendar is guessed.
    clean = r"^0 errors, 0 warnings in \d+ files \(\d+ rules\)(, \d+ info)?$"
    assert re.search(clean, everything, re.MULTILINE)
    assert re.search(r"^\d+ passed, 0 failed in \d+ files", everything, re.MULTILINE)
    assert '"score":65,"grade":"B","stage":"mql"' in everything
    assert "评分 score: 65   等级 grade: B" in everything
    assert "离 A 级还差 15 分 points missing" in everything
    assert "2 leads imported, 0 were there already, 0 rejected, of 2 rows" in everything


def test_the_mistake_shown_is_what_validate_prints(clone: Path, environ: dict[str, str]) -> None:
    """The finding in the README is the real one, to the caret."""
    scoring = clone / "config" / "scoring.yaml"
    scoring.write_text(scoring.read_text("utf-8").replace("lead.industry:", "lead.industri:"))
    ran = subprocess.run(
        ["leadrules", "validate"],
        check=False,
        cwd=clone,
        env=environ,
        capture_output=True,
        text=True,
    )
    (shown,) = (b for b in README if b.language == "text" and "error[" in b.text)
    line = r"scoring\.yaml:\d+:|^ +\d+ \|"  # comments in config/ may move the line
    plain = re.sub(line, "", ran.stdout, flags=re.MULTILINE)
    assert re.sub(line, "", shown.text, flags=re.MULTILINE) in plain


def test_both_readmes_show_the_same_code() -> None:
    """README.zh-CN.md has the same fenced blocks in the same order."""
    chinese = blocks(ROOT / "README.zh-CN.md")
    assert [(b.language, b.text) for b in chinese] == [(b.language, b.text) for b in README]


def test_both_readmes_link_to_the_same_pages() -> None:
    """README.zh-CN.md links to what README.md links to, the other README aside."""
    links = [
        set(re.findall(r"\]\(([^)]+)\)", (ROOT / name).read_text(encoding="utf-8")))
        - {"README.md", "README.zh-CN.md"}
        for name in ("README.md", "README.zh-CN.md")
    ]
    assert links[0] == links[1]
