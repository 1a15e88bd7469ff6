from __future__ import annotations

import json
import logging
import re
import signal
import time
from pathlib import Path
from typing import Any

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.plugin import Accepted, Channel, ChannelRequest, Rejection, Reply, Route
from engine.server.app import create_app
from engine.server.auth import Access
from engine.server.logs import JsonLines
from tests.plugins.test_registry import plugin
from tests.server.test_events import error_of
from tests.server.test_process import post, server
from tests.serving import form, served, wait_for

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
    assert "leadrules_config_last_reload_successful 0.0" in client.get("/metrics").text


def test_the_console_tells_of_the_failed_reload(client: TestClient, config: Path) -> None:
    """Mended files change nothing of what is told of the last reload, until they are loaded."""
    path, page = config / "scoring.yaml", {"Accept": "text/html"}
    good = path.read_text("utf-8")
    started = client.get("/console/rules", headers=page).text
    assert "服务器启动时" in started
    assert 'id="findings"' not in started
    path.write_text(good.replace("points: 30", "pionts: 30"), "utf-8")
    assert client.post("/-/reload").status_code == 422
    path.write_text(good, "utf-8")
    for query in ("", "?check=1"):
        told = client.get(f"/console/rules{query}", headers=page).text
        assert "最近一次加载失败" in told
        assert "由 admin 要求" in told
        assert "pionts" in told.partition('id="findings"')[2]
        assert ('id="checked"' in told) == bool(query)
    assert "没有问题" in told  # as the files are now
    assert client.post("/-/reload").status_code == 200
    mended = client.get("/console/rules", headers=page).text
    assert "pionts" not in mended
    assert "最近一次加载成功于" in mended


def test_metrics(client: TestClient) -> None:
    """Figures are what Prometheus' own parser reads, and hold nothing of any lead."""
    client.post("/v1/events", json=form(1, company="金泰阀门"))
    client.post("/v1/events", json=form(1))
    client.get("/v1/leads/w1@acme.cn")
    answer = client.get("/metrics")
    assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
    found = samples(answer.text)
    assert found["leadrules_events_total", ("api", "accepted")] == 1
    assert found["leadrules_events_total", ("api", "duplicate")] == 1
    assert found["leadrules_leads", ()] == 1
    assert found["leadrules_commit_seconds_count", ()] >= 1
    assert found["leadrules_decide_seconds_bucket", ("+Inf",)] >= 1
    assert found["leadrules_batch_events_sum", ()] >= 2
    assert found["leadrules_overdue_leads", ()] == 0
    assert found["leadrules_connection_state", ("notify", "closed")] == 1
    assert found["leadrules_config_last_reload_successful", ()] == 1
    assert found["leadrules_rule_hits_total", ("rule", "asked")] == 1
    assert found["leadrules_rule_hits_total", ("journey", "welcome")] == 1
    assert found["leadrules_rule_hits_total", ("route", "all")] == 1
    assert found["leadrules_rule_hits_total", ("route", "rest")] == 0
    assert found["leadrules_rules_never_fired", ()] >= 1
    assert "acme" not in answer.text
    assert "金泰" not in answer.text


