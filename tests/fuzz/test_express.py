"""Whatever is sent to `POST /v1/events`, in whichever pieces, both ways to it answer alike."""

from __future__ import annotations

import asyncio
import itertools
import json
import re
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.server.app import create_app
from engine.server.auth import Access
from engine.server.express import Express
from engine.server.patience import Impatient
from tests.server.test_express import LIMITED, event, same, serving
from tests.serving import start_runtime, write_config

Ports = tuple[int, int]
NUMBERS = itertools.count()
WAYS = ("express", "usual")
GIVEN = re.compile(r"way[eu]|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")  # ids

json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=20)
    | st.sampled_from(["form_submitted", "wechat", "给", "\ud83d", "2026-03-02T09:00:00+08:00"]),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=6,
)
changes = st.dictionaries(
    st.sampled_from(
        ["type", "at", "lead", "properties", "by", "client", "channel", "history", "x"]
    ),
    json_values,
    max_size=2,
)
headers = st.lists(
    st.sampled_from(
        [
            "X-Request-Id: abcd-1234",
            "X-Request-Id: \x7f",
            "Origin: https://www.example.com",
            "Origin: null",
            "Sec-Fetch-Site: cross-site",
            "Authorization: Bearer x",
            "Authorization: Basic eDp4",
            "Connection: close",
            "Connection: keep-alive",
            "Content-Encoding: gzip",
            "Content-Encoding: identity",
            "Content-Type: text/plain",
            "Expect: 100-continue",
            "Upgrade: h2c",
            "Cookie: a=b",
            "Accept: text/html",
        ]
    ),
    max_size=3,
)
lines = st.sampled_from(
    ["POST /v1/events HTTP/1.1"] * 6
    + ["POST /v1/events?x HTTP/1.1", "post /v1/events HTTP/1.1", "POST //v1/events HTTP/1.1"]
    + [
        "OPTIONS /v1/events HTTP/1.1",
        "POST /v1/events HTTP/1.0",
        "POST http://a/v1/events HTTP/1.1",
    ]
)


@pytest.fixture(scope="module")
def ports(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Ports]:
    """Serve one runtime both ways, in a thread; yields the ports."""
    folder = tmp_path_factory.mktemp("express")
    ready: list[Ports] = []
    started, over = threading.Event(), threading.Event()

    def run() -> None:
        asyncio.run(whole(folder, ready, started, over))

    thread = threading.Thread(target=run)
    thread.start()
    assert started.wait(30)
    yield ready[0]
    over.set()
    thread.join(30)


async def whole(
    folder: Path, ready: list[Ports], started: threading.Event, over: threading.Event
) -> None:
    """Serve until it is over."""
    runtime: Runtime = start_runtime(
        write_config(folder / "config", server=LIMITED), folder / "leads.db"
    )
    app = create_app(runtime, Access.open(), Plugins())
    async with serving(app, Express) as (_, short), serving(app, Impatient) as (_, usual):
        ready.append((short, usual))
        started.set()
        await asyncio.to_thread(over.wait)
    await runtime.stop()


def told(port: int, data: bytes, cuts: list[int]) -> bytes:
    """Send bytes in pieces, and nothing after; return all that comes back."""
    with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        start = 0
        try:
            for cut in [*sorted(cut % (len(data) + 1) for cut in cuts), len(data)]:
                connection.sendall(data[start:cut])
                start = cut
        except OSError:  # it has heard enough
            pass
        connection.settimeout(10)
        found = b""
        while True:
            try:
                piece = connection.recv(65_536)
            except OSError:
                return found
            found += piece
            found = found.removeprefix(b"HTTP/1.1 100 Continue\r\n\r\n")
            if not piece or is_whole(found):
                return found


def is_whole(answer: bytes) -> bool:
    """Whether an answer has come to its end."""
    head, end, body = answer.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return bool(end) and len(body) >= int(length[1] if length else 0)


def request(line: str, more: list[str], body: bytes) -> bytes:
    """One request; its length is right unless ``more`` has another."""
    head = [line, "Host: 127.0.0.1", *more]
    if not any(each.startswith("Content-Length") for each in more):
        head.append(f"Content-Length: {len(body)}")
    return "\r\n".join([*head, "", ""]).encode() + body


# Without shrinking: each example waits for servers.
@settings(max_examples=400, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(
    line=lines,
    more=headers,
    change=changes,
    count=st.integers(0, 3),
    damage=st.none() | st.tuples(st.integers(0, 400), st.binary(max_size=3)),
    cuts=st.lists(st.integers(0, 600), max_size=3),
)
def test_both_ways_answer_alike(
    ports: Ports,
    line: str,
    more: list[str],
    change: dict[str, Any],
    count: int,
    damage: tuple[int, bytes] | None,
    cuts: list[int],
) -> None:
    """The same status, headers and body, for one event and for lists, whole and damaged."""
    number = next(NUMBERS)
    answers = []
    for port, way in zip(ports, WAYS, strict=True):
        events = [{**event(way, f"f{number}-{n}"), **change} for n in range(max(1, count))]
        data: Any = events[0] if count == 0 else events
        body = json.dumps(data, ensure_ascii=True).encode()
        body = body.replace(way.encode(), b"way%s" % way[:1].encode())
        if damage is not None:
            at = damage[0] % (len(body) + 1)
            body = body[:at] + damage[1] + body[at + len(damage[1]) :]
        answers.append(told(port, request(line, more, body), cuts))
    ours, theirs = (same(tuple(each.partition(b"\r\n\r\n")[::2])) for each in answers)  # type: ignore[arg-type]
    assert ours[:2] == theirs[:2]
    assert GIVEN.sub("", ours[2]) == GIVEN.sub("", theirs[2])
