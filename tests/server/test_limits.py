from __future__ import annotations

import gzip
import json
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.host.inbox import Inbox
from engine.host.telemetry import Telemetry
from engine.language.serving import Rate
from engine.server.auth import Access
from engine.server.bodies import MAX_BODY
from engine.server.limits import Buckets, Proxies
from engine.server.problems import Problem
from engine.server.shell import first_of_each
from engine.server.tokens import digest_of
from tests.server.test_events import error_of
from tests.serving import SERVER, form, served, write_config

TOKEN = "a-token-for-these-tests-0123456789"


@contextmanager
def serving(folder: Path, more: str, access: Access | None = None) -> Iterator[TestClient]:
    """Serve with more lines in server.yaml."""
    config = write_config(folder / "config", server=SERVER.format(port=9, notify="log") + more)
    with served(config, folder / "leads.db", access) as client:
        yield client


def capture(client: TestClient, **headers: str) -> int:
    """Post a form as a stranger; returns the status."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = client.post("/channels/form/contact", data={"email": "w@acme.cn"}, headers=named)
    return answer.status_code


# --- buckets -----------------------------------------------------------------------------------


def test_a_bucket_refills() -> None:
    """A burst passes, then one each interval; the wait that is told is exactly enough."""
    now = [100.0]
    buckets = Buckets(Rate(2, 1_000, 3), clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(3)] == [0.0, 0.0, 0.0]
    wait = buckets.take("a")
    assert wait == pytest.approx(0.5)
    assert buckets.take("b") == 0.0
    now[0] += wait - 0.01
    assert buckets.take("a") > 0
    now[0] += 0.01
    assert buckets.take("a") == 0.0
    now[0] += 1_000
    assert [buckets.take("a") == 0.0 for _ in range(4)] == [True, True, True, False]


def test_buckets_stay_small() -> None:
    """Any number of addresses takes bounded memory."""
    now = [0.0]
    buckets = Buckets(Rate(1, 1_000, 1), most=100, clock=lambda: now[0])
    for n in range(10_000):
        now[0] += 0.001
        buckets.take(str(n))
        assert len(buckets) <= 100


def test_capture_routes_are_limited(tmp_path: Path) -> None:
    """Strangers get so many requests per address, then 429 with Retry-After; probes are free."""
    with serving(tmp_path, "rates: {capture: {requests: 1, per: 1m, burst: 3}}\n") as client:
        assert [capture(client) for _ in range(4)] == [202, 202, 202, 429]
        answer = client.post("/channels/form/contact", data={"email": "w@acme.cn"})
        assert error_of(answer, 429)["code"] == "rate-limited"
        assert 1 <= int(answer.headers["retry-after"]) <= 60
        assert {client.get("/-/healthy").status_code for _ in range(20)} == {200}
        assert client.get("/v1/leads").status_code == 200
        # The limit outlives a reload that does not touch it.
        assert client.post("/-/reload").status_code == 200
        assert capture(client) == 429


def test_tokens_are_limited(tmp_path: Path) -> None:
    """A token has its own bucket, whoever else asks from that address."""
    more = (
        "rates: {token: {requests: 2, per: 1m}}\n"
        f"tokens: {{site: {{role: ops, secrets: [{{sha256: {digest_of(TOKEN)}}}]}}}}\n"
    )
    with serving(tmp_path, more, Access.token("b" * 30)) as client:
        mine = {"Authorization": f"Bearer {TOKEN}"}
        other = {"Authorization": f"Bearer {'b' * 30}"}
        statuses = [client.get("/v1/leads", headers=mine).status_code for _ in range(3)]
        assert statuses == [200, 200, 429]
        assert client.get("/v1/leads", headers=other).status_code == 200


def test_addresses_are_limited(tmp_path: Path) -> None:
    """With `address` guessing tokens is slowed down, too."""
    more = "rates: {address: {requests: 1, per: 1h, burst: 2}}\n"
    with serving(tmp_path, more, Access.token(TOKEN)) as client:
        guesses = [
            client.get("/v1/leads", headers={"Authorization": f"Bearer {n}"}).status_code
            for n in range(4)
        ]
        assert guesses == [401, 401, 429, 429]


# --- proxies -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("9.9.9.9", "1.1.1.1", "9.9.9.9"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", "1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1", "1.1.1.1"),
        ("10.0.0.1", "6.6.6.6, 1.1.1.1, 10.0.0.2", "1.1.1.1"),
        ("10.0.0.1", "1.1.1.1:443", "1.1.1.1"),
        ("10.0.0.1", "[2001:db8::5]:443", "2001:db8::5"),
        ("10.0.0.1", "6.6.6.6, 某人", "10.0.0.1"),
        ("10.0.0.1", "10.0.0.3", "10.0.0.3"),
        ("testclient", "1.1.1.1", "testclient"),
    ],
)
def test_whose_address_it_is(peer: str, forwarded: str, client: str) -> None:
    """Only a proxy of ours is believed, and of what it says only the hop before it."""
    assert Proxies(["10.0.0.0/8"]).client(peer, forwarded) == client


def test_forged_addresses_share_a_bucket(tmp_path: Path) -> None:
    """Without configured proxies nobody gets a new bucket by writing X-Forwarded-For."""
    with serving(tmp_path, "rates: {capture: {requests: 1, per: 1m, burst: 2}}\n") as client:
        statuses = [capture(client, X_Forwarded_For=f"1.1.1.{n}") for n in range(3)]
        assert statuses == [202, 202, 429]


# --- bodies ------------------------------------------------------------------------------------


def packed(client: TestClient, body: bytes, encoding: str) -> Any:
    """Post a body that says it is packed."""
    headers = {"Content-Encoding": encoding, "Content-Type": "application/json"}
    return client.post("/v1/events", content=body, headers=headers)


def test_packed_bodies(client: TestClient) -> None:
    """gzip, in several members too, and both forms of deflate are understood, in any case."""
    text = json.dumps(form(1, company="金泰阀门"), ensure_ascii=False).encode()
    raw = zlib.compressobj(wbits=-15)
    for n, (body, encoding) in enumerate(
        [
            (gzip.compress(text), "gzip"),
            (gzip.compress(text[:20]) + gzip.compress(text[20:]), "GZIP"),
            (zlib.compress(text), "deflate"),
            (raw.compress(text) + raw.flush(), "deflate"),
            (text, "identity"),
        ]
    ):
        answer = packed(client, body, encoding).json()
        assert answer["duplicates" if n else "accepted"] == 1
    assert client.get("/v1/leads/w1@acme.cn").json()["fields"]["company"] == "金泰阀门"


def test_bombs(client: TestClient) -> None:
    """A small body that unpacks to gigabytes is stopped at the limit, nested or not."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = b"0" * 1_000_000
    bomb = b"".join(packer.compress(zeros) for _ in range(300)) + packer.flush()
    assert len(bomb) < MAX_BODY
    assert error_of(packed(client, bomb, "gzip"), 413)["code"] == "too-large"
    many = gzip.compress(b" " * 600_000) * 2
    assert error_of(packed(client, many, "gzip"), 413)["code"] == "too-large"