def samples(text: str) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return every sample by name and label values."""
    families = text_string_to_metric_families(text)
    return {(s.name, tuple(s.labels.values())): s.value for f in families for s in f.samples}


def test_hits_outlive_the_process(config: Path, tmp_path: Path) -> None:
    """How often a rule has fired is counted since the database began."""
    for n in (1, 2):
        with served(config, tmp_path / "leads.db") as client:
            client.post("/v1/events", json=form(n))
            found = samples(client.get("/metrics").text)
            assert found["leadrules_rule_hits_total", ("rule", "asked")] == n


def test_a_scrape_costs_little(config: Path, tmp_path: Path) -> None:
    """With 1,000 rules a scrape takes a moment, and no more for being asked again and again."""
    rule = "      - {{id: r{0}, dimension: fit, when: {{lead.employees: {0}}}, points: 1}}\n"
    text = (config / "scoring.yaml").read_text("utf-8")
    many = "".join(rule.format(n) for n in range(1_000))
    (config / "scoring.yaml").write_text(text.replace("    grades:", many + "    grades:"), "utf-8")
    with served(config, tmp_path / "leads.db") as client:
        client.get("/metrics")
        began = time.perf_counter()
        for _ in range(5):
            text = client.get("/metrics").text
        assert (time.perf_counter() - began) / 5 < 0.5
    assert text.count("leadrules_rule_hits_total{") > 1_000


@pytest.mark.parametrize("by", ["signal", "watch"])
def test_reload_keeps_what_runs(config: Path, tmp_path: Path, by: str) -> None:
    """By signal or by watching, a good edit counts and a bad one does not; journeys go on."""
    config_text = (config / "scoring.yaml").read_text("utf-8")
    with server(config, tmp_path / "leads.db", watch=by == "watch") as running:

        def edit(old: str, new: str) -> None:
            (config / "scoring.yaml").write_text(config_text.replace(old, new), "utf-8")
            if by == "signal":
                running.process.send_signal(signal.SIGHUP)

        def last() -> dict[str, Any]:
            found: dict[str, Any] = httpx.get(f"{running.url}/-/status").json()
            return found

        post(running.url, form(1, company="金泰阀门"))
        lead = httpx.get(f"{running.url}/v1/leads/w1@acme.cn").json()
        path = f"{running.url}/v1/leads/w1@acme.cn/explain"
        before = httpx.get(path).json()
        version = last()["ruleset"]
        edit("points: 30", "pionts: 30")
        wait_for(lambda: not last()["last_reload"]["ok"], 15)
        assert last()["ruleset"] == version
        assert httpx.get(f"{running.url}/-/ready").status_code == 200
        metrics = httpx.get(f"{running.url}/metrics").text
        assert "leadrules_config_last_reload_successful 0.0" in metrics
        edit("points: 30", "points: 50")
        wait_for(lambda: last()["last_reload"]["ok"] and last()["ruleset"] != version, 15)
        after = httpx.get(path).json()
        assert after["deadlines"] == before["deadlines"]
        assert after["journeys"] == before["journeys"]
        assert httpx.get(f"{running.url}/v1/leads/w1@acme.cn").json()["score"] == lead["score"]
        post(running.url, form(2))
        assert httpx.get(f"{running.url}/v1/leads/w2@acme.cn").json()["score"] == 50
        assert running.end() == 0


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
    assert answer.headers["allow"] == "POST"
    several = client.put("/v1/tasks")
    assert several.headers["allow"] == "GET, HEAD, POST"
    assert "allowed: GET, HEAD, POST" in error_of(several, 405)["message"]
    assert client.head("/-/healthy").status_code == 200


@pytest.mark.parametrize("path", ["/-/healthy", "/console/", "/nope", "/v1/leads?limit=x"])
def test_security_headers(client: TestClient, path: str) -> None:
    """Every answer tells browsers to run nothing, embed nothing and guess nothing."""
    headers = client.get(path).headers
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    # The console's own forms have to say where they come from.
    wanted = "same-origin" if path.startswith("/console/") else "no-referrer"
    assert headers["referrer-policy"] == wanted


def test_defects(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """A defect is a 500 with an id that the log has, and without the text that it quoted."""

    def broken(*asked: object) -> None:
        raise RuntimeError(PRIVATE)

    client.app.state.services.reports["broken"] = broken  # type: ignore[attr-defined]
    with caplog.at_level(logging.ERROR):
        error = error_of(client.get("/v1/reports/broken"), 500)
    (id,) = re.findall(r"under ([0-9a-f-]+)", error["message"])
    assert id in caplog.text
    assert "RuntimeError" in caplog.text
    assert PRIVATE not in caplog.text + str(error)
    assert client.get("/-/healthy").status_code == 200


NONSENSE: dict[str, Any] = {
    "nonsense": "ok",
    "a-map": Accepted(form(1)),  # type: ignore[arg-type]
    "a-number": Accepted((form(1), 5)),  # type: ignore[arg-type]
    "text-for-reply": Accepted((form(1),), "hello"),  # type: ignore[arg-type]
    "no-such-status": Accepted((form(1),), Reply(999)),
    "no-json": Accepted((form(1),), Reply(200, object())),
    "text-for-status": Rejection("bad", "400"),  # type: ignore[arg-type]
    "high-status": Rejection("bad", 999),
    "no-text": Rejection({"a": 1}),  # type: ignore[arg-type]
}


class Odd(Channel):
    """A channel that does what the path says."""

    name = "odd"

    def routes(self) -> list[Route]:
        return [Route("/{what}", ("GET", "POST"), self.handle)]

    async def handle(self, request: ChannelRequest) -> Accepted | Rejection:
        what = request.params["what"]
        if what == "raise":
            raise RuntimeError(PRIVATE)
        if what == "exit":
            raise SystemExit(PRIVATE)
        if what in NONSENSE:
            return NONSENSE[what]  # type: ignore[no-any-return]
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
        for what in ("raise", "exit", *NONSENSE):
            error = error_of(client.post(f"/channels/odd/{what}"), 500)
            assert error["code"] == "channel-failed"
            assert "odd" in error["message"]
        assert client.get("/-/status").json()["events"] == 0
        assert client.post("/channels/odd/events").json() == {"status": "accepted"}
        assert client.get("/v1/leads/w1@acme.cn").status_code == 200
    assert PRIVATE not in caplog.text
    assert "channel odd raised RuntimeError" in caplog.text
    assert "channel odd tried to end the server by SystemExit" in caplog.text
    assert "channel odd returned str; it must be Accepted or Rejection" in caplog.text
    assert "channel odd returned Accepted with a wrong part: Expected `array`" in caplog.text
    record = next(r for r in caplog.records if "raised RuntimeError" in r.getMessage())
    lines = JsonLines().format(record)
    assert json.loads(lines)["error"] == "RuntimeError"
    assert "in handle" in lines
    assert PRIVATE not in lines
