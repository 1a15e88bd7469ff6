"""Channels that look for news themselves: asked by turns, their events stored, then the cursor."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

import msgspec

from engine.host.calling import BadReturn, Overdue, bounded, place, sound, told
from engine.host.clock import Clock
from engine.host.outcome import Outcome
from engine.host.plugins import Plugins, names_of
from engine.language.instants import SECOND, format_instant
from engine.network.ruleset import Ruleset
from engine.plugin import Channel, Deliveries, Poll, Polled
from engine.store import meta

logger = logging.getLogger("leadrules.channel")

LOOK_S: Final = 60.0  # a look that takes longer is given up
KEPT: Final = 20  # problems that are kept for `status`
BATCH: Final = 200
PREFIX: Final = "poll:"
T = TypeVar("T")


class Host(Protocol):
    """What polling needs of the runtime."""

    @property
    def ruleset(self) -> Ruleset: ...
    @property
    def clock(self) -> Clock: ...
    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T: ...
    async def submit(self, raw: Sequence[Any], channel: str = "api") -> list[Outcome]: ...


class Standing(msgspec.Struct):
    """How one channel stands since the start; ``problems`` are the latest, newest last."""

    looked_at: str | None = None
    ok: bool = True
    error: str | None = None
    accepted: int = 0
    refused: int = 0
    problems: list[str] = []


class Polling:
    """Asks each channel with settings that can be asked, at its own pace, until it is stopped."""

    def __init__(self, host: Host, plugins: Plugins, deliveries: Deliveries | None = None) -> None:
        self._host = host
        self._deliveries = deliveries
        self._channels = {n: c for n, c in plugins.channels.items() if can_poll(c)}
        self._standings: dict[str, Standing] = {}
        self._tasks: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin in the running event loop."""
        for name, channel in self._channels.items():
            task = asyncio.create_task(self._run(channel), name=f"leadrules-poll-{name}")
            self._tasks.append(task)

    async def stop(self) -> None:
        """End; what was being looked at is looked at again."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def status(self) -> dict[str, Any]:
        """Return how each channel stands that has been asked."""
        return {name: msgspec.to_builtins(s) for name, s in self._standings.items()}

    async def _run(self, channel: Channel) -> None:
        while True:
            more = False
            settings = self._settings(channel)
            if settings is not None:
                more = await self.look(channel, settings)
            if not more:
                await asyncio.sleep(channel.every(settings or {}) / SECOND)

    def _settings(self, channel: Channel) -> Mapping[str, Any] | None:
        written = self._host.ruleset.definitions.server.channels.get(channel.name)
        return None if written is None else written.params

    async def look(self, channel: Channel, settings: Mapping[str, Any]) -> bool:
        """Look once; return whether there is more. What the channel does wrong is told."""
        standing = self._standings.setdefault(channel.name, Standing())
        standing.looked_at = format_instant(self._host.clock.wall())
        try:
            found = await self._asked(channel, settings)
            more = await self._stored(channel, found, standing)
        except Exception as error:
            standing.ok, standing.error = False, _said(error)
            where = "" if isinstance(error, OSError | BadReturn) else f" at {place(error)}"
            logger.error("channel %s: a look failed: %s%s", channel.name, standing.error, where)
            return False
        standing.ok, standing.error = True, None
        return more

    async def _asked(self, channel: Channel, settings: Mapping[str, Any]) -> Polled:
        key = PREFIX + channel.name
        names = names_of(self._host.ruleset.definitions.catalogue)
        poll = Poll(
            settings=settings,
            cursor=await self._host.write(lambda c: meta.get(c, key)),
            fields=names.fields,
            events=names.events,
            now=self._host.clock.now(),
            deliveries=self._deliveries,
        )
        return sound(await bounded(lambda: channel.poll(poll), LOOK_S), Polled)

    async def _stored(self, channel: Channel, found: Polled, standing: Standing) -> bool:
        """Take the events in, then remember the cursor; without room it is looked at again."""
        outcomes: list[Outcome] = []
        for start in range(0, len(found.events), BATCH):
            batch = [dict(event) for event in found.events[start : start + BATCH]]
            outcomes += await self._host.submit(batch, channel=channel.name)
        if any(o.status == "overloaded" for o in outcomes):
            raise BlockingIOError("the server is busy; it is looked at again")
        if found.cursor is not None:
            key, cursor = PREFIX + channel.name, found.cursor
            await self._host.write(lambda c: meta.put(c, key, cursor))
        refused = [o for o in outcomes if o.status == "rejected"]
        standing.accepted += sum(o.status == "accepted" for o in outcomes)
        standing.refused += len(refused) + len(found.problems)
        problems = [*found.problems, *(f"{o.id}: {(o.error or {}).get('code')}" for o in refused)]
        for each in problems:
            logger.warning("channel %s: %s", channel.name, each)
        standing.problems = [*standing.problems, *problems][-KEPT:]
        return found.more


def _said(error: Exception) -> str:
    """Say why a look failed. Most exceptions' texts may hold personal data."""
    if isinstance(error, OSError) and not isinstance(error, Overdue):
        return f"{type(error).__name__} {error}".strip()  # its text names a file at most
    return told(error)


def can_poll(channel: Channel) -> bool:
    """Whether a channel has a way to look for news."""
    return type(channel).poll is not Channel.poll