@pytest.mark.parametrize(
    ("body", "encoding", "status", "code"),
    [
        (b"{}", "br", 415, "unsupported-encoding"),
        (b"{}", "gzip, gzip", 415, "unsupported-encoding"),
        (b"{}", "gzip", 400, "bad-encoding"),
        (gzip.compress(b"[]", mtime=0)[:-9], "gzip", 400, "bad-encoding"),
        (gzip.compress(b"[]", mtime=0) + b"rest", "gzip", 400, "bad-encoding"),
        (b"\x00\xff", "deflate", 400, "bad-encoding"),
    ],
)
def test_bad_packing(
    client: TestClient, body: bytes, encoding: str, status: int, code: str
) -> None:
    """What is not packed as it says, cut off, or packed otherwise is refused."""
    assert error_of(packed(client, body, encoding), status)["code"] == code


def test_packed_forms(client: TestClient) -> None:
    """Channels unpack in the same way."""
    headers = {
        "Content-Encoding": "gzip",
        "Content-Type": "application/x-www-form-urlencoded",
    }
    body = gzip.compress("email=w7@acme.cn&name=王芳".encode())
    assert client.post("/channels/form/contact", content=body, headers=headers).status_code == 202
    assert client.get("/v1/leads/w7@acme.cn").status_code == 200


