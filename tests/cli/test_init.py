"""``leadrules init``: what it writes passes at once, and overwrites nothing."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from engine import __version__
from engine.language.schemas import KINDS
from tests.cli.conftest import Ran

Command = Callable[..., Ran]
ROOT = Path(__file__).parents[2]
WORKFLOW = Path(".github", "workflows", "leadrules.yml")
HOOKS = Path(".pre-commit-config.yaml")


@pytest.fixture
def made(leadrules: Command, tmp_path: Path) -> Path:
    """A new configuration whose folder has a space and Chinese in its name."""
    folder = tmp_path / "仓库" / "销售 规则"
    assert leadrules("init", folder).code == 0
    return folder


def read(file: Path) -> Any:
    """Return the data of a YAML file."""
    return yaml.safe_load(file.read_text("utf-8"))


@pytest.mark.parametrize("verb", ["validate", "lint"])
def test_a_new_configuration_has_no_finding(leadrules: Command, made: Path, verb: str) -> None:
    """Neither the structure nor the meaning of the rules is found fault with."""
    ran = leadrules(verb, made, "--fail-on", "warning", "--now", "2026-03-05T09:00:00+08:00")
    assert ran.code == 0
    assert ran.out.startswith("0 errors, 0 warnings in 7 files")


def test_the_tests_of_a_new_configuration_pass(leadrules: Command, made: Path) -> None:
    """They show more of the rules than the workflow asks for."""
    ran = leadrules("test", made, "--coverage", "--min", "80")
    assert ran.code == 0, ran.out
    assert ", 0 failed in 1 files" in ran.out


def test_the_tests_can_fail(leadrules: Command, made: Path) -> None:
    """Fewer points for a director are noticed by them."""
    scoring = made / "scoring.yaml"
    text = scoring.read_text("utf-8")
    assert text.count("points: 20") == 1
    scoring.write_text(text.replace("points: 20", "points: 19"), encoding="utf-8")
    assert leadrules("test", made).code == 1


def test_every_file_is_commented_and_leads_to_its_schema(made: Path) -> None:
    """The first line names a schema that was written, and a comment says what the file is for."""
    files = sorted(made.rglob("*.yaml"))
    assert {"scoring.yaml", "routing.yaml", "journeys.yaml"} <= {file.name for file in files}
    for file in files:
        first, *_, third = file.read_text("utf-8").splitlines()[:3]
        target = first.removeprefix("# yaml-language-server: $schema=")
        assert (file.parent / target).is_file(), file
        assert third.startswith("# "), file


def test_the_schemas_are_fresh(leadrules: Command, made: Path) -> None:
    """They know the names of the new configuration, beside which they lie."""
    assert len(list((made.parent / "schemas").iterdir())) == len(KINDS)
    assert leadrules("schema", "--config", made, "--check") == Ran(0, "", "")


def test_the_workflow_runs(made: Path, tmp_path: Path) -> None:
    """Each of its commands but the installation, run by a shell as GitHub does, succeeds."""
    job = read(made.parent / WORKFLOW)["jobs"]["rules"]
    assert job["env"] == {"CONFIG": "销售 规则"}
    install, *commands = [step["run"] for step in job["steps"] if "run" in step]
    assert install == f'python -m pip install "leadrules>={__version__}"'
    assert [command.split()[1] for command in commands] == ["validate", "lint", "test", "schema"]
    programs = tmp_path / "programs"
    programs.mkdir()
    program = programs / "leadrules"
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m engine.cli "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    environ = {
        **os.environ,
        **job["env"],
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
    }
    for command in commands:
        ran = subprocess.run(
            ["sh", "-e", "-c", command],
            cwd=made.parent, env=environ, capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
        assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_hooks_are_those_of_this_repository(made: Path) -> None:
    """Ids and commands are as in .pre-commit-hooks.yaml; the folder and the version are filled in."""
    (repository,) = read(made.parent / HOOKS)["repos"]
    ours = {hook["id"]: hook for hook in read(ROOT / ".pre-commit-hooks.yaml")}
    assert [hook["id"] for hook in repository["hooks"]] == list(ours)
    for hook in repository["hooks"]:
        assert hook["args"] == ["销售 规则"]
        assert hook["additional_dependencies"] == [f"leadrules>={__version__}"]
        for key in ("name", "entry", "language", "files", "pass_filenames"):
            assert hook[key] == ours[hook["id"]][key]


def test_pre_commit_takes_the_hooks(made: Path) -> None:
    """Its own check of such a file finds nothing wrong."""
    checked = [sys.executable, "-m", "pre_commit", "validate-config", str(made.parent / HOOKS)]
    ran = subprocess.run(checked, capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_what_it_wrote_is_told(leadrules: Command, tmp_path: Path) -> None:
    """Each file is a line on stdout; what comes next is on stderr."""
    ran = leadrules("init", tmp_path / "config")
    files = {str(file) for file in tmp_path.rglob("*") if file.is_file()}
    assert set(ran.out.splitlines()) == files
    assert ran.err == (
        f"next: leadrules validate {tmp_path / 'config'} && leadrules test {tmp_path / 'config'}\n"
    )


def test_a_folder_in_use_is_left_alone(leadrules: Command, tmp_path: Path) -> None:
    """Nothing is written, inside or beside it, and the exit code is 2."""
    (tmp_path / "config").mkdir()
    (tmp_path / "config" / "笔记.txt").write_text("别动", encoding="utf-8")
    ran = leadrules("init", tmp_path / "config")
    assert ran.code == 2
    assert "not empty" in ran.err
    assert [file.name for file in tmp_path.rglob("*") if file.is_file()] == ["笔记.txt"]


def test_what_lies_beside_stays(leadrules: Command, tmp_path: Path) -> None:
    """Hooks that a repository has already are kept as they are, and named."""
    (tmp_path / HOOKS).write_text("repos: []  # 自己的\n", encoding="utf-8")
    ran = leadrules("init", tmp_path / "config")
    assert ran.code == 0
    assert (tmp_path / HOOKS).read_text("utf-8") == "repos: []  # 自己的\n"
    assert f"{tmp_path / HOOKS} is there already and stays as it is" in ran.err
    assert str(tmp_path / HOOKS) not in ran.out.splitlines()
    assert (tmp_path / WORKFLOW).is_file()


@pytest.mark.parametrize("name", [".", ".."])
def test_the_folder_one_is_in_is_refused(
    leadrules: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """Its schemas would come to lie outside; the message says what to name instead."""
    (tmp_path / "在这里").mkdir()
    monkeypatch.chdir(tmp_path / "在这里")
    ran = leadrules("init", name)
    assert ran.code == 2
    assert 'such as "config"' in ran.err
    assert [file.name for file in tmp_path.rglob("*")] == ["在这里"]
