"""`leadrules user` at a running server."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Ran
from tests.serving import write_config

TOKEN = "the-administrators-own-token"
FIRST = "初始密码-请尽快修改"
User = Callable[..., Ran]


@pytest.fixture
def user(
    tmp_path: Path, leadrules: Callable[..., Ran], monkeypatch: pytest.MonkeyPatch
) -> Iterator[User]:
    """Run the verb against a server with an administrator's token; ``typed`` is standard input."""
    config = write_config(tmp_path / "config")
    command = [sys.executable, "-m", "engine.cli.main", "serve", "--config", str(config)]
    process = subprocess.Popen(
        [*command, "--db", str(tmp_path / "leads.db"), "--port", "0"],
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "LEADRULES_TOKEN": TOKEN},
        cwd=Path(__file__).parents[2],
    )
    assert process.stderr is not None
    try:
        found = re.search(r"http://\S+", next(line for line in process.stderr if "listens" in line))
        assert found

        def run(*arguments: str, typed: str = "") -> Ran:
            monkeypatch.setattr("sys.stdin", io.StringIO(typed))
            ran = leadrules("user", *arguments, "--url", found[0], "--token", TOKEN)
            assert FIRST not in ran.out + ran.err
            return ran

        yield run
    finally:
        process.terminate()
        process.communicate(timeout=30)


def test_accounts_are_kept(user: User) -> None:
    """`user` makes, lists and changes accounts; passwords come by standard input alone."""
    made = user("add", "小王", "--role", "sales", "--member", "li.na", typed=f"{FIRST}\n")
    assert (made.code, made.out[:2]) == (0, "小王")
    assert "sales li.na, first password, 0 sessions" in user("list").out
    assert "read, first password" in user("role", "小王", "--role", "read").out
    assert user("password", "小王", typed="另一个初始密码在这里\r\n").code == 0
    assert user("disable", "小王").out == "小王: read, disabled; all sessions ended\n"
    assert user("enable", "小王").code == 0
    assert user("sign-out", "小王").out == "0 sessions of 小王 ended\n"
    short = user("password", "小王", typed="kurz\n")
    assert short.code == 2
    assert "at least 10" in short.err
    for wrong in (["add", "x"], ["role", "x"], ["disable"], ["add", "x", "--password", "y"]):
        assert user(*wrong).code == 2
