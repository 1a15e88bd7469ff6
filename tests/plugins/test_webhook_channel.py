"""The channel `webhook`: Standard Webhooks, CloudEvents, and JSON mapped by settings."""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx2
import pytest
from cloudevents.core.bindings import http
from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent
from standardwebhooks.webhooks import Webhook
from starlette.testclient import TestClient

from tests.node_peers import node_package, run_node
from tests.plugins.sources import (
    SECRET,
    body_of,
    events_of,
    fields_of,
    leads_of,
    listening,
    signature,
)

STANDARD = "whsec_" + base64.b64encode(b"of the source alone, thirty-two!").decode()
OLD = "whsec_" + base64.b64encode(b"the one before").decode()
CHANNELS = f"""
channels:
  webhook:
    sources:
      shop:
        verify: {{standard: ["{STANDARD}", "{OLD}"]}}
        event: {{at: type, values: {{order.paid: order_placed, cart.changed: cart_updated}}}}
        each: data.orders
        id: number
        at: paid_at
        fields: {{buyer.email: email, data.company: company, buyer.level: {{to: title_level, values: {{"3": director}}}}}}
        properties: {{number: order, total: amount}}
        source: {{category: online}}
      erp: {{verify: {{header: {{name: X-Token, secret: {SECRET}}}}}}}
      lamp: {{verify: {{query: {{name: key, secret: 12345}}}}}}
      hub: {{verify: {{hmac: {{header: X-Hub-Signature, secret: {SECRET}, prefix: "sha256="}}}}}}
      bus:
        verify: {{header: {{name: X-Token, secret: {SECRET}}}}}
        event: {{at: type, values: {{cn.acme.booked: form_submitted}}}}
        fields: {{data.email: email, data.name: name}}
"""
ORDER = {
    "type": "order.paid",
    "data": {
        "company": "金泰阀门",
        "orders": [
            {
                "number": "A-7",
                "total": 99.5,
                "paid_at": "2026-03-02T09:00:00+08:00",
                "buyer": {"email": "wang@acme.cn", "level": 3},
            },
            {"number": "A-8", "total": "1,200.00 元", "buyer": {"email": "li@acme.cn"}},
            {"number": "A-9"},
        ],
    },
}
TOKEN = {"x-token": SECRET.encode()}


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve a configuration with several sources."""
    with listening(tmp_path, CHANNELS) as client:
        yield client


def standard(
    client: TestClient,
    data: Any = ORDER,
    secret: str = STANDARD,
    at: float | None = None,
    **own: str,
) -> httpx2.Response:
    """Send as Standard Webhooks says, signed by its own library."""
    body = body_of(data)
    stamp = datetime.fromtimestamp(time.time() if at is None else at, UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(stamp.timestamp())),
        "webhook-signature": Webhook(secret).sign("msg_1", stamp, body.decode()),
        **own,
    }
    return client.post("/channels/webhook/shop", content=body, headers=headers)


def test_mapped_by_settings(client: TestClient) -> None:
    """Each item of a list is an event: its kind, id, time, fields and properties by their paths."""
    assert standard(client).status_code == 200
    found = fields_of(client, "wang@acme.cn")
    assert found["company"] == "金泰阀门"
    assert found["title_level"] == "director"
    assert (found["source.name"], found["source.category"]) == ("shop", "online")
    (event,) = events_of(client, "wang@acme.cn", "order_placed")
    assert event["id"] == "webhook:shop:A-7"
    assert event["at"].startswith("2026-03-02T01:00:00")
    assert event["properties"] == {"order": "A-7", "amount": 99.5}
    (other,) = events_of(client, "li@acme.cn", "order_placed")
    assert other["properties"]["amount"] == 1200


def test_other_kinds_are_dropped(client: TestClient) -> None:
    """What settings do not name is taken, so that it is not sent again, and not stored."""
    assert standard(client, {**ORDER, "type": "order.refunded"}).status_code == 200
    assert leads_of(client) == 0


def test_sent_again_counts_once(client: TestClient) -> None:
    """An event has the source's own id; without one that of the request."""
    for _ in range(2):
        standard(client)
        body = {"type": "cart.changed", "data": {"orders": {"buyer": {"email": "wang@acme.cn"}}}}
        standard(client, body)
    assert len(events_of(client, "wang@acme.cn", "order_placed", "cart_updated")) == 2


