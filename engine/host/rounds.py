"""Work that comes round again in the background, and that no failure ends."""

from __future__ import annotations

import asyncio
import logging
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable

from engine.errors import LeadrulesError
from engine.store.database import may_go_later


class Rounds(ABC):
    """Does a round of its work again and again, from `start` until `stop`.

    ``name`` is what its log and task are called; ``again_s`` the seconds until the next try
    after a round that failed.
    """

    name: str
    again_s: float
    _loop: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin in the running event loop."""
        self._loop = asyncio.create_task(self._run(), name=f"leadrules-{self.name}")

    async def stop(self) -> None:
        """End where it stands; what it had not finished is done after the next start."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    async def _run(self) -> None:
        while True:
            wait = await self._guarded()
            await asyncio.sleep(wait)

    async def _guarded(self) -> float:
        log = logging.getLogger(f"leadrules.{self.name}")
        try:
            return await self.round()
        except LeadrulesError as error:
            log.warning("%s goes on: %s", self.name, error)
            return self.again_s
        except Exception as error:
            if may_go_later(error):
                log.error("%s waits for the disk: %s", self.name, error)
            else:
                log.exception("%s stumbled and goes on", self.name)
            return self.again_s

    @abstractmethod
    async def round(self) -> float:
        """Do what is to be done now; return the seconds until the next round."""


class Keeper(Rounds):
    """Writes something down every ``again_s`` seconds, and once more at the end."""

    def __init__(self, name: str, keep: Callable[[], Awaitable[None]], again_s: float) -> None:
        self.name = name
        self.again_s = again_s
        self._keep = keep

    async def stop(self) -> None:
        """Write it a last time; where that fails the end is orderly all the same."""
        await super().stop()
        await self._guarded()

    async def _run(self) -> None:
        await asyncio.sleep(self.again_s)  # at the beginning there is nothing yet
        await super()._run()

    async def round(self) -> float:
        """Write it."""
        await self._keep()
        return self.again_s
