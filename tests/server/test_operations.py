from __future__ import annotations

import logging
import re
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.plugin import Accepted, Channel, ChannelRequest, Rejection, Reply, Route
from engine.server.app import create_app
from engine.server.auth import Access
from tests.plugins.test_registry import plugin
from tests.server.test_events import error_of
from tests.serving import form, served

PRIVATE = "王芳 13800138000"


def test_health(client: TestClient) -> None:
    """A server with rules and a database is healthy and ready."""
    assert client.get("/-/healthy").json() == {"status": "healthy"}
    assert client.get("/-/ready").json()["status"] == "ready"


def test_not_ready_without_rules(config: Path, tmp_path: Path) -> None:
    """Without rules or an open database a server is healthy and not ready."""
    runtime = Runtime(config, tmp_path / "leads.db", environ={})
    client = TestClient(create_app(runtime, Access.open()), base_url="http://127.0.0.1")
    assert client.get("/-/healthy").status_code == 200
    assert error_of(client.get("/-/ready"), 503)["code"] == "not-loaded"
    runtime.load()
    assert error_of(client.get("/-/ready"), 503)["code"] == "not-running"
    assert error_of(client.post("/v1/events", json=form()), 503)["code"] == "not-running"


def test_reload(client: TestClient, config: Path) -> None:
    """A good edit counts from the next event on; leads keep what they have."""
    client.post("/v1/events", json=form(1))
    before = client.get("/-/ready").json()["ruleset"]
    text = (config / "scoring.yaml").read_text("utf-8")
    (config / "scoring.yaml").write_text(text.replace("points: 30", "points: 50"), "utf-8")
    answer = client.post("/-/reload").json()
    assert answer["ruleset"] != before
    assert client.get("/-/ready").json()["ruleset"] == answer["ruleset"]
    assert client.post("/v1/events", json=form(2)).json()["results"][0]["score"] == 50
    assert client.get("/v1/leads/w1@acme.cn").json()["score"] == 30


@pytest.mark.parametrize(
    ("file", "old", "new", "code"),
    [
        ("scoring", "points: 30", "pionts: 30", None),
        ("scoring", "lead.company", "lead.compny", "unknown-field"),
        ("server", "plugin: log", "plugin: lgo", "unknown-plugin"),
        ("server", "host: 127.0.0.1", "hots: 127.0.0.1", "bad-connection"),
        ("scoring", "models:", "models: [", None),
    ],
)
def test_broken_reload(
    client: TestClient, config: Path, file: str, old: str, new: str, code: str | None
) -> None:
    """A bad edit is refused with file, line and column; rules and readiness stay."""
    before = client.get("/-/ready").json()
    path = config / f"{file}.yaml"
    path.write_text(path.read_text("utf-8").replace(old, new), "utf-8")
    error = error_of(client.post("/-/reload"), 422)
    assert error["code"] == "bad-configuration"
    for found in error["details"]:
        assert found["file"].endswith(f"{file}.yaml")
        assert found["line"] >= 1
        assert found["column"] >= 1
        assert found["hint"]
    assert code is None or code in {found["code"] for found in error["details"]}
    assert client.get("/-/ready").json() == before
    status = client.get("/-/status").json()["last_reload"]
    assert status["ok"] is False
    assert status["errors"] >= 1
    assert "leadrules_config_last_reload_successful 0" in client.get("/metrics").text


def test_metrics(client: TestClient) -> None:
    """Figures are Prometheus text, and hold nothing of any lead."""
    client.post("/v1/events", json=form(1))
    client.post("/v1/events", json=form(1))
    client.get("/v1/leads/w1@acme.cn")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    lines = answer.text.splitlines()
    assert 'leadrules_events_total{channel="api",result="accepted"} 1' in lines
    assert 'leadrules_events_total{channel="api",result="duplicate"} 1' in lines
    assert "leadrules_leads 1" in lines
    sample = re.compile(r'[a-z_]+(\{([a-z]+="[^"]*",?)+\})? [0-9.e+-]+')
    for line in lines:
        assert line.startswith(("# HELP ", "# TYPE ")) or sample.fullmatch(line), line
    assert "acme" not in answer.text


def test_plugins(client: TestClient) -> None:
    """Plugins are listed with what they bring."""
    items = {i["name"]: i for i in client.get("/-/plugins").json()["items"]}
    assert items["email"]["actions"] == ["email"]
    assert items["form"]["channels"] == ["form"]


def test_unknown_routes_and_methods(client: TestClient) -> None:
    """What does not exist is refused in the same shape as everything else."""
    assert error_of(client.get("/v2/leads"), 404)["code"] == "not-found"
    answer = client.delete("/v1/events")
    assert error_of(answer, 405)["code"] == "method-not-allowed"
    assert "POST" in answer.headers["allow"]
    assert client.head("/-/healthy").status_code == 200


@pytest.mark.parametrize("path", ["/-/healthy", "/console/", "/nope", "/v1/leads?limit=x"])
def test_security_headers(client: TestClient, path: str) -> None:
    """Every answer tells browsers to run nothing, embed nothing and guess nothing."""
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"


def test_defects(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """A defect is a 500 with an id that the log has, and without the text that it quoted."""

    def broken(reader: object, ruleset: object) -> None:
        raise RuntimeError(PRIVATE)

    client.app.state.services.reports["broken"] = broken  # type: ignore[attr-defined]
    with caplog.at_level(logging.ERROR):
        error = error_of(client.get("/v1/reports/broken"), 500)
    (id,) = re.findall(r"under ([0-9a-f]{12})", error["message"])
    assert id in caplog.text
    assert "RuntimeError" in caplog.text
    assert PRIVATE not in caplog.text + str(error)
    assert client.get("/-/healthy").status_code == 200


class Odd(Channel):
    """A channel that does what the path says."""

    name = "odd"

    def routes(self) -> list[Route]:
        return [Route("/{what}", ("GET", "POST"), self.handle)]

    async def handle(self, request: ChannelRequest) -> Accepted | Rejection:
        what = request.params["what"]
        if what == "raise":
            raise RuntimeError(PRIVATE)
        if what == "nonsense":
            return "ok"  # type: ignore[return-value]
        if what == "reject":
            return Rejection("the signature is wrong", 401, "bad-signature")
        if what == "echo":
            return Accepted(
                reply=Reply(200, dict(request.query)["echostr"], media_type="text/plain")
            )
        return Accepted((form(1), {"type": "nope"}))


def test_channels_of_others(config: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """A plugin's channel is mounted; what it does wrong costs the request and nothing else."""
    plugins = Plugins({"mine": plugin(register_channels=lambda register: register(Odd()))})
    with served(config, tmp_path / "leads.db", plugins=plugins) as client:
        assert client.get("/channels/odd/echo?echostr=42").text == "42"
        assert error_of(client.get("/channels/odd/reject"), 401)["code"] == "bad-signature"
        for what in ("raise", "nonsense"):
            error = error_of(client.post(f"/channels/odd/{what}"), 500)
            assert error["code"] == "channel-failed"
            assert "odd" in error["message"]
        assert client.post("/channels/odd/events").json() == {"status": "accepted"}
        assert client.get("/v1/leads/w1@acme.cn").status_code == 200
    assert PRIVATE not in caplog.text
    assert "channel odd raised RuntimeError" in caplog.text
