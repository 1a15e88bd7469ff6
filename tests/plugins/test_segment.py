"""The channel `segment`, against Segment's own client libraries and by hand."""

from __future__ import annotations

import base64
import gzip
import json
import shutil
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from segment.analytics.client import Client
from starlette.testclient import TestClient

from tests.node_peers import node_package
from tests.plugins.sources import events_of, fields_of, leads_of, listening, on_a_port

KEY = "WK"
CHANNELS = f"""
origins: ["https://www.example.com"]
channels:
  segment:
    write_keys: [{KEY}, 另一个]
    traits: {{plan: product_line, 职级: title_level}}
    events:
      Viewed Pricing: {{type: page_viewed, properties: {{path: page}}}}
      Deal Won: opportunity_won
"""
CATALOG = "fields: {product_line: {type: string}}"
BASIC = {"authorization": "Basic " + base64.b64encode(f"{KEY}:".encode()).decode()}
PRODUCTS = [{"sku": "V-1", "name": "球阀"}, {"sku": "V-2", "name": "蝶阀"}]


@pytest.fixture
def client(tmp_path: Path) -> Iterator[TestClient]:
    """Serve a configuration with a write key."""
    with listening(tmp_path, CHANNELS, catalog=CATALOG) as client:
        yield client


def track(id: str = "m-1", **more: Any) -> dict[str, Any]:
    """Return a call of track."""
    return {"type": "track", "messageId": id, "userId": "u-1", "event": "Chat Started", **more}


@pytest.mark.parametrize("packed", [False, True])
def test_the_library_for_python(tmp_path: Path, packed: bool) -> None:
    """segment-analytics-python with only the host changed: each of its calls has its effect."""
    failures: list[Any] = []
    with on_a_port(tmp_path, CHANNELS, catalog=CATALOG) as address:
        segment = Client(
            KEY, host=address, gzip=packed, on_error=lambda *e: failures.append(e), max_retries=1
        )
        segment.identify("u-1", {"email": "wang@acme.cn", "firstName": "芳", "lastName": "王"})
        segment.group("u-1", "g-1", {"name": "金泰阀门", "employees": 600})
        segment.page("u-1", "产品", "pricing", {"url": "https://www.example.com/pricing"})
        segment.screen("u-1", name="首页")
        order = {"order_id": "A-7", "total": 99.5, "products": PRODUCTS}
        segment.track("u-1", "Order Completed", order)
        segment.track("u-1", "Nobody Knows This")
        segment.alias("anon-1", "u-1")
        segment.flush()
        segment.join()
        with httpx.Client(base_url=address) as asked:
            found = asked.get("/v1/leads/wang@acme.cn").json()
            items = asked.get("/v1/leads/wang@acme.cn/timeline?limit=200").json()["items"]
            same = asked.get("/v1/leads/anon-1").json()
    assert failures == []
    assert found["fields"]["name"] == "王芳"
    assert found["fields"]["company"] == "金泰阀门"
    assert found["fields"]["employees"] == 600
    assert same["id"] == found["id"]
    told = {i["type"]: i.get("properties", {}) for i in items if i["kind"] == "event"}
    pages = [i["properties"]["page"] for i in items if i["type"] == "page_viewed"]
    assert sorted(pages) == ["pricing", "首页"]
    assert told["order_placed"] == {"order": "A-7", "amount": 99.5, "products": ["球阀", "蝶阀"]}
    assert sum(i["type"] == "identified" for i in items) == 3


