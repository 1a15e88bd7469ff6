"""``leadrules new`` and ``leadrules plugins``."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from engine.cli.main import run

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("kind", ["channel", "action"])
def test_a_new_plugin_passes_its_contract(kind: str, tmp_path: Path) -> None:
    """What is written is formatted, and its tests pass as they stand, warnings being errors."""
    folder = tmp_path / "mine"
    assert run(["new", kind, "call_center", "--out", str(folder)]) == 0
    environ = {**os.environ, "PYTHONPATH": os.pathsep.join((str(folder), str(ROOT)))}
    options = ("-q", "-W", "error", "-p", "no:cacheprovider", "--rootdir", str(folder))
    ran = subprocess.run(
        [sys.executable, "-m", "pytest", *options, str(folder)],
        env=environ, cwd=folder, capture_output=True, text=True, timeout=100, check=False,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stdout
    assert "test_it_registers" not in ran.stdout
    assert " passed" in ran.stdout
    ruff = [sys.executable, "-m", "ruff", "check", "--isolated", "--select", "E,F,I,D1,UP,B"]
    quiet = ["--ignore", "D102,D107", "--line-length", "100", str(folder)]
    checked = subprocess.run(
        [*ruff, *quiet], cwd=folder, capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize(
    "name", ["Call", "2fast", "call-center", "呼叫", "class", "a/b", "", "email"]
)
def test_a_bad_name_is_refused(
    name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A name that no module can have, or that is taken, is refused, and nothing is written."""
    folder = tmp_path / "mine"
    assert run(["new", "action", name, "--out", str(folder)]) == 2
    assert f'"{name}"' in capsys.readouterr().err
    assert not folder.exists()


def test_nothing_is_overwritten(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A folder with something in it stays as it is."""
    (tmp_path / "kept.txt").write_text("留着")
    assert run(["new", "action", "fax", "--out", str(tmp_path)]) == 2
    assert str(tmp_path) in capsys.readouterr().err
    assert [file.name for file in tmp_path.iterdir()] == ["kept.txt"]


def test_plugins_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    """The list has each plugin's origin, hooks, settings and routes, required settings marked."""
    assert run(["plugins", "--format", "json"]) == 0
    told = {each["name"]: each for each in map(json.loads, capsys.readouterr().out.splitlines())}
    assert told["email"]["origin"] == "plugins.actions.email"
    assert told["email"]["hooks"] == ["register_actions"]
    settings = {s["name"]: s["required"] for s in told["email"]["actions"]["email"]["settings"]}
    assert settings["host"]
    assert not settings["port"]
    assert "POST /channels/form/{form}" in told["form"]["channels"]["form"]["routes"]
    assert "POST /v1/track" in told["segment"]["channels"]["segment"]["routes"]


def test_one_plugin_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    """A name picks one out; one that is not there is answered with the nearest."""
    assert run(["plugins", "email"]) == 0
    shown = capsys.readouterr().out
    assert shown.startswith("email  plugins.actions.email\n")
    assert "host*" in shown
    assert "tracking" not in shown
    assert run(["plugins", "emial"]) == 2
    assert 'did you mean "email"?' in capsys.readouterr().err
