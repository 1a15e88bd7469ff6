"""A web service on loopback that answers as it is told, well or badly, and remembers."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any, Self
from urllib.parse import parse_qsl, urlsplit

import msgspec


class Seen(msgspec.Struct, frozen=True):
    """One request that arrived; header names are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """The body as JSON; raises ValueError when it is none."""
        return json.loads(self.body)


class PeerAnswer(msgspec.Struct, frozen=True):
    """What to answer: ``body`` is sent as JSON unless it is text or bytes.

    After ``delay_s`` seconds; with ``hang_up`` the connection closes without an answer.
    """

    status: int = 200
    body: Any = msgspec.field(default_factory=dict)
    headers: Mapping[str, str] = {}
    delay_s: float = 0.0
    hang_up: bool = False


class Peer:
    """A real HTTP server: ``with Peer() as peer: ... peer.url ... peer.seen``.

    It gives ``answers`` in order, then what ``handler`` makes of the request, by default
    200 ``{}``.
    """

    def __init__(self, *answers: PeerAnswer) -> None:
        self.answers = list(answers)
        self.handler: Callable[[Seen], PeerAnswer] = lambda seen: PeerAnswer()
        self.seen: list[Seen] = []
        self._ended = threading.Event()
        self._server = _Server(self)
        self._thread = threading.Thread(
            target=self._server.serve_forever, args=(0.02,), daemon=True
        )

    @property
    def url(self) -> str:
        """Where it listens, without a slash at the end."""
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> Self:
        """Begin to listen."""
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it, whoever still waits for an answer."""
        self._ended.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def answer(self, seen: Seen) -> PeerAnswer:
        """Note a request and return its answer, when it is time for it."""
        self.seen.append(seen)
        answer = self.answers.pop(0) if self.answers else self.handler(seen)
        self._ended.wait(answer.delay_s)
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    # Connections that wait for nothing must not hold up the end.
    block_on_close = False

    def __init__(self, peer: Peer) -> None:
        self.peer = peer
        super().__init__(("127.0.0.1", 0), _Handler)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """Say nothing of clients that have gone."""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # head and body in one packet: the second would wait for the client's ACK

    def log_message(self, format: str, *args: Any) -> None:
        """Print nothing."""

    def _take(self) -> None:
        parts = urlsplit(self.path)
        seen = Seen(
            self.command,
            parts.path,
            dict(parse_qsl(parts.query, keep_blank_values=True)),
            {name.lower(): value for name, value in self.headers.items()},
            self.rfile.read(int(self.headers.get("content-length") or 0)),
        )
        assert isinstance(self.server, _Server)
        self._send(self.server.peer.answer(seen))

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _take  # noqa: N815 - http.server's names

    def _send(self, answer: PeerAnswer) -> None:
        if answer.hang_up:
            self.close_connection = True
            return
        body = answer.body
        kind = "text/plain; charset=utf-8"
        if not isinstance(body, str | bytes):
            body, kind = json.dumps(body, ensure_ascii=False), "application/json"
        raw = body.encode() if isinstance(body, str) else body
        self.send_response(answer.status)
        headers = {"content-type": kind, "content-length": str(len(raw)), **answer.headers}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(raw)
