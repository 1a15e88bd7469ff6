"""Batches that a scribe writes while the next ones are decided: two processes at work, not one.

Only under load, and only where there is a second processor. What fails is decided anew by the
writer alone, who finds out which event it was.
"""

from __future__ import annotations

import logging
import os
import sqlite3
import sys
from collections import deque
from collections.abc import Iterator
from time import monotonic, perf_counter
from typing import Final

from engine.host.inbox import Item
from engine.host.outcome import Outcome
from engine.host.work import Memory, NotAhead, Work
from engine.network.ruleset import Ruleset
from engine.store.database import Store
from engine.store.scribe import Scribe
from engine.store.sheet import Sheet

MANY: Final = 8  # events at once, which come only under load
LOAD: Final = 2_000  # events in such batches, after which a scribe is worth its process
MOST: Final = 2_000  # events that are decided and not durable
IDLE_S: Final = 60.0  # after which it ends
PART: Final = 100  # events of a long batch that are sent while the next ones are decided
_ALONE: Final = 16  # batches that are not tried after one that could not be written so
_log: Final = logging.getLogger("leadrules.host")


class Flight:
    """A batch on its way: decided and told to the scribe, or about to be."""

    def __init__(self, items: list[Item], work: Work, outcomes: list[Outcome], page: bytes) -> None:
        self.items = items
        self.work = work
        self.outcomes = outcomes
        self.page = page
        self.is_sent = False
        self.is_over = False
        self.times = (0.0, 0.0, 0.0)


class Dictation:
    """Decides batches and has a scribe write them. Who has the turn calls `wants` and `decide`."""

    def __init__(self, store: Store, memory: Memory) -> None:
        self._store = store
        self._memory = memory
        self._scribe: Scribe | None = None
        self._flights: deque[Flight] = deque()
        self._events = 0
        self._load = 0
        self._alone = 0
        self._used = 0.0
        self._is_possible = os.name == "posix" and (_processors() > 1)

    def __bool__(self) -> bool:
        """Whether anything is on its way."""
        return bool(self._flights)

    @property
    def is_full(self) -> bool:
        """Whether what is on its way is enough for now."""
        return self._events >= MOST

    def wants(self, events: int) -> bool:
        """Whether a batch of so many events is to be decided here; starts a scribe under load."""
        if not self._is_possible or (events < MANY and not self._flights):
            return False
        if self._scribe is None:
            self._start(events)
            return False
        if self._alone:
            self._alone -= 1
            return False
        return self._scribe.is_ready

    def _start(self, events: int) -> None:
        self._load += events
        if self._load >= LOAD:
            self._load = 0
            self._scribe = self._store.scribe()
            self._used = monotonic()

    def decide(self, items: list[Item], ruleset: Ruleset, wakes: int) -> Flight | None:
        """Decide events, waking up to ``wakes`` leads, and let the scribe begin.

        None for a batch that only the writer alone can write; nothing has changed then.
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
            self._alone = _ALONE
            work.take_back()
            return None
        flight = Flight(items, work, outcomes, page)
        if self._scribe.has_room(page):
            self._send(flight)
        work.run_ahead()
        self._flights.append(flight)
        self._events += len(items)
        flight.times = (began, decided, perf_counter())
        return flight

    def _send(self, flight: Flight) -> None:
        assert self._scribe is not None
        flight.is_sent = True
        self._scribe.send(flight.page)

    def land(self, flight: Flight) -> None:
        """Wait until the oldest is durable; raises sqlite3.Error or OSError if it will not be."""
        assert self._scribe is not None
        if not flight.is_sent:
            self._send(flight)
        self._scribe.result(len(flight.page))
        self._flights.popleft()
        self._events -= len(flight.items)
        self._used = monotonic()
        flight.is_over = True

    def give_up(self, error: Exception) -> Iterator[Flight]:
        """Forget all that is on its way, and yield it; for who has the turn, the oldest failed."""
        _log.warning("what was decided ahead could not be written: %s", error)
        gone = isinstance(error, OSError) or self._rest_is_gone()
        if gone:
            self.close()
        elif self._scribe is not None:
            self._scribe.forgive()
        flights, self._flights, self._events = self._flights, deque(), 0
        self._alone = _ALONE
        self._memory.ahead.forget()
        self._memory.alarms.forget()
        for flight in flights:
            flight.is_over = True
            yield flight

    def _rest_is_gone(self) -> bool:
        """Hear what becomes of the others; whether the process has died meanwhile."""
        assert self._scribe is not None
        for flight in [*self._flights][1:]:
            try:
                if not flight.is_sent:
                    self._send(flight)
                self._scribe.result(len(flight.page))
            except sqlite3.Error:
                pass
            except OSError:
                return True
        return not self._scribe.is_alive

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
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
