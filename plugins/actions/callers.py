"""What actions that call a service have in common: callers, one for each connection's settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from engine.plugin import Action, ActionContext, Caller, Tokens

# What every action that calls a service over HTTP may be told.
SETTINGS: Final[Mapping[str, Any]] = {
    "endpoint": {"type": "string", "pattern": "^https?://[^/?#]+$"},
    "allow_private": {"type": "boolean"},
    "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 25},
}


class ServiceAction(Action):
    """An action that calls a service: its sockets and tokens, kept between deliveries."""

    def __init__(self) -> None:
        self.callers = Callers()
        self.tokens = Tokens()

    async def close(self) -> None:
        """Close the sockets and forget the tokens."""
        self.tokens = Tokens()
        await self.callers.close()


class Callers:
    """Makes callers and keeps them, so that sockets stay open between deliveries."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[asyncio.AbstractEventLoop, Caller]] = {}

    def of(self, context: ActionContext) -> Caller:
        """Return the caller of a connection; another one after its settings changed.

        Not one for all that call a host: what is slow for one would hold the others' sockets.
        """
        settings = context.connection
        key = repr((sorted(settings.items()), context.concurrency))
        loop = asyncio.get_running_loop()
        known = self._known.get(key)
        if known is not None and known[0] is loop:
            return known[1]
        caller = Caller(
            allow_private=bool(settings.get("allow_private")),
            timeout_s=float(settings.get("timeout_s", 10.0)),
            sockets=context.concurrency,
        )
        self._known[key] = loop, caller
        return caller

    async def close(self) -> None:
        """Close all sockets of this event loop; those of others ended with it."""
        known, self._known = self._known, {}
        running = asyncio.get_running_loop()
        await asyncio.gather(*(each.close() for loop, each in known.values() if loop is running))
