"""Calls of web services, against a real server on loopback."""

from __future__ import annotations

import asyncio
import gzip
import json
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from engine.calls import MAX_ANSWER, Answer, BadAnswer, Caller, Tokens
from engine.outbound import ForbiddenTarget
from engine.plugin import Failed, Misconfigured, Result, Retry, by_status


class Service(ThreadingHTTPServer):
    """Keeps what came, and answers by path."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.seen: list[dict[str, Any]] = []
        self.sockets: set[Any] = set()

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_address[1]}"


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: Service

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        lower = {name.lower(): value for name, value in self.headers.items()}
        self.server.seen.append({"path": self.path, "body": body, **lower})
        self.server.sockets.add(self.client_address)
        path = self.path.partition("?")[0]
        if path == "/slow":
            time.sleep(1)
        content = {"/long": b"x" * (MAX_ANSWER + 1), "/packed": gzip.compress(b'{"a":"\xe5\xa5\xbd"}'),
                   "/torn": b"no gzip"}.get(path, b'{"ok": true}')  # fmt: skip
        self.send_response(302 if path == "/moved" else 200)
        if path in ("/packed", "/torn"):
            self.send_header("Content-Encoding", "gzip")
        if path == "/moved":
            self.send_header("Location", "http://169.254.169.254/")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, *_: Any) -> None:
        """Stay silent."""


@pytest.fixture
def service() -> Iterator[Service]:
    """A server in a thread."""
    server = Service()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


def with_caller(work: Callable[[Caller], Awaitable[Any]], **options: Any) -> Any:
    """Run ``work`` with a caller that may call this machine."""

    async def run() -> Any:
        caller = Caller(allow_private=True, **options)
        try:
            return await work(caller)
        finally:
            await caller.close()

    return asyncio.run(run())


def test_json_goes_out_as_utf_8(service: Service) -> None:
    """Chinese is sent as it is, with its length in bytes and the host's own name."""

    async def work(caller: Caller) -> Answer:
        url = f"{service.url}/a"
        return await caller.call("POST", url, json={"姓名": "王芳"}, params={"来源": "展会&1"})

    answer = with_caller(work)
    assert answer.data == {"ok": True}
    seen = service.seen[0]
    assert json.loads(seen["body"]) == {"姓名": "王芳"}
    assert "王芳".encode() in seen["body"]
    assert seen["path"] == "/a?%E6%9D%A5%E6%BA%90=%E5%B1%95%E4%BC%9A%261"
    assert seen["host"] == f"127.0.0.1:{service.server_address[1]}"


def test_a_form_with_a_name_and_a_password(service: Service) -> None:
    """A form is encoded as one, and the password goes into the header only."""

    async def work(caller: Caller) -> Answer:
        url = f"{service.url}/f"
        return await caller.call("POST", url, form={"文": "你 好"}, auth=("u", "密"))

    with_caller(work)
    assert service.seen[0]["body"] == b"%E6%96%87=%E4%BD%A0+%E5%A5%BD"
    assert service.seen[0]["authorization"].startswith("Basic ")


def test_sockets_are_kept(service: Service) -> None:
    """Twenty calls one after the other need one socket."""

    async def work(caller: Caller) -> None:
        for number in range(20):
            await caller.call("POST", f"{service.url}/{number}", content=b"x")

    with_caller(work)
    assert len(service.sockets) == 1
    assert [seen["path"] for seen in service.seen] == [f"/{number}" for number in range(20)]


def test_a_packed_answer_is_unpacked_and_a_torn_one_is_none(service: Service) -> None:
    """What cannot be unpacked, or is too long, is no answer, which is worth another try."""

    async def work(caller: Caller) -> Answer:
        for path in ("torn", "long"):
            with pytest.raises(BadAnswer):
                await caller.call("POST", f"{service.url}/{path}")
        return await caller.call("POST", f"{service.url}/packed")

    assert with_caller(work).data == {"a": "好"}