# --- the queue ---------------------------------------------------------------------------------


def test_a_full_queue_says_when_to_come_again(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the queue full a request gets 429 and Retry-After, and later the same one is taken."""
    with monkeypatch.context() as full:
        full.setattr(Inbox, "put", lambda self, items: False)
        answer = client.post("/v1/events", json=form(1))
        assert error_of(answer, 429)["code"] == "overloaded"
        assert int(answer.headers["retry-after"]) >= 1
        assert capture(client) == 429
    assert client.post("/v1/events", json=form(1)).json()["accepted"] == 1


def test_the_wait_follows_from_queue_and_pace(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Retry-After is what waits, by the events a second of late; a second at least, 30 at most."""
    runtime = client.app.state.services.runtime  # type: ignore[attr-defined]
    assert runtime.retry_after == 1  # nothing measured yet
    client.post("/v1/events", json=[form(n) for n in range(50)])
    assert runtime.telemetry.pace > 0
    monkeypatch.setattr(Inbox, "put", lambda self, items: False)
    monkeypatch.setattr(Inbox, "__len__", lambda self: 10_000)
    for pace, wait in ((10_000.0, 1), (1_500.0, 7), (1.0, 30)):
        telemetry = Telemetry()
        telemetry.transaction(1_000, 0.75 * 1_000 / pace, 0.25 * 1_000 / pace)
        monkeypatch.setattr(runtime, "telemetry", telemetry)
        answers = [client.post("/v1/events", json=body) for body in (form(1), [form(1)])]
        assert {each.status_code for each in answers} == {429}
        assert {each.headers["retry-after"] for each in answers} == {str(wait)}


# --- pages of other sites ----------------------------------------------------------------------


def test_cross_origin(tmp_path: Path) -> None:
    """Pages of configured origins may post to capture routes, and to nothing else."""
    with serving(tmp_path, 'origins: ["https://www.example.com"]\n') as client:
        ours = {"Origin": "https://www.example.com"}
        ask = {**ours, "Access-Control-Request-Method": "POST"}
        preflight = client.options("/channels/form/contact", headers=ask)
        assert preflight.status_code == 204
        assert preflight.headers["access-control-allow-origin"] == ours["Origin"]
        assert "POST" in preflight.headers["access-control-allow-methods"]
        assert "access-control-allow-credentials" not in preflight.headers
        posted = client.post("/channels/form/contact", data={"email": "a@b.cn"}, headers=ours)
        assert posted.headers["access-control-allow-origin"] == ours["Origin"]
        assert posted.headers["vary"] == "Origin"
        evil = {"Origin": "https://evil.example"}
        answer = client.post("/channels/form/contact", data={"email": "a@b.cn"}, headers=evil)
        assert "access-control-allow-origin" not in answer.headers
        assert client.get("/v1/leads", headers=ours).headers.get("vary") == "Origin"
        for path in ("/v1/leads", "/-/reload", "/console/"):
            assert "access-control-allow-origin" not in client.options(path, headers=ask).headers


def test_no_origins_no_word(client: TestClient) -> None:
    """Without configuration nothing is said to other sites' pages."""
    ask = {"Origin": "https://www.example.com", "Access-Control-Request-Method": "POST"}
    answer = client.options("/channels/form/contact", headers=ask)
    assert answer.status_code == 405
    assert not [name for name in answer.headers if name.startswith("access-control")]


def test_of_two_hosts_the_first_counts() -> None:
    """A second header of the same name cannot talk an open server into serving strangers."""
    twice = [(b"host", b"evil.example"), (b"host", b"127.0.0.1"), (b"X-Other", b"1")]
    headers = first_of_each({"type": "http", "headers": twice})
    assert headers["host"] == "evil.example"
    assert isinstance(Access.open().admit("GET", "/v1/leads", headers), Problem)
