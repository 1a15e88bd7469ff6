"""Connections that never finish a request: cut off, so that they can't use up all there are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_S: Final = 30.0  # from its first byte, or the connection's, to the last of its body


class Impatient(HttpToolsProtocol):
    """Notes when a request began to arrive; `cut_off_slow` ends those that take too long."""

    arriving_since: float | None = None

    def connection_made(self, transport: Any) -> None:
        """A connection counts as arriving until its first request is complete."""
        self.arriving_since = time.monotonic()
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.arriving_since = time.monotonic()
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """A request is here, whole."""
        self.arriving_since = None
        super().on_message_complete()


def cut_off_slow(connections: Iterable[Any], patience_s: float = REQUEST_S) -> int:
    """Close the connections whose request takes longer than that; returns their number."""
    latest = time.monotonic() - patience_s
    slow = [
        each
        for each in connections
        if isinstance(each, Impatient)
        and each.arriving_since is not None
        and each.arriving_since < latest
    ]
    for each in slow:
        transport: asyncio.Transport = each.transport
        transport.abort()
    return len(slow)
