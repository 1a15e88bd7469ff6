"""Traces: sent to a real collector on loopback, which decodes what arrives; nothing when off."""

from __future__ import annotations

import gzip
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest

from engine.host import tracing
from tests.server.test_process import Served, process
from tests.serving import Mailbox, form, mail_server, wait_for, write_config

service = pytest.importorskip("opentelemetry.proto.collector.trace.v1.trace_service_pb2")

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
PARENT = "00f067aa0ba902b7"
MAIL = "wang.fang@jintai-famen.cn"
NAME = "王芳"
PHONE = "13812345678"


class Collector:
    """What an OTLP receiver was sent: the requests as they were, and their spans by name."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.resources: list[dict[str, str]] = []
        self.spans: list[Any] = []

    def take(self, body: bytes) -> None:
        """Decode one export."""
        request = service.ExportTraceServiceRequest.FromString(body)
        for each in request.resource_spans:
            self.resources.append({a.key: a.value.string_value for a in each.resource.attributes})
            self.spans += [span for scope in each.scope_spans for span in scope.spans]
        self.bodies.append(body)

    def named(self, name: str, trace: str = TRACE) -> list[Any]:
        """Return the spans of one trace with that name."""
        return [s for s in self.spans if s.name == name and s.trace_id.hex() == trace]

    @contextmanager
    def listening(self) -> Iterator[str]:
        """Receive on loopback; yields the address."""
        collector = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                packed = self.headers.get("content-encoding") == "gzip"
                assert self.path == "/v1/traces"
                collector.take(gzip.decompress(body) if packed else body)
                self.send_response(200)
                self.send_header("content-type", "application/x-protobuf")
                self.end_headers()

            def log_message(self, *args: object) -> None:
                pass

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
            server.server_close()


@pytest.fixture
def collector(monkeypatch: pytest.MonkeyPatch) -> Iterator[Collector]:
    """A collector, and an environment that names it."""
    found = Collector()
    with found.listening() as url:
        monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", url)
        monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
        yield found


@contextmanager
def sending(tmp_path: Path) -> Iterator[tuple[Served, str]]:
    """A server in a process of its own that sends real mail."""
    with mail_server(Mailbox()) as port:
        config = write_config(tmp_path / "config", smtp_port=port)
        with process(config, tmp_path / "leads.db") as served:
            yield served, wait_for(served.listening, 20)


def attributes(span: Any) -> dict[str, Any]:
    """Return a span's attributes as text and numbers."""
    return {a.key: getattr(a.value, a.value.WhichOneof("value")) for a in span.attributes}


def person(n: int) -> dict[str, Any]:
    """Return a form of one person, whose own id is an address."""
    lead = {"email": f"{n}{MAIL}", "name": NAME, "phone": PHONE[:-1] + str(n)}
    return form(n) | {"id": f"{MAIL}-{n}", "lead": lead}


def test_from_request_to_delivery(tmp_path: Path, collector: Collector) -> None:
    """One trace, which the sender's `traceparent` begins, has request, commit, decide and attempt,
    each within the one before; what is left is sent when the server ends.
    """
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    with sending(tmp_path) as (served, url):
        answer = httpx.post(f"{url}/v1/events", json=[person(1), person(2)], headers=headers)
        assert answer.json()["accepted"] == 2
        wait_for(lambda: collector.named("attempt"))
        httpx.get(f"{url}/v1/leads/1{MAIL}", headers=headers)
        assert served.end() == 0
    (request,) = collector.named("POST /v1/events")
    (commit,) = collector.named("commit")
    (decide,) = collector.named("decide")
    attempt = collector.named("attempt")[0]
    assert request.parent_span_id.hex() == PARENT
    assert commit.parent_span_id == request.span_id
    assert decide.parent_span_id == attempt.parent_span_id == commit.span_id
    assert (
        request.start_time_unix_nano <= commit.start_time_unix_nano == decide.start_time_unix_nano
    )
    assert decide.end_time_unix_nano <= commit.end_time_unix_nano <= request.end_time_unix_nano
    assert attributes(request) == {
        "http.request.method": "POST",
        "http.response.status_code": 200,
        "http.route": "/v1/events",
    }
    assert attributes(commit) == {"leadrules.batch.events": 2, "leadrules.events": 2}
    told = attributes(attempt)
    assert told["leadrules.result"] == "delivered"
    assert told["leadrules.attempt"] == 1
    assert collector.named("GET /v1/leads/{id:path}")
    assert collector.resources[0]["service.name"] == "leadrules"


