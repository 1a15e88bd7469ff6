"""The short way for events says what the usual way says, to the byte where it can, whoever asks."""

from __future__ import annotations

import asyncio
import gzip
import json
import re
import socket
import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn

from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.server.app import create_app
from engine.server.auth import Access
from engine.server.express import Express
from engine.server.patience import Impatient, cut_off
from tests.serving import start_runtime, write_config

LIMITED = """
connections:
  email: {plugin: email, host: 127.0.0.1, port: 9, from: a@example.com, tls: none}
  notify: {plugin: log}
origins: ["https://www.example.com"]
"""
CHANGING = re.compile(rb"(?i)\r\n(date|x-request-id|content-length): [^\r]*")
IDS = re.compile(r'"lead":"[^"]+"|-usual|-express|under [0-9a-f-]+')
Case = tuple[str, Callable[[str], bytes], bool]


def event(way: str, who: str = "u1", **more: Any) -> dict[str, Any]:
    """An event of a lead of this way's own."""
    lead = {"user_id": f"{who}-{way}", "company": "金泰阀门有限公司", "name": "王芳"}
    raw = {"id": f"{who}-{way}", "type": "form_submitted", "lead": lead}
    return {**raw, "properties": {"form": "contact"}, **more}


def request(
    body: Any, *headers: str, line: str = "POST /v1/events HTTP/1.1", length: int | None = None
) -> bytes:
    """One request, as it goes over the wire."""
    data = body if isinstance(body, bytes) else json.dumps(body, ensure_ascii=False).encode()
    size = len(data) if length is None else length
    head = [line, "Host: 127.0.0.1", "Content-Type: application/json", *headers]
    head += [f"Content-Length: {size}"] if length != -1 else []
    return "\r\n".join([*head, "", ""]).encode() + data


def chunked(way: str) -> bytes:
    """The same in two chunks."""
    data = json.dumps(event(way, "chunks")).encode()
    pieces = (data[:20], data[20:], b"")
    body = b"".join(b"%x\r\n%s\r\n" % (len(each), each) for each in pieces)
    return request(body, "Transfer-Encoding: chunked", length=-1)


# What is sent, and whether it goes the short way.
CASES: list[Case] = [
    ("one", lambda way: request(event(way)), True),
    ("again", lambda way: request(event(way)), True),
    ("two", lambda way: request([event(way, "u2"), event(way, "u3")]), True),
    ("fifty", lambda way: request([event(way, f"m{n}") for n in range(50)]), True),
    ("one of two bad", lambda way: request([event(way, "u4"), {"type": "nope"}]), True),
    ("both bad", lambda way: request([{"type": "nope"}, 7]), True),
    ("bad", lambda way: request(event(way, "u5", type="form_submited")), True),
    ("misspelt key", lambda way: request({**event(way, "u6"), "leed": {}}), True),
    ("not JSON", lambda way: request(b'{"type": }'), True),
    ("not UTF-8", lambda way: request('{"type": "表单"}'.encode("gb18030")), True),
    ("too deep", lambda way: request(b"[" * 200 + b"]" * 200), True),
    ("a number", lambda way: request(b"7"), True),
    ("an empty list", lambda way: request(b"[]"), True),
    ("blanks", lambda way: request(b"   "), True),
    ("too many", lambda way: request([1] * 1_001), True),
    ("a bad token", lambda way: request(event(way), "Authorization: Bearer nobody"), True),
    ("a name", lambda way: request(event(way), "X-Request-Id: abcd-1"), True),
    ("a header twice", lambda way: request(event(way), "X-A: 1", "X-A: 2"), True),
    ("a host of lies", lambda way: request(event(way), "Sec-Fetch-Site: cross-site"), True),
    ("a page elsewhere", lambda way: request(event(way), "Origin: https://evil.test"), False),
    ("a page of ours", lambda way: request(event(way), "Origin: https://www.example.com"), False),
    (
        "packed",
        lambda way: request(
            gzip.compress(json.dumps(event(way, "u7")).encode()), "Content-Encoding: gzip"
        ),
        False,
    ),
    ("chunks", chunked, False),
    ("nothing", lambda way: request(b""), False),
    ("a long one", lambda way: request([event(way, f"l{n}") for n in range(200)]), False),
    ("another path", lambda way: request(event(way), line="POST /v1/event HTTP/1.1"), False),
    ("a query", lambda way: request(event(way), line="POST /v1/events?a=1 HTTP/1.1"), False),
    ("escaped", lambda way: request(event(way), line="POST /v1/%65vents HTTP/1.1"), False),
    ("read", lambda way: request(b"", line="GET /v1/events HTTP/1.1"), False),
    ("put", lambda way: request(event(way), line="PUT /v1/events HTTP/1.1"), False),
    ("old", lambda way: request(event(way), line="POST /v1/events HTTP/1.0"), False),
    ("a last one", lambda way: request(event(way), "Connection: close"), False),
]


