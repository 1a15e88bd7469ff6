"""Sources that only say that there is a lead: it is fetched from them before we say "taken".

While the source cannot be asked, the answer is 503 and the source tells us again; what was
fetched meanwhile counts once, by its id. What can never be fetched is logged and let go.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from engine.plugin import (
    Accepted,
    Answer,
    Caller,
    Failed,
    ForbiddenTarget,
    Misconfigured,
    Reply,
    Result,
    Retry,
    by_status,
)

logger = logging.getLogger("leadrules.channel")

AT_ONCE: Final = 8
TIMEOUT_S: Final = 8.0
API: Final[Mapping[str, Any]] = {"type": "string", "pattern": "^https?://"}
FETCHING: Final[Mapping[str, Any]] = {"api": API, "allow_private": {"type": "boolean"}}
Event = dict[str, Any]
Judge = Callable[[Answer], Result | None]


class Fetcher:
    """Asks one service; ``service`` is what it is called in the log."""

    def __init__(self, channel: str, service: str) -> None:
        self._channel = channel
        self._service = service
        self._callers: dict[bool, Caller] = {}

    async def get(
        self,
        url: str,
        settings: Mapping[str, Any],
        headers: Mapping[str, str],
        params: Mapping[str, str],
        judge: Judge | None = None,
    ) -> dict[str, Any] | Result:
        """Return the object that is at an address, or why it could not be had.

        ``judge`` reads what the service says in the body, whatever its status.
        """
        private = settings.get("allow_private") is True
        caller = self._callers.get(private)
        if caller is None:
            caller = Caller(allow_private=private, timeout_s=TIMEOUT_S, sockets=AT_ONCE)
            self._callers[private] = caller
        try:
            answer = await caller.call("GET", url, headers=headers, params=params)
        except ForbiddenTarget as error:
            return Misconfigured(str(error))
        except OSError as error:
            return Retry(f"{self._service} does not answer: {type(error).__name__}")
        trouble = (judge(answer) if judge else None) or by_status(answer, self._service)
        if trouble is not None:
            return trouble
        data = answer.data
        return data if isinstance(data, dict) else Retry(f"{self._service} answered no JSON")

    async def events(self, jobs: Sequence[Awaitable[Event | Result | None]]) -> Accepted:
        """Fetch several at once, and answer the source: 200, or 503 if it must tell us again."""
        turn = asyncio.Semaphore(AT_ONCE)

        async def one(job: Awaitable[Event | Result | None]) -> Event | Result | None:
            async with turn:
                return await job

        found = await asyncio.gather(*map(one, jobs))
        events = tuple(each for each in found if isinstance(each, dict))
        waits = [each for each in found if isinstance(each, Retry)]
        for each in found:
            if isinstance(each, Retry | Failed):
                what = "must be told again" if isinstance(each, Retry) else "is lost"
                logger.warning("channel %s: a lead %s: %s", self._channel, what, each.reason)
        if not waits:
            return Accepted(events, Reply(200, {"status": "accepted"}), lenient=True)
        after = max((each.after or 0 for each in waits), default=0)
        headers = {"Retry-After": str(max(1, after // 1_000))}
        error = {"code": "source-unreachable", "message": waits[0].reason, "details": []}
        return Accepted(events, Reply(503, {"error": error}, headers=headers), lenient=True)

    async def close(self) -> None:
        """Close all sockets."""
        for caller in self._callers.values():
            await caller.close()
        self._callers.clear()
