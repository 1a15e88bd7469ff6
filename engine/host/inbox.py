"""What waits for the writer: bounded, so that a flood is refused instead of remembered."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Self

from engine.errors import Stopped
from engine.host.outcome import Outcome
from engine.host.visit import Arrival

MOST_WAITING: Final = 10_000
MOST_TASKS: Final = 1_000
_LOOK_S: Final = 1.0  # how often the thread looks whether the loop that has the turn is still there
Write = Callable[[sqlite3.Connection], Any]
Answered = Callable[[Any, Exception | None], None]
Rest = Callable[[], None]


class Promise:
    """An answer owed to somebody in an event loop; ``told`` is called there with it."""

    __slots__ = ("loop", "told")

    def __init__(self, loop: asyncio.AbstractEventLoop, told: Answered) -> None:
        self.loop = loop
        self.told = told

    @classmethod
    def to(cls, future: asyncio.Future[Any], *more: Any) -> Self:
        """Return the promise to whoever waits for a future."""
        return cls(future.get_loop(), partial(fulfil, future), *more)


def fulfil(future: asyncio.Future[Any], result: Any, error: Exception | None) -> None:
    """Tell whoever waits for a future."""
    if future.done():  # its waiter has gone away
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)


class Job(Promise):
    """A submission: its outcomes by position, how many are to come, and its place in a trace."""

    __slots__ = ("left", "outcomes", "trace")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        told: Answered,
        outcomes: list[Outcome | None],
        left: int,
    ) -> None:
        super().__init__(loop, told)
        self.outcomes = outcomes
        self.left = left
        self.trace: object | None = None


class Item:
    """One event of a job, at ``position`` among its outcomes."""

    __slots__ = ("arrival", "job", "position")

    def __init__(self, arrival: Arrival, job: Job, position: int) -> None:
        self.arrival = arrival
        self.job = job
        self.position = position


class Task(Promise):
    """A writing function of somebody else's, such as the outbox, and who waits for it.

    ``after`` is called in the writer's thread once the transaction is committed.
    """

    __slots__ = ("after", "write")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        told: Answered,
        write: Write,
        after: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(loop, told)
        self.write = write
        self.after = after


class Inbox:
    """A queue from any number of event loops to the one who writes, and whose turn it is.

    The writer's thread has the turn from `take` to `release`. With a ``lender`` an event loop may
    have it: that is called in the loop after events were put, claims them, and hands what is left
    to do over to the thread; or keeps the turn (`stay`), and may claim more, until it releases it.
    """

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._items: deque[Item] = deque()
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._busy = False
        self._called = False  # the thread is to take what waits
        self._rung: asyncio.AbstractEventLoop | None = None  # which is about to look
        self._handed: Rest | None = None
        self._stays: asyncio.AbstractEventLoop | None = None  # which has the turn, and may claim
        self.lender: Callable[[], None] | None = None

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether the end has been announced; what waits is still to be done."""
        return self._closed

    # --- putting -----------------------------------------------------------------------------

    def put(self, items: list[Item]) -> bool:
        """Queue a job's events; False when too many wait. One job alone may be any size.

        Raises Stopped after `close`.
        """
        with self._changed:
            self._check_open()
            if self._items and len(self._items) + len(items) > self._most:
                return False
            self._items.extend(items)
            if self.lender is None:
                self._changed.notify()
            elif self._is_free_for(loop := items[0].job.loop) and self._rung is not loop:
                self._rung = loop
                loop.call_soon(self.lender)
        return True

    def put_task(self, task: Task) -> None:
        """Queue a writing function; raises Stopped after `close`."""
        with self._changed:
            self._check_open()
            self._tasks.append(task)
            self._changed.notify()

    def _check_open(self) -> None:
        if self._closed:
            raise Stopped("the server is stopping and takes nothing more; send it again later")

    def close(self) -> None:
        """Take nothing more in."""
        with self._changed:
            self._closed = True
            self._changed.notify()

    # --- the turn ----------------------------------------------------------------------------

    def take(self, most: int, timeout: float) -> Rest | tuple[list[Item], list[Task]]:
        """Give the thread the turn: what a loop has handed over, or what waits.

        Up to ``most`` events; waits up to ``timeout`` s for something, and for the turn.
        """
        with self._changed:
            if not self._is_called():
                self._changed.wait_for(self._is_called, timeout)
            while self._handed is None and self._busy and not self._is_orphaned:
                self._changed.wait(_LOOK_S)
            self._busy, self._called, self._stays = True, False, None
            if self._handed is not None:
                handed, self._handed = self._handed, None
                return handed
            items = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            tasks = [self._tasks.popleft() for _ in range(min(MOST_TASKS, len(self._tasks)))]
        return items, tasks

    @property
    def _is_orphaned(self) -> bool:
        """Whether a loop has the turn that stands still."""
        return self._stays is not None and not self._stays.is_running()

    @property
    def stays_here(self) -> bool:
        """Whether the loop that runs now has kept the turn."""
        with self._changed:
            return self._stays is asyncio.get_running_loop()

    def _is_called(self) -> bool:
        waiting = self._tasks or self._closed or self._called
        return self._handed is not None or bool(waiting or (self._items and self.lender is None))

    def claim(self, most: int, part: int) -> list[Item]:
        """Give an event loop the turn: ``part`` of what waits, if that is not more than ``most``.

        Empty when it is somebody else's, after whom a loop looks again, or for the thread to take.
        """
        with self._changed:
            self._rung = None
            if not self._items or not self._is_free_for(asyncio.get_running_loop()):
                return []
            if self._is_called() or len(self._items) > most:
                self._called = True
                self._changed.notify()
                return []
            self._busy = True
            return [self._items.popleft() for _ in range(min(part, len(self._items)))]

    def pass_by(self) -> None:
        """Leave what waits; a loop looks again when more comes."""
        self._rung = None

    def _is_free_for(self, loop: asyncio.AbstractEventLoop) -> bool:
        return not self._busy or self._stays is loop

    def stay(self) -> None:
        """Keep the turn that a loop has claimed; it may claim more, and looks whether to."""
        with self._changed:
            self._stays = loop = asyncio.get_running_loop()
            if self._items and self.lender is not None:
                self._rung = loop
                loop.call_soon(self.lender)

    def give_back(self, items: list[Item], stays: bool) -> None:
        """Let the thread take what a loop has claimed; at once, unless the loop ``stays``."""
        with self._changed:
            self._items.extendleft(reversed(items))
            self._busy, self._called = stays, True
            self._stays = asyncio.get_running_loop() if stays else None
            self._changed.notify()

    def hand_over(self, rest: Rest) -> None:
        """Let the thread do what is left, with the turn that a loop has claimed."""
        with self._changed:
            self._handed, self._stays = rest, None
            self._changed.notify()

    def release(self) -> None:
        """End the turn. What waits meanwhile is for a loop, or goes on with the thread."""
        with self._changed:
            self._busy, self._stays = False, None
            self._changed.notify()  # also for who is due
            if not self._is_called():
                self._ring()

    def _ring(self) -> None:
        """Have the loop look that the oldest event came from."""
        if self.lender is None or not self._items:
            return
        self._rung = self._items[0].job.loop
        try:
            self._rung.call_soon_threadsafe(self.lender)
        except RuntimeError:  # that loop is closed: its events are taken all the same
            self._rung, self._called = None, True
            self._changed.notify()