class Counting(Express):
    """Counts what it answers itself."""

    answered = 0

    def answer(self, *given: Any) -> None:
        """Count, and answer."""
        Counting.answered += 1
        super().answer(*given)


@asynccontextmanager
async def serving(app: Any, way: type[Impatient]) -> AsyncIterator[tuple[uvicorn.Server, int]]:
    """Serve an application on a free port until the end of the block."""
    listening = socket.create_server(("127.0.0.1", 0))
    config = uvicorn.Config(
        app, http=way, lifespan="off", log_config=None, access_log=False, proxy_headers=False
    )
    server = uvicorn.Server(config)
    task = asyncio.create_task(server.serve(sockets=[listening]))
    while not server.started:  # noqa: ASYNC110 - uvicorn has no event for it
        await asyncio.sleep(0.01)
    try:
        yield server, listening.getsockname()[1]
    finally:
        server.should_exit = True
        await task


@pytest.fixture
def runtime(tmp_path: Path) -> Runtime:
    """A company whose own pages may post."""
    return start_runtime(write_config(tmp_path / "config", server=LIMITED), tmp_path / "leads.db")


def use(runtime: Runtime, story: Callable[[Any, int, uvicorn.Server], Any]) -> None:
    """Serve the runtime by the short way and tell a story of (application, port, server)."""

    async def whole() -> None:
        app = create_app(runtime, Access.open(), Plugins())
        try:
            async with serving(app, Counting) as (server, port):
                await story(app, port, server)
        finally:
            await runtime.stop()

    asyncio.run(whole())


async def answer_of(reader: asyncio.StreamReader) -> tuple[bytes, bytes]:
    """Read one answer; returns its head and body."""
    head = await asyncio.wait_for(reader.readuntil(b"\r\n\r\n"), 10)
    if b"transfer-encoding: chunked" in head:
        return head, await asyncio.wait_for(reader.readuntil(b"0\r\n\r\n"), 10)
    found = re.search(rb"content-length: (\d+)", head)
    return head, await reader.readexactly(int(found[1])) if found else b""


