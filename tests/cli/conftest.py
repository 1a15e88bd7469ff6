"""A configuration to break, the command line, and a real server on loopback."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest

from engine.cli.main import run

CONFIG = Path(__file__).parents[2] / "config"


class Ran(msgspec.Struct, frozen=True):
    """What a command line gave."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """No setting of this machine changes what is tested."""
    for name in ("GITHUB_ACTIONS", "LEADRULES_URL", "LEADRULES_TOKEN", "LEADRULES_DEBUG"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def leadrules(capsys: pytest.CaptureFixture[str]) -> Callable[..., Ran]:
    """Runs a command line in this process."""

    def command(*arguments: str | Path) -> Ran:
        capsys.readouterr()
        code = run([str(a) for a in arguments])
        return Ran(code, *capsys.readouterr())

    return command


@pytest.fixture
def config(tmp_path: Path) -> Path:
    """A copy of the default configuration."""
    return Path(shutil.copytree(CONFIG, tmp_path / "config"))


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Path]]:
    """A running server's URL and its database."""
    database = tmp_path_factory.mktemp("server") / "leads.db"
    environ = {k: v for k, v in os.environ.items() if not k.startswith("LEADRULES_")}
    arguments = ["serve", "--config", str(CONFIG), "--db", str(database), "--port", "0"]
    process = subprocess.Popen(
        [sys.executable, "-m", "engine.cli.main", *arguments],
        stderr=subprocess.PIPE,
        text=True,
        env=environ,
        cwd=CONFIG.parent,
    )
    assert process.stderr is not None
    first = process.stderr.readline()
    found = re.search(r"http://\S+", first)
    try:
        assert found, first + process.stderr.read()
        yield found[0], database
    finally:
        process.terminate()
        process.communicate(timeout=30)