def test_silence_ends_in_time(service: Service) -> None:
    """A service that does not answer is given up, and the next call gets through."""

    async def work(caller: Caller) -> float:
        began = time.monotonic()
        with pytest.raises(TimeoutError, match=r"no answer within 0\.2 s"):
            await caller.call("POST", f"{service.url}/slow", timeout_s=0.2)
        passed = time.monotonic() - began
        assert (await caller.call("POST", f"{service.url}/ok")).status == 200
        return passed

    assert with_caller(work) < 0.9


def test_no_redirect_is_followed_and_nobody_there_is_an_error(service: Service) -> None:
    """A redirect is an answer like any other; a closed port is an OSError."""

    async def work(caller: Caller) -> Answer:
        with pytest.raises(OSError, match="connect"):
            await caller.call("POST", "http://127.0.0.1:9/")
        return await caller.call("POST", f"{service.url}/moved")

    assert with_caller(work).status == 302


def test_the_own_machine_is_not_called_unless_allowed(service: Service) -> None:
    """Not even after the same address was called with leave by another caller."""

    async def work() -> None:
        caller = Caller()
        with pytest.raises(ForbiddenTarget):
            await caller.call("POST", f"{service.url}/a")
        await caller.close()

    asyncio.run(work())
    assert service.seen == []


def test_a_token_is_fetched_once_for_all_who_wait() -> None:
    """Fifty at once cause one fetch; before its end, and when refused, there is another."""
    now, fetched = 0.0, 0

    async def fetch() -> tuple[str, float]:
        nonlocal fetched
        await asyncio.sleep(0.01)
        fetched += 1
        return f"t{fetched}", 7_200

    async def work() -> None:
        nonlocal now
        tokens = Tokens(lambda: now)
        assert set(await asyncio.gather(*(tokens.get("a", fetch) for _ in range(50)))) == {"t1"}
        now = 6_899
        assert await tokens.get("a", fetch) == "t1"
        now = 6_900  # five minutes before its end
        assert await tokens.get("a", fetch) == "t2"
        tokens.drop("a", "t1")  # somebody comes late with the old one
        assert await tokens.get("a", fetch) == "t2"
        tokens.drop("a", "t2")
        assert await tokens.get("a", fetch) == "t3"
        assert await tokens.get("b", fetch) == "t4"

    asyncio.run(work())


def test_a_fetch_that_fails_is_tried_by_the_next() -> None:
    """Whoever waited first learns of it, and nothing is kept."""
    outcomes: list[Any] = [OSError("拒绝"), ("t", 60.0)]

    async def fetch() -> tuple[str, float]:
        found = outcomes.pop(0)
        if isinstance(found, OSError):
            raise found
        return found  # type: ignore[no-any-return]

    async def work() -> None:
        tokens = Tokens()
        with pytest.raises(OSError, match="拒绝"):
            await tokens.get("a", fetch)
        assert await tokens.get("a", fetch) == "t"

    asyncio.run(work())


@pytest.mark.parametrize(
    ("status", "headers", "wanted"),
    [
        (200, {}, None),
        (204, {}, None),
        (429, {"retry-after": "30"}, Retry("crm answered 429", 30_000)),
        (503, {"retry-after": "Wed, 21 Oct 2026 07:28:00 GMT"}, Retry("crm answered 503")),
        (503, {"retry-after": "9999999999"}, Retry("crm answered 503", 86_400_000)),
        (500, {}, Retry("crm answered 500")),
        (401, {}, Misconfigured("crm answered 401")),
        (301, {}, Misconfigured("crm answered 301")),
        (422, {}, Failed("crm answered 422")),
    ],
)
def test_what_a_status_says(status: int, headers: dict[str, str], wanted: Result | None) -> None:
    """Busy is tried again, not let in needs a person, refused is final, 2xx is read on."""
    assert by_status(Answer(status, headers, b""), "crm") == wanted