async def ask(port: int, *pieces: bytes) -> tuple[bytes, bytes]:
    """Send a request in pieces and return its answer."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    for piece in pieces:
        writer.write(piece)
        await writer.drain()
        await asyncio.sleep(0.01 * (len(pieces) > 1))
    found = await answer_of(reader)
    writer.close()
    return found


def same(answer: tuple[bytes, bytes]) -> tuple[bytes, list[bytes], str]:
    """Return what both ways must say alike: the status, the headers, and the body without ids."""
    status, *headers = CHANGING.sub(b"", answer[0]).strip().split(b"\r\n")
    return status, sorted(headers), IDS.sub("", answer[1].decode())


def test_both_ways_say_the_same(runtime: Runtime) -> None:
    """Of each request, good or bad; and each goes the way that it should."""

    async def story(app: Any, port: int, server: uvicorn.Server) -> None:
        async with serving(app, Impatient) as (_, usual):
            for name, make, short in CASES:
                before = Counting.answered
                ours = await ask(port, make("express"))
                assert (Counting.answered > before) is short, name
                theirs = await ask(usual, make("usual"))
                assert same(ours) == same(theirs), name
                assert b"x-request-id: " in ours[0], name

    use(runtime, story)


def test_a_request_in_pieces_is_one_request(runtime: Runtime) -> None:
    """Wherever it is cut."""

    async def story(app: Any, port: int, server: uvicorn.Server) -> None:
        for n, cut in enumerate((1, 10, 40, 130, 200)):
            whole = request(event("cut", f"c{n}"))
            head, body = await ask(port, whole[:cut], whole[cut:-1], whole[-1:])
            assert head.startswith(b"HTTP/1.1 200")
            assert json.loads(body)["accepted"] == 1

    use(runtime, story)


def test_a_connection_is_used_again_and_requests_wait_for_those_before(runtime: Runtime) -> None:
    """One after the other, and three at once: answers come in the order of the questions."""

    async def story(app: Any, port: int, server: uvicorn.Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for n in range(3):
            writer.write(request(event("kept", f"k{n}")))
            _, body = await answer_of(reader)
            assert json.loads(body)["results"][0]["id"] == f"k{n}-kept"
        bad = request(b"{", "X-Request-Id: second")
        writer.write(request(event("at-once", "a")) + bad + request(event("at-once", "b")))
        answers = [await answer_of(reader) for _ in range(3)]
        assert [head.split()[1] for head, _ in answers] == [b"200", b"400", b"200"]
        assert b"x-request-id: second" in answers[1][0]
        assert json.loads(answers[2][1])["results"][0]["id"] == "b-at-once"
        writer.close()

    use(runtime, story)


def test_who_may_not_is_refused(tmp_path: Path) -> None:
    """With a token in force the short way asks for it as the usual one does."""
    started = start_runtime(write_config(tmp_path / "config"), tmp_path / "leads.db")

    async def whole() -> None:
        app = create_app(started, Access.token("s" * 32), Plugins())
        try:
            async with serving(app, Counting) as (_, port):
                head, body = await ask(port, request(event("token")))
                assert head.startswith(b"HTTP/1.1 401")
                assert json.loads(body)["error"]["code"] == "unauthorized"
                good = request(event("token"), f"Authorization: Bearer {'s' * 32}")
                assert (await ask(port, good))[0].startswith(b"HTTP/1.1 200")
        finally:
            await started.stop()

    asyncio.run(whole())


def test_a_small_bound_holds_for_every_body(runtime: Runtime) -> None:
    """Where less is allowed than goes the short way, all bodies go the usual one."""

    async def whole() -> None:
        app = create_app(runtime, Access.open(), Plugins(), max_body=100)
        try:
            async with serving(app, Counting) as (_, port):
                head, _body = await ask(port, request([event("bound")]))
                assert head.startswith(b"HTTP/1.1 413")
        finally:
            await runtime.stop()

    asyncio.run(whole())


@asynccontextmanager
async def underway(
    runtime: Runtime, port: int, data: bytes
) -> AsyncIterator[tuple[threading.Event, asyncio.StreamReader, asyncio.StreamWriter]]:
    """Send a request while the writer is kept from all else until the gate opens."""
    gate = threading.Event()
    holding = asyncio.create_task(runtime.write(lambda connection: gate.wait(20) and None))
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(data)
    await asyncio.sleep(0.2)
    yield gate, reader, writer
    await holding
    writer.close()


def test_the_server_ends_after_its_answers(runtime: Runtime) -> None:
    """A request on its way when the server is told to end is answered, and the connection closed."""

    async def story(app: Any, port: int, server: uvicorn.Server) -> None:
        async with underway(runtime, port, request(event("end"))) as (gate, reader, _):
            server.should_exit = True
            await asyncio.sleep(0.3)
            gate.set()
            head, body = await answer_of(reader)
            assert head.startswith(b"HTTP/1.1 200")
            assert b"connection: close" in head
            assert json.loads(body)["accepted"] == 1
            assert await reader.read() == b""

    use(runtime, story)


def test_whoever_leaves_before_the_answer_costs_nothing(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    """The event counts, and nobody hears of it."""

    async def story(app: Any, port: int, server: uvicorn.Server) -> None:
        async with underway(runtime, port, request(event("gone"))) as (gate, _, writer):
            writer.close()
            await writer.wait_closed()
            await asyncio.sleep(0.1)
            gate.set()
        _, body = await ask(port, request(event("gone")))
        assert json.loads(body)["duplicates"] == 1
        assert not caplog.records

    use(runtime, story)


def test_who_does_not_read_is_not_written_to_without_end(runtime: Runtime) -> None:
    """Once what waits to be read is too much, the next request goes the way that waits for it."""

    async def story(app: Any, port: int, server: uvicorn.Server) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(request(event("slow")))
        await answer_of(reader)
        (connection,) = (c for c in server.server_state.connections if isinstance(c, Counting))
        connection.pause_writing()
        before = Counting.answered
        writer.write(request(event("slow")))
        await asyncio.sleep(0.2)
        assert Counting.answered == before
        connection.resume_writing()
        _, body = await answer_of(reader)
        assert json.loads(body)["duplicates"] == 1
        writer.close()

    use(runtime, story)


def test_a_connection_without_another_request_is_closed(runtime: Runtime) -> None:
    """After the time that uvicorn keeps one, though no timer of its own runs; not before."""

    async def story(app: Any, port: int, server: uvicorn.Server) -> None:
        connections = server.server_state.connections
        idle, nothing = await asyncio.open_connection("127.0.0.1", port)
        busy, ask_again = await asyncio.open_connection("127.0.0.1", port)
        for reader, writer, id in ((idle, nothing, "a"), (busy, ask_again, "b")):
            writer.write(request(event("kept", id)))
            await answer_of(reader)
        for each in connections:
            assert isinstance(each, Counting)
            assert each.timeout_keep_alive_task is None
            assert each.timeout_keep_alive == 5
            each.timeout_keep_alive = 0.3  # type: ignore[assignment]
        assert cut_off(connections) == 0
        await asyncio.sleep(0.2)
        ask_again.write(request(event("kept", "c")))
        await answer_of(busy)
        ask_again.write(request(event("kept", "d"))[:40])
        await asyncio.sleep(0.2)
        assert cut_off(connections) == 1
        assert await asyncio.wait_for(idle.read(), 5) == b""
        ask_again.write(request(event("kept", "d"))[40:])
        assert json.loads((await answer_of(busy))[1])["accepted"] == 1
        following = request(event("kept", "f"))
        ask_again.write(request(event("kept", "e")) + following[:40])
        await answer_of(busy)
        await asyncio.sleep(0.4)
        assert cut_off(connections) == 0
        ask_again.write(following[40:])
        assert json.loads((await answer_of(busy))[1])["accepted"] == 1
        for writer in (nothing, ask_again):
            writer.close()

    use(runtime, story)


def test_a_defect_is_answered_as_one(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """With an id that the log has, before the event is read and after it is stored."""
    personal = "".join(["139", "12345678"])

    def broken(*given: Any) -> Any:
        raise ZeroDivisionError(personal)

    async def story(app: Any, port: int, server: uvicorn.Server) -> None:
        for place in ("engine.server.metrics.Metrics.event", "engine.server.ingest.decode_json"):
            with monkeypatch.context() as patched:
                patched.setattr(place, broken)
                head, body = await ask(port, request(event("defect")))
            assert head.startswith(b"HTTP/1.1 500")
            named = re.search(rb"x-request-id: (\S+)", head)
            assert named is not None
            assert named[1].decode() in body.decode()
            assert named[1].decode() in caplog.text
        assert personal not in caplog.text

    use(runtime, story)
