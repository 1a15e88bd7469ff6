"""Bytes that are no JSON, headers that are no tokens: a refusal in the one shape, and no more."""

from __future__ import annotations

import base64
import contextlib
import gzip
import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.datastructures import Headers
from starlette.testclient import TestClient

from engine.server.auth import Access
from engine.server.problems import Problem
from engine.server.tokens import BadTokens, digest_of, read_lines
from tests.serving import form, served, write_config

FIXTURES = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150
)


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestClient]:
    """A server that is open to this machine."""
    folder = tmp_path_factory.mktemp("hostile")
    with served(write_config(folder / "config"), folder / "leads.db") as client:
        yield client


TEXTS = st.text(max_size=30) | st.sampled_from(["王芳", "type", "form_submitted", "lead", "id"])
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(TEXTS, inner, max_size=5),
    max_leaves=30,
)
EVENT = json.dumps(form(), ensure_ascii=False)


@st.composite
def nearly_events(draw: st.DrawFn) -> bytes:
    """Return an event with some bytes replaced, cut off or doubled, in some encoding."""
    encoding = draw(st.sampled_from(["utf-8", "gb18030", "utf-16", "utf-8-sig"]))
    body = bytearray(EVENT.encode(encoding))
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(body)))
        body[at : at + draw(st.integers(0, 3))] = draw(st.binary(max_size=4))
    return bytes(body)


BODIES = (
    st.binary(max_size=400)
    | nearly_events()
    | JSON.map(lambda value: json.dumps(value).encode())
    | st.integers(1, 60_000).map(lambda depth: b"[" * depth)
)
PACKED = st.sampled_from(["", "gzip", "deflate", "br", "gzip, gzip", "identity"])


@FIXTURES
@given(body=BODIES, packing=PACKED, pack=st.booleans())
def test_any_bytes_are_an_event_or_refused(
    client: TestClient, body: bytes, packing: str, pack: bool
) -> None:
    """Whatever is posted, packed well or badly, the answer is below 500 and has one shape."""
    headers = {"content-encoding": packing} if packing else {}
    sent = gzip.compress(body) if pack and packing.startswith("gzip") else body
    answer = client.post("/v1/events", content=sent, headers=headers)
    assert answer.status_code in {200, 400, 413, 415, 422}, answer.text
    if answer.status_code != 200:
        assert set(answer.json()["error"]) == {"code", "message", "details"}


@FIXTURES
@given(
    body=BODIES,
    kind=st.sampled_from(
        [
            "application/json",
            "application/x-www-form-urlencoded",
            "multipart/form-data; boundary=x",
            "multipart/form-data",
            "text/plain; charset=no-such",
        ]
    ),
)
def test_any_form_is_taken_or_refused(client: TestClient, body: bytes, kind: str) -> None:
    """The form channel is for strangers: nothing that they post makes it fail."""
    answer = client.post("/c/form/contact", content=body, headers={"content-type": kind})
    assert answer.status_code < 500, answer.text


ACCESS = Access.token("真的令牌-secret")
HEADER = (
    st.text(max_size=60)
    | st.text(max_size=60).map("Bearer {}".format)
    | st.binary(max_size=60).map(lambda raw: "Basic " + base64.b64encode(raw).decode())
    | st.binary(max_size=60).map(lambda raw: "bearer\t" + raw.decode("latin-1"))
)


@settings(deadline=None, max_examples=400)
@given(
    header=HEADER.filter(lambda text: "secret" not in text),
    method=st.sampled_from(["GET", "HEAD", "POST", "DELETE", "X"]),
    path=st.sampled_from(["/", "/console/leads", "/v1/leads", "/v1/events"]) | st.text(max_size=20),
)
def test_no_header_but_the_token_lets_anybody_in(header: str, method: str, path: str) -> None:
    """What is not the token is nobody's, in every form that a header can have."""
    raw = header.encode("utf-8", "surrogatepass")
    headers = Headers(raw=[(b"authorization", raw)])
    found = ACCESS.admit(method, path, headers)
    assert isinstance(found, Problem) or found.role not in {"admin", "operate", "sales"}


@settings(FIXTURES, max_examples=200)
@given(raw=st.binary(max_size=200) | JSON.map(lambda value: json.dumps(value).encode()))
def test_a_broken_file_of_tokens_is_refused(tmp_path: Path, raw: bytes) -> None:
    """Whatever lies in the file of tokens, it gives tokens or `bad-tokens`, and no other error."""
    path = tmp_path / "tokens.jsonl"
    path.write_bytes(raw)
    with contextlib.suppress(BadTokens):
        assert digest_of("") not in {line.sha256 for line in read_lines(path)}


def test_refusing_costs_no_memory(client: TestClient) -> None:
    """A thousand different refusals leave nothing behind that grows with their number."""

    def refuse(first: int) -> None:
        for n in range(first, first + 500):
            bad = {"type": f"no-such-{n}", "lead": {f"field{n}": "值" * 100}}
            assert client.post("/v1/events", json=bad).status_code == 422

    refuse(0)
    tracemalloc.start()
    try:
        refuse(500)
        before = tracemalloc.get_traced_memory()[0]
        refuse(1_000)
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert grown < 1_000_000, grown
