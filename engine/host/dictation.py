"""Batches that a scribe writes while the next ones are decided: two processes at work, not one.

Only under load, and only where there is a second processor. What fails is decided anew by the
writer alone, who finds out which event it was.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sqlite3
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from time import monotonic, perf_counter
from typing import Final, NamedTuple

from engine.host.batching import MOST_EVENTS
from engine.host.inbox import Item
from engine.host.outcome import Outcome
from engine.host.work import Memory, NotAhead, Work
from engine.network.ruleset import Ruleset
from engine.store.database import Store
from engine.store.scribe import Scribe, is_possible
from engine.store.sheet import Sheet

MANY: Final = 8  # events at once, which come only under load
LOAD: Final = 2_000  # events in such batches, after which a scribe is worth its process
AHEAD: Final = 4  # batches of an event loop on their way; more would only be smaller
IDLE_S: Final = 60.0  # after which it ends
LENT: Final = 24  # events of an event loop in one batch: 2 ms of its time
PART: Final = 100  # events of a long batch that are sent while the next ones are decided
ALONE: Final = 16  # batches that are not tried after one that could not be written so
_log: Final = logging.getLogger("leadrules.host")


class Flight(NamedTuple):
    """A batch on its way to the disk; ``size`` of its page in bytes, ``times`` are its beginning,
    when all was decided, and when all was sent.
    """

    items: list[Item]
    work: Work
    outcomes: list[Outcome]
    size: int
    times: tuple[float, float, float]


class Dictation:
    """Decides batches and has a scribe write them; for who has the turn."""

    def __init__(self, store: Store, memory: Memory, is_wanted: bool = True) -> None:
        self._store = store
        self._memory = memory
        self._scribe: Scribe | None = None
        self._flights: deque[Flight] = deque()
        self._load = 0
        self._alone = 0
        self._used = 0.0
        self._is_possible = is_wanted and is_possible() and _processors() > 1

    def __len__(self) -> int:
        """How many batches are on their way."""
        return len(self._flights)

    @property
    def part(self) -> int:
        """How many events an event loop decides at once: with a scribe, that both have work."""
        return MOST_EVENTS if self._scribe is None else LENT

    def wants(self, events: int) -> bool:
        """Whether a batch of so many events is to be decided here; starts a scribe under load."""
        if not self._is_possible or (events < MANY and not self._flights):
            return False
        if self._alone:
            self._alone -= 1
            return False
        try:
            return self._is_ready(events)
        except (OSError, sqlite3.Error) as error:
            _log.warning("no other process can write, so this one does alone: %s", error)
            self._is_possible = False
            self.close()
            return False

    def _is_ready(self, events: int) -> bool:
        if self._scribe is not None:
            return self._scribe.is_ready
        self._load += events
        if self._load >= LOAD:
            self._load = 0
            self._scribe = self._store.scribe()
            self._used = monotonic()
        return False

    def decide(
        self, items: list[Item], ruleset: Ruleset, wakes: int = 0, waits: bool = False
    ) -> bool:
        """Decide events, waking up to ``wakes`` leads, and send the scribe what is to be written.

        False for a batch that only the writer alone can write; nothing has changed then. Unless
        it ``waits``, neither does a batch that the scribe is not ready to take in.
        """
        assert self._scribe is not None
        began, sheet = perf_counter(), Sheet()
        work = Work(ruleset, self._memory, self._store.connection, sheet)
        try:
            work.prepare([item.arrival for item in items])
            work.wake_due(wakes)
            outcomes = [work.take(item.arrival) for item in items]
            decided = perf_counter()
            work.write()
            page = self._scribe.page(sheet)
        except (NotAhead, ValueError):
            self._alone = ALONE
            work.take_back()
            return False
        if not waits and not self._scribe.has_room(page):
            work.take_back()
            return False
        self._scribe.send(page)
        work.run_ahead()
        times = began, decided, perf_counter()
        self._flights.append(Flight(items, work, outcomes, len(page), times))
        return True

    def listen(self, loop: asyncio.AbstractEventLoop, heard: Callable[[], None]) -> None:
        """Have ``heard`` called in a loop when something may have become durable."""
        assert self._scribe is not None
        loop.add_reader(self._scribe.answers, heard)

    def cease(self, loop: asyncio.AbstractEventLoop) -> None:
        """Listen no more."""
        if self._scribe is not None:
            loop.remove_reader(self._scribe.answers)

    def landed(self, waits: bool = False) -> Flight | None:
        """Return the oldest batch if it is durable now, or once it is.

        Raises sqlite3.Error if it will not be; see `give_up`.
        """
        assert self._scribe is not None
        if not self._flights or not self._scribe.has_result(self._flights[0].size, waits):
            return None
        self._used = monotonic()
        return self._flights.popleft()

    def give_up(self, error: Exception) -> list[Flight]:
        """Forget all that is on its way, and return it; once the oldest has failed."""
        _log.warning("what was decided ahead could not be written: %s", error)
        assert self._scribe is not None
        for flight in [*self._flights][1:]:
            with suppress(sqlite3.Error):
                self._scribe.has_result(flight.size, True)
        if self._scribe.has_died:
            self.close()
            self._memory.renew(self._store.connection)  # it may have committed before it died
        else:
            self._scribe.forgive()
        flights = [*self._flights]
        self._flights.clear()
        self._alone = ALONE
        self._memory.ahead.forget()
        self._memory.alarms.forget()
        return flights

    def rest(self) -> None:
        """End a scribe that has had nothing to do for a while."""
        if self._scribe is not None and monotonic() - self._used > IDLE_S:
            self.close()

    def close(self) -> None:
        """End the scribe, if there is one."""
        scribe, self._scribe = self._scribe, None
        if scribe is not None:
            scribe.close()


def _processors() -> int:
    """Return how many processors this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)  # on Linux
    return len(affinity(0)) if affinity is not None else os.cpu_count() or 1
