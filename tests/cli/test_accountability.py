from __future__ import annotations

import json
from pathlib import Path

import httpx
import pytest

from engine.cli.main import run
from tests.server.test_process import post, server
from tests.serving import form, write_config


def test_reload_audit_and_forget(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """The verbs change a running server, say what came of it, and stand in the audit."""
    config = write_config(tmp_path / "config")
    with server(config, tmp_path / "leads.db") as running:
        where = ["--url", running.url]
        post(running.url, form(1, company="金泰阀门"))
        assert run(["reload", *where]) == 0
        assert "are in use" in capsys.readouterr().out
        good = (config / "scoring.yaml").read_text("utf-8")
        (config / "scoring.yaml").write_text(good.replace("points:", "pionts:"), "utf-8")
        assert run(["reload", *where]) == 1
        told = capsys.readouterr()
        assert "scoring.yaml:6:" in told.out
        assert "error[" in told.out
        assert "stay as they are" in told.err
        (config / "scoring.yaml").write_text(good, "utf-8")

        assert run(["forget", "w1@acme.cn", "--yes", *where]) == 0
        assert "1 identities" in capsys.readouterr().out
        assert httpx.get(f"{running.url}/v1/leads/w1@acme.cn").status_code == 404
        assert run(["forget", "w1@acme.cn", "--yes", *where]) == 2

        assert run(["audit", *where]) == 0
        shown = capsys.readouterr().out
        assert "POST /v1/leads/{id}/forget  forgotten:" in shown
        assert "acme" not in shown
        assert run(["audit", "--limit", "1", "--who", "admin", "--format", "json", *where]) == 0
        (item,) = json.loads(capsys.readouterr().out)
        assert item["action"] == "POST /v1/leads/{id}/forget"
        assert item["status"] == 200