def test_the_library_for_node(tmp_path: Path) -> None:
    """@segment/analytics-node with only the host changed."""
    modules = node_package("@segment/analytics-node", "3.1.0")
    program = """
      const { Analytics } = require('@segment/analytics-node')
      const a = new Analytics({ writeKey: 'WK', host: process.argv[1], maxRetries: 0 })
      a.on('error', e => { console.error(e); process.exitCode = 3 })
      a.identify({ userId: 'u-1', traits: { email: 'wang@acme.cn', name: '王芳' } })
      a.page({ userId: 'u-1', name: 'pricing', properties: { title: '价格' } })
      a.track({ anonymousId: 'a-1', event: 'Trial Started', properties: { plan: '专业版' } })
      a.group({ userId: 'u-1', groupId: 'g', traits: { name: '金泰阀门' } })
      a.closeAndFlush({ timeout: 10000 })
    """
    node = shutil.which("node")
    assert node is not None
    with on_a_port(tmp_path, CHANNELS, catalog=CATALOG) as address:
        done = subprocess.run(
            [node, "-e", program, address],
            cwd=modules,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        with httpx.Client(base_url=address) as asked:
            known = asked.get("/v1/leads/wang@acme.cn").json()
            nobody = asked.get("/v1/leads/a-1/timeline").json()["items"]
    assert known["fields"]["company"] == "金泰阀门"
    assert [i["properties"] for i in nobody if i["type"] == "trial_requested"] == [
        {"product": "专业版"}
    ]


@pytest.mark.parametrize(
    "path", ["/v1/t", "/v1/track", "/channels/segment/t", "/channels/segment/v1/track"]
)
@pytest.mark.parametrize(
    "how", ["text/plain", "application/x-www-form-urlencoded", "application/json"]
)
def test_what_a_browser_sends(client: TestClient, path: str, how: str) -> None:
    """A body is read by what it is, at every address of a call, with the key in the body."""
    body = track(writeKey=KEY, userId=None, anonymousId="a-1", context={"userAgent": "Mozilla/5.0"})
    answer = client.post(path, content=json.dumps(body), headers={"content-type": how})
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    (event,) = events_of(client, "a-1", "chat_started")
    assert event["id"] == "segment:m-1"
    assert event["channel"] == "segment"


@pytest.mark.parametrize(
    ("short", "long"),
    [("i", "identify"), ("p", "page"), ("s", "screen"), ("g", "group"), ("a", "alias")],
)
def test_short_and_long_names(client: TestClient, short: str, long: str) -> None:
    """The browser's one-letter addresses mean the same calls."""
    for n, call in enumerate((short, long)):
        body = {"messageId": f"m-{n}", "userId": "u-1", "previousId": "a-1", "name": "x"}
        assert client.post(f"/v1/{call}", json=body, headers=BASIC).status_code == 200
    first, second = events_of(client, "u-1")
    assert first["type"] == second["type"]


def test_gzip_sent_as_a_form(client: TestClient) -> None:
    """A batch that is packed and mislabelled, as RudderStack's client for Node sends it."""
    batch = {"batch": [track(sentAt="2026-03-02T01:00:00Z", channel="server")]}
    headers = {"content-type": "application/x-www-form-urlencoded", "content-encoding": "gzip"}
    packed = gzip.compress(json.dumps(batch).encode())
    answer = client.post("/v1/batch", content=packed, headers={**headers, **BASIC})
    assert answer.status_code == 200, answer.text
    assert len(events_of(client, "u-1", "chat_started")) == 1


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"authorization": "Basic " + base64.b64encode(b"wrong:").decode()},
        {"authorization": "Basic ???"},
        {"authorization": "Basic //79/A=="},
        {"authorization": f"Bearer {KEY}"},
    ],
)
def test_a_wrong_key(client: TestClient, headers: dict[str, str]) -> None:
    """Without the key nothing is stored."""
    answer = client.post("/v1/batch", json={"batch": [track()]}, headers=headers)
    assert (answer.status_code, answer.json()["error"]["code"]) == (401, "wrong-write-key")
    assert leads_of(client) == 0


def test_no_settings_no_channel(tmp_path: Path) -> None:
    """Where server.yaml does not speak of it, nobody can send."""
    with listening(tmp_path, "") as client:
        assert client.post("/v1/track", json=track(writeKey="")).status_code == 404


def test_one_bad_call_refuses_no_other(client: TestClient) -> None:
    """Whatever stands in a batch, the answer is 200, for a client drops all of it at a 4xx."""
    batch = [
        track("m-1"),
        None,
        [],
        {"type": "frobnicate", "userId": "u-1"},
        {"type": "track"},
        track("m-2", properties={"x": "漢" * 20_000}),
        track("m-3", userId=None, anonymousId=None),
        track("m-4", timestamp="no time at all"),
        track("m-5", event={"not": "text"}),
    ]
    answer = client.post("/v1/batch", json={"batch": batch}, headers=BASIC)
    assert (answer.status_code, answer.json()) == (200, {"success": True})
    assert [e["id"] for e in events_of(client, "u-1")] == ["segment:m-1", "segment:m-4"]


