"""Once a day: what retention says is removed, between events and never before them."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import Callable
from typing import Any, Final, Protocol, TypeVar

from engine.host.clock import Clock
from engine.host.rounds import Rounds
from engine.language.instants import DAY, MINUTE
from engine.language.retention import retention_of
from engine.network.ruleset import Ruleset
from engine.store.reading import Reader
from engine.store.retention import Sweep, cutoffs

_log: Final = logging.getLogger("leadrules.housekeeping")
_EVERY: Final = DAY
_LOOK_S: Final = MINUTE / 1_000
_PAUSE_S: Final = 0.05  # between slices of some milliseconds, so that events have the writer
T = TypeVar("T")


class Host(Protocol):
    """What housekeeping needs of the runtime."""

    @property
    def ruleset(self) -> Ruleset: ...
    @property
    def clock(self) -> Clock: ...
    @property
    def reader(self) -> Reader: ...
    async def write(self, fn: Callable[[sqlite3.Connection], T]) -> T: ...


class Housekeeper(Rounds):
    """Looks each minute whether a day has passed since the last pass, also over restarts.

    A day is the computer's; what is old is judged by the leads' clock.
    """

    name = "housekeeping"

    def __init__(self, host: Host, look_s: float = _LOOK_S, pause_s: float = _PAUSE_S) -> None:
        self._host = host
        self.again_s = look_s
        self._pause_s = pause_s

    async def round(self) -> float:
        """Make a pass when one is due."""
        if await self._is_due():
            await self.sweep()
        return self.again_s

    async def _is_due(self) -> bool:
        if not retention_of(self._host.ruleset.definitions.server.settings).kept():
            return False
        last = await asyncio.to_thread(self._host.reader.last_sweep)
        wall = self._host.clock.wall()
        return last is None or not last["at"] <= wall < last["at"] + _EVERY

    async def sweep(self) -> dict[str, int]:
        """Make one pass now; returns how many rows went, by kind."""
        kept = retention_of(self._host.ruleset.definitions.server.settings).kept()
        sweep = Sweep(cutoffs(kept, self._host.clock.now()), self._host.clock.wall())
        done = False
        while not done:
            done = await self._host.write(sweep.step)
            await asyncio.sleep(self._pause_s)
        told: dict[str, Any] = {kind: count for kind, count in sweep.removed.items() if count}
        if told:
            counts = ", ".join(f"{count} {kind}" for kind, count in told.items())
            _log.info("retention removed %s", counts)
        return sweep.removed
