"""A load generator on raw sockets: keeps connections busy with one prepared request each."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from statistics import quantiles
from time import perf_counter
from typing import cast

import uvloop

_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
Body = Callable[[], bytes]


class Figures:
    """What one round of load gave; ``seconds`` of each answer, in the order they came."""

    def __init__(self) -> None:
        self.seconds: list[float] = []
        self.bad = 0
        self.took = 0.0

    @property
    def per_second(self) -> float:
        return len(self.seconds) / self.took if self.took else 0.0

    def percentile(self, percent: int) -> float:
        """Return in milliseconds how long ``percent`` of the answers took at most."""
        return quantiles(self.seconds, n=100)[percent - 1] * 1_000


class _Connection(asyncio.Protocol):
    """Sends a request, waits for its answer, and sends the next until ``until``.

    At once, or every ``every_s`` seconds, where the server is quick enough for that: what is due
    while an answer is waited for is sent right after it, and its time counts from when it was due.
    """

    def __init__(
        self, path: str, body: Body, until: float, figures: Figures, every_s: float = 0.0
    ) -> None:
        self._head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n".encode()
        self._body = body
        self._until = until
        self._figures = figures
        self._buffer = b""
        self._every_s = every_s
        self.done: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's derives from nothing
        self._due = perf_counter()
        self._send()

    def _send(self) -> None:
        body = self._body()
        self._transport.write(
            self._head
            + b"Content-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body)
            + body
        )

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, end, rest = self._buffer.partition(b"\r\n\r\n")
        found = _LENGTH.search(head) if end else None
        if found is None or len(rest) < int(found[1]):
            return
        now = perf_counter()
        self._figures.seconds.append(now - self._due)
        self._figures.bad += not head.startswith(b"HTTP/1.1 200")
        self._buffer = b""
        self._due = self._due + self._every_s if self._every_s else now
        if max(now, self._due) >= self._until:
            self._transport.close()
        elif self._due > now:
            asyncio.get_running_loop().call_later(self._due - now, self._send)
        else:
            self._send()

    def connection_lost(self, error: Exception | None) -> None:
        if not self.done.done():
            self.done.set_result(None)


def load(port: int, path: str, body: Body, clients: int, seconds: float) -> Figures:
    """Send for ``seconds`` over ``clients`` connections, each one request at a time."""
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(keep_sending(port, path, body, clients, seconds))


async def keep_sending(
    port: int, path: str, body: Body, clients: int, seconds: float, every_s: float = 0.0
) -> Figures:
    """The same in a running loop; each connection sends ``every_s`` seconds at most."""
    figures = Figures()
    loop = asyncio.get_running_loop()
    began = perf_counter()
    connections = [
        await loop.create_connection(
            lambda: _Connection(path, body, began + seconds, figures, every_s), "127.0.0.1", port
        )
        for _ in range(clients)
    ]
    await asyncio.gather(*(protocol.done for _, protocol in connections))
    figures.took = perf_counter() - began
    return figures