def test_sent_again_counts_once(client: TestClient) -> None:
    """A message's id makes it count once, in whatever batch it comes."""
    for _ in range(2):
        client.post("/v1/batch", json={"batch": [track(), track("m-2")]}, headers=BASIC)
    assert len(events_of(client, "u-1", "chat_started")) == 2


def test_a_wrong_clock_is_put_right(client: TestClient) -> None:
    """What happened an hour before it was sent happened an hour ago, whatever the client's clock."""
    ours = datetime.now(UTC)
    for n, wrong in enumerate((timedelta(days=900), timedelta(days=-40))):
        theirs = ours + wrong
        call = track(f"m-{n}", timestamp=(theirs - timedelta(hours=1)).isoformat())
        batch = {"batch": [call], "sentAt": theirs.isoformat()}
        client.post("/v1/batch", json=batch, headers=BASIC)
    for event in events_of(client, "u-1"):
        ago = ours - datetime.fromisoformat(event["at"])
        assert timedelta(minutes=59) < ago < timedelta(minutes=61)


def test_campaign_and_traits(client: TestClient) -> None:
    """A campaign is the source; settings map traits; one that does not fit is left out."""
    context = {"campaign": {"name": "春季", "source": "zhihu"}, "traits": {"email": "w@acme.cn"}}
    client.post("/v1/track", json=track(context=context), headers=BASIC)
    traits = {"plan": "阀门", "职级": "皇帝", "employees": "about 500", "company": {"name": "金泰"}}
    client.post("/v1/identify", json={"userId": "u-1", "traits": traits}, headers=BASIC)
    fields = fields_of(client, "w@acme.cn")
    assert fields["source.utm_source"] == "zhihu"
    assert fields["source.utm_campaign"] == "春季"
    assert fields["product_line"] == "阀门"
    assert fields["company"] == "金泰"
    assert not {"title_level", "employees"} & set(fields)


def test_names_of_events(client: TestClient) -> None:
    """Settings name events; a key in a web page moves no lead by the name of an event alone."""
    client.post(
        "/v1/track",
        json=track(event="Viewed Pricing", properties={"path": "pricing"}),
        headers=BASIC,
    )
    client.post("/v1/track", json=track("m-2", event="Deal Won"), headers=BASIC)
    client.post(
        "/v1/track",
        json=track("m-3", event="stage_changed", properties={"to": "won"}),
        headers=BASIC,
    )
    found = events_of(client, "u-1")
    assert [e["type"] for e in found] == ["page_viewed", "opportunity_won"]
    assert found[0]["properties"] == {"page": "pricing"}


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 400),
        (b'"x"', 400),
        (b"", 400),
        (b'{"batch": ', 400),
        (b'{"batch": 7}', 400),
        (b"<xml/>", 400),
        (b'{"batch": [], "x": "' + b"x" * 500_001 + b'"}', 413),
        (b"x" * 1_000_001, 413),
    ],
)
def test_bad_bodies(client: TestClient, body: bytes, status: int) -> None:
    """What is no batch at all is refused in the one error shape."""
    answer = client.post("/v1/batch", content=body, headers=BASIC)
    assert answer.status_code == status, answer.text
    assert set(answer.json()["error"]) == {"code", "message", "details"}


def test_pages_of_other_sites(client: TestClient) -> None:
    """A browser asks before it sends the key; pages of the sites that settings name may."""
    asked = {
        "origin": "https://www.example.com",
        "access-control-request-method": "POST",
        "access-control-request-headers": "authorization,content-type",
    }
    answer = client.options("/v1/t", headers=asked)
    assert answer.status_code == 204
    assert answer.headers["access-control-allow-origin"] == "https://www.example.com"
    assert "authorization" in answer.headers["access-control-allow-headers"]
    other = client.options("/v1/t", headers={**asked, "origin": "https://evil.example"})
    assert "access-control-allow-origin" not in other.headers
    said = client.post("/v1/t", json=track(writeKey=KEY), headers={"origin": asked["origin"]})
    assert said.headers["access-control-allow-origin"] == asked["origin"]
