"""What went out, as channels ask for it: whose receipt has arrived?"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

from engine.host.runtime import Runtime
from engine.plugin import About, Deliveries
from engine.store.sent import Sent


class SentDeliveries(Deliveries):
    """Looks into the outbox of a running engine, by the connections of the rules of the moment."""

    def __init__(self, runtime: Runtime) -> None:
        self._runtime = runtime

    async def by_provider_id(self, plugin: str, id: str) -> About | None:
        return await self._ask(self._runtime.reader.sent_by_provider_id, plugin, id)

    async def newest(
        self, plugin: str, kind: str, value: str, unnamed: bool = False
    ) -> About | None:
        return await self._ask(self._runtime.reader.newest_sent, plugin, (kind, value), unnamed)

    async def _ask(self, ask: Callable[..., Sent | None], plugin: str, *what: Any) -> About | None:
        connections = self._runtime.ruleset.definitions.server.connections
        ours = [name for name, each in connections.items() if each.plugin == plugin]
        found = await asyncio.to_thread(ask, ours, *what)
        if found is None:
            return None
        return About(found.lead, found.key, found.message, found.journey, found.step, found.at)
