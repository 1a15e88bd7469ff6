"""The verbs merge and unmerge against a real server."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest

from engine.cli.main import run
from tests.server.test_process import post, server
from tests.serving import write_config


def test_merge_and_unmerge(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Two leads become one and two again; what cannot be done is said, with exit code 2."""
    config = write_config(tmp_path / "config")
    with server(config, tmp_path / "leads.db") as running:
        where = ["--url", running.url, "--reason", "同一个人"]
        for lead in ({"phone": "13800138000"}, {"email": "wang@acme.cn"}):
            post(running.url, {"type": "form_submitted", "lead": lead})
        other = httpx.get(f"{running.url}/v1/leads/wang@acme.cn").json()["id"]
        assert run(["merge", "13800138000", "wang@acme.cn", *where]) == 0
        assert "merged: wang@acme.cn is" in capsys.readouterr().out
        assert run(["merge", "13800138000", other, *where]) == 2
        assert "is this lead already" in capsys.readouterr().err
        assert run(["unmerge", other, *where, "--by", "zhao.min"]) == 0
        assert f"parted: {other} is a lead of its own again" in capsys.readouterr().out
        assert httpx.get(f"{running.url}/v1/leads/wang@acme.cn").json()["id"] == other
        assert run(["unmerge", other, *where]) == 2