def test_the_secret_before_and_the_other_signatures(client: TestClient) -> None:
    """The old secret counts while it is there, and a signature counts wherever it stands."""
    assert standard(client, secret=OLD).status_code == 200
    good = Webhook(STANDARD).sign("msg_1", datetime.now(UTC), body_of(ORDER).decode())
    assert standard(client, **{"webhook-signature": f"v1a,xx v1,AAAA {good}"}).status_code == 200


@pytest.mark.parametrize(
    "given", ["", "v1", "v1,", "v1,???", ",", " ", "v1,é", "v2," + "A" * 44, "v1," * 5_000]
)
def test_signatures_in_any_form(client: TestClient, given: str) -> None:
    """A malformed signature is a wrong one: 401, where the library itself raises foreign errors."""
    headers = {"webhook-id": b"m", "webhook-timestamp": str(int(time.time())).encode()}
    headers["webhook-signature"] = given.encode()
    answer = client.post("/channels/webhook/shop", json=ORDER, headers=headers)
    assert answer.status_code == 401
    assert leads_of(client) == 0


@pytest.mark.parametrize("away_s", [-301, 400, -(10**9)])
def test_an_old_message(client: TestClient, away_s: int) -> None:
    """What was signed more than five minutes ago, or for later, is refused."""
    assert standard(client, at=time.time() + away_s).status_code == 401


@pytest.mark.parametrize(
    "own", [{"webhook-id": "msg_2"}, {"webhook-id": ""}, {"webhook-timestamp": "soon"}]
)
def test_what_was_signed_otherwise(client: TestClient, own: dict[str, str]) -> None:
    """Another id or time than was signed is refused."""
    assert standard(client, **own).status_code == 401


def test_the_library_for_node(client: TestClient) -> None:
    """What npm's standardwebhooks signs is accepted."""
    modules = node_package("standardwebhooks", "1.1.1")
    script = """
      const { Webhook } = require('standardwebhooks')
      const given = JSON.parse(require('fs').readFileSync(0))
      const at = new Date(given.at * 1000)
      const signed = new Webhook(given.secret).sign('msg_1', at, given.body)
      console.log(JSON.stringify(signed))
    """
    body = body_of(ORDER).decode()
    at = time.time()
    signed = run_node(modules, script, {"secret": STANDARD, "body": body, "at": int(at)})
    assert standard(client, at=at, **{"webhook-signature": signed}).status_code == 200


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("erp", TOKEN, 200),
        ("erp", {"x-token": b"wrong"}, 401),
        ("erp", {}, 401),
        ("lamp?key=12345", {}, 200),
        ("lamp?key=1", {}, 401),
        ("lamp", {}, 401),
        ("nobody", {}, 404),
    ],
)
def test_other_proofs(
    client: TestClient, path: str, headers: dict[str, bytes], status: int
) -> None:
    """A secret in a header or in the address; unknown sources are not there."""
    data = {"姓名": "王芳", "email": "wang@acme.cn"}
    answer = client.post(f"/channels/webhook/{path}", content=body_of(data), headers=headers)
    assert answer.status_code == status, answer.text
    assert leads_of(client) == (status == 200)


def test_an_hmac_of_ones_own(client: TestClient) -> None:
    """A signature in a header of the source's choice, with what stands before it."""
    body = body_of({"email": "wang@acme.cn", "公司名称": "金泰阀门"})
    signed = {"x-hub-signature": f"sha256={signature(body).hex()}"}
    assert client.post("/channels/webhook/hub", content=body, headers=signed).status_code == 200
    assert fields_of(client, "wang@acme.cn")["company"] == "金泰阀门"
    bare = {"x-hub-signature": signature(body).hex()}
    assert client.post("/channels/webhook/hub", content=body, headers=bare).status_code == 401