def test_nothing_personal(tmp_path: Path, collector: Collector) -> None:
    """No name, address, number or id of a sender's is in any byte that is sent, even of paths,
    queries and requests that go wrong.
    """
    with sending(tmp_path) as (served, url):
        httpx.post(f"{url}/v1/events", json=[person(1), {"type": NAME, "lead": {"email": MAIL}}])
        httpx.get(f"{url}/v1/leads/1{MAIL}/timeline")
        httpx.get(f"{url}/v1/leads", params={"q": NAME})
        httpx.get(f"{url}/nowhere/{MAIL}")
        httpx.post(f"{url}/v1/leads/1{MAIL}/note", json={"text": f"{NAME} {PHONE}"})
        httpx.post(f"{url}/channels/form/contact", data={"email": MAIL, "name": NAME})
        wait_for(lambda: [s for s in collector.spans if s.name == "attempt"])
        assert served.end() == 0
    names = {span.name for span in collector.spans}
    assert {"GET", "POST /channels/form/{form}", "POST /v1/leads/{id:path}/note"} <= names
    sent = b"".join(collector.bodies)
    for text in (MAIL, NAME, PHONE, "wang", "jintai", "13812345"):
        assert text.encode() not in sent


def test_a_dead_collector_costs_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without anybody at the collector's address the server works and ends in time."""
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:9/v1/traces")
    monkeypatch.setenv("OTEL_BSP_SCHEDULE_DELAY", "100")
    with sending(tmp_path) as (served, url):
        for n in range(5):
            assert httpx.post(f"{url}/v1/events", json=person(n)).status_code == 200
        assert served.end() == 0


@pytest.mark.parametrize(
    "environ",
    [
        {},
        {"OTEL_SERVICE_NAME": "leads"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": ""},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1", "OTEL_SDK_DISABLED": "true"},
        {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://h:1", "OTEL_TRACES_EXPORTER": "none"},
    ],
    ids=["nothing", "no-endpoint", "empty", "disabled", "none"],
)
def test_off(environ: dict[str, str]) -> None:
    """Without the address of a collector, or where the standard switches say so, nobody traces."""
    assert tracing.configured(environ) is None


@pytest.mark.parametrize(
    "more",
    [{"OTEL_EXPORTER_OTLP_PROTOCOL": "grpc"}, {"OTEL_TRACES_EXPORTER": "zipkin"}],
    ids=["grpc", "zipkin"],
)
def test_what_is_not_spoken(more: dict[str, str], caplog: pytest.LogCaptureFixture) -> None:
    """Whoever asks for another protocol is told, instead of being sent nothing in silence."""
    environ = {"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"} | more
    assert tracing.configured(environ) is None
    assert "http/protobuf" in caplog.text


def test_without_the_extra(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Configured and not installed: the server runs, and its log says what to install."""
    monkeypatch.setitem(sys.modules, "engine.host.spans", None)
    assert tracing.configured({"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}) is None
    assert "leadrules[otel]" in caplog.text


def test_nothing_is_imported_when_off() -> None:
    """A server without tracing never imports OpenTelemetry, so it costs no memory and no time."""
    code = (
        "import sys, engine.server.run, engine.host.tracing as t; "
        "assert t.configured({}) is None; "
        "print([m for m in sys.modules if m.startswith('opentelemetry') or m == 'requests'])"
    )
    run = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert run.stdout.strip() == "[]"
