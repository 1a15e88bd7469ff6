"""A server on ``network: durable``, in a process of its own, over HTTP."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.host.durable import missing
from tests.durable.small import CANNOT, children, nobody_survives, visit, write
from tests.server.test_process import process, server
from tests.serving import wait_for

why = missing()
pytestmark = [pytest.mark.durable, pytest.mark.skipif(why is not None, reason=why or "")]


def test_a_server_refuses_rules_that_cannot_be_carried(tmp_path: Path) -> None:
    """`serve` ends with the findings, all of them."""
    config = write(tmp_path / "config", scoring=CANNOT)
    with process(config, tmp_path / "leads.db") as served:
        assert served.process.wait(30) == 1
        assert served.log.count("durable-cannot") == 3


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds processes in /proc")
class TestServer:
    """A server in a process of its own, on ``network: durable``, over HTTP."""

    def test_it_scores_and_outlives_its_durable_rules(self, config: Path) -> None:
        """A kill -9 of durable-rules costs nothing, and of both nothing that was acknowledged."""
        database = config.parent / "leads.db"
        with server(config, database) as served:
            answer = _post(served.url, visit(1, industry="制造业", company="上海阀门厂"))
            assert answer.json()["results"][0]["score"] == 20 + 5 - 3 + 15 + 1 + 0.5 + 2
            assert answer.json()["results"][0]["grade"] == "B"
            (child,) = children(served.process.pid)
            os.kill(child, signal.SIGKILL)
            answer = _post(served.url, visit(2, city="上海", title_level="vp"))
            assert answer.status_code == 200
            assert answer.json()["results"][0]["score"] == 40.5 + 3 + 20 + 1 + 0.5
            (other,) = children(served.process.pid)
            assert other != child
            os.kill(served.process.pid, signal.SIGKILL)
            wait_for(lambda: not Path(f"/proc/{other}").exists())  # no orphan
        with server(config, database) as served:
            again = _post(served.url, visit(1), visit(2)).json()
            assert again["duplicates"] == 2
            assert again["results"][0]["score"] == 65

    def test_where_none_survives_an_event_waits_and_is_not_lost(self, config: Path) -> None:
        """The event is refused for now, the server stays well, and takes it a moment later."""
        with server(config, config.parent / "leads.db") as served:
            assert _post(served.url, visit(1, industry="制造业")).status_code == 200
            with nobody_survives(served.process.pid):
                answer = _post(served.url, visit(2, industry="金融业"))
                assert answer.status_code == 429
                assert answer.json()["error"]["code"] == "durable-failed"
                assert answer.headers["Retry-After"] == "1"
                assert httpx.get(f"{served.url}/-/ready").status_code == 200
                both = _post(served.url, visit(1), visit(3, 2, city="北京"))
                assert both.status_code == 200  # what was acknowledged still is
                assert both.json()["duplicates"] == 1
                assert both.json()["results"][1]["error"]["code"] == "durable-failed"
            again = _post(served.url, visit(2, industry="金融业"), visit(3, 2, city="北京"))
            assert again.json()["accepted"] == 2
            assert "Traceback" not in served.log


def _post(url: str, *events: dict[str, Any]) -> httpx.Response:
    body = events[0] if len(events) == 1 else list(events)
    return httpx.post(f"{url}/v1/events", json=body, timeout=30)