def booked(id: str = "e-1") -> CloudEvent:
    """Return a CloudEvent, made by its own library."""
    attributes = {
        "id": id,
        "source": "/crm/预约",
        "type": "cn.acme.booked",
        "time": datetime(2026, 3, 2, 1, tzinfo=UTC),
        "specversion": "1.0",
        "datacontenttype": "application/json",
    }
    return CloudEvent(attributes, {"email": "wang@acme.cn", "name": "王芳"})


@pytest.mark.parametrize("mode", ["structured", "binary", "batch"])
def test_cloudevents(client: TestClient, mode: str) -> None:
    """What the CloudEvents library makes is read in each of its modes."""
    if mode == "binary":
        message = http.to_binary_event(booked())
        body, headers = message.body, message.headers
    else:
        message = http.to_structured_event(booked())
        body, headers = message.body, message.headers
    if mode == "batch":
        body = b"[" + body + b"]"
        headers = {"content-type": "application/cloudevents-batch+json"}
    answer = client.post("/channels/webhook/bus", content=body, headers={**headers, **TOKEN})
    assert answer.status_code == 200, answer.text
    assert fields_of(client, "wang@acme.cn")["name"] == "王芳"
    (event,) = events_of(client, "wang@acme.cn", "form_submitted")
    assert event["id"] == "webhook:bus:e-1"
    assert event["at"].startswith("2026-03-02T01:00:00")
    assert JSONFormat().get_content_type() == "application/cloudevents+json"


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("application/cloudevents+json", b"{}"),
        ("application/cloudevents+json", b"[]"),
        (
            "application/cloudevents+json",
            b'{"specversion": "1.0", "id": 7, "source": "x", "type": "y"}',
        ),
        ("application/cloudevents+json", b'{"specversion": ["1.0"]}'),
        ("application/cloudevents-batch+json", b"{}"),
        ("application/cloudevents-batch+json", b"[7]"),
        ("application/json", b"7"),
        ("application/json", b"null"),
        ("application/json", b""),
        ("text/plain", b"hello"),
        ("application/json", b'{"a": '),
    ],
)
def test_bad_bodies(client: TestClient, kind: str, body: bytes) -> None:
    """What is no JSON, or no CloudEvent where it says so, is refused."""
    headers = {"content-type": kind, **TOKEN}
    assert client.post("/channels/webhook/bus", content=body, headers=headers).status_code == 400
    assert leads_of(client) == 0


def test_the_handshake_of_cloudevents(client: TestClient) -> None:
    """A sender asks whether it may send, and hears yes where there is such a source."""
    asked = {"webhook-request-origin": "eventemitter.example.com"}
    answer = client.options("/channels/webhook/bus", headers=asked)
    assert answer.status_code == 200
    assert answer.headers["webhook-allowed-origin"] == "eventemitter.example.com"
    assert client.options("/channels/webhook/bus").status_code == 400
    assert client.options("/channels/webhook/nobody", headers=asked).status_code == 404


def test_too_many_items(client: TestClient) -> None:
    """More than a thousand events at once are refused before any is stored."""
    many = {**ORDER, "data": {"orders": [{"number": str(n)} for n in range(1_001)]}}
    assert standard(client, many).status_code == 413


def test_deep_and_strange_paths(client: TestClient) -> None:
    """A path that leads nowhere gives nothing, whatever stands there."""
    for data in (
        {"type": "order.paid", "data": 7},
        {"type": {"x": 1}},
        {"data": {"orders": [[], 7, None]}},
    ):
        answer = standard(client, json.loads(json.dumps(data)))
        assert answer.status_code == 200
    assert leads_of(client) == 0
