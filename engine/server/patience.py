"""Connections with which nothing happens: cut off, so that they can't use up all there are."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Any, Final

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

REQUEST_S: Final = 30.0  # from its first byte, or the connection's, to the last of its body


class Impatient(HttpToolsProtocol):
    """Notes since when a request arrives, or the next one is waited for; see `cut_off`."""

    arriving_since: float | None = None
    idle_since: float | None = None  # where no timer of uvicorn's runs

    def connection_made(self, transport: Any) -> None:
        """A connection counts as arriving until its first request is complete."""
        self.arriving_since = time.monotonic()
        super().connection_made(transport)

    def on_message_begin(self) -> None:
        """A request begins."""
        self.arriving_since = time.monotonic()
        self.idle_since = None
        super().on_message_begin()

    def on_message_complete(self) -> None:
        """A request is here, whole."""
        self.arriving_since = None
        super().on_message_complete()

    def on_answered(self) -> None:
        """Go on after an answer, as `on_response_complete` does.

        That sets a timer for each answer, which the next request takes away again. Here the time
        is noted, and nothing else is to do unless requests wait behind the answered one.
        """
        if self.pipeline:
            self.on_response_complete()
            return
        self.server_state.total_requests += 1
        if self.arriving_since is None:  # else the next one has begun to come meanwhile
            self.idle_since = time.monotonic()


def cut_off(connections: Iterable[Any], patience_s: float = REQUEST_S) -> int:
    """Close the connections whose request takes longer than that, or that were idle for too long.

    Returns their number.
    """
    now = time.monotonic()
    ours = [each for each in connections if isinstance(each, Impatient)]
    slow = [each for each in ours if _has_lasted(each.arriving_since, now - patience_s)]
    idle = [each for each in ours if _has_lasted(each.idle_since, now - each.timeout_keep_alive)]
    for each in slow:
        transport: asyncio.Transport = each.transport
        transport.abort()
    for each in idle:
        each.timeout_keep_alive_handler()
    return len(slow) + len(idle)


def _has_lasted(since: float | None, latest: float) -> bool:
    return since is not None and since < latest
