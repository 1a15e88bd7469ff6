"""What waits for the writer: bounded, so that a flood is refused instead of remembered."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
from collections import deque
from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.errors import Refused
from engine.host.door import Arrival
from engine.host.outcome import Outcome

MOST_WAITING: Final = 10_000
MOST_TASKS: Final = 1_000
Write = Callable[[sqlite3.Connection], Any]


class Stopped(Refused):
    """The runtime does not take anything any more."""

    code = "stopped"


class Promise:
    """An answer owed to a coroutine of some event loop."""

    __slots__ = ("future", "loop")

    def __init__(self, future: asyncio.Future[Any]) -> None:
        self.future = future
        self.loop = future.get_loop()


class Job(Promise):
    """A submission: its outcomes by position, how many are to come, and its place in a trace."""

    __slots__ = ("left", "outcomes", "trace")

    def __init__(
        self, future: asyncio.Future[Any], outcomes: list[Outcome | None], left: int
    ) -> None:
        super().__init__(future)
        self.outcomes = outcomes
        self.left = left
        self.trace: object | None = None


class Item(msgspec.Struct, frozen=True):
    """One event of a job, at ``position`` among its outcomes."""

    arrival: Arrival
    job: Job
    position: int


class Task(Promise):
    """A writing function of somebody else's, such as the outbox, and who waits for it.

    ``after`` is called in the writer's thread once the transaction is committed.
    """

    __slots__ = ("after", "write")

    def __init__(
        self,
        future: asyncio.Future[Any],
        write: Write,
        after: Callable[[Any], None] | None = None,
    ) -> None:
        super().__init__(future)
        self.write = write
        self.after = after


class Inbox:
    """A queue from any number of event loops to the one writer thread."""

    def __init__(self, most: int = MOST_WAITING) -> None:
        self._most = most
        self._items: deque[Item] = deque()
        self._tasks: deque[Task] = deque()
        self._changed = threading.Condition()
        self._closed = False

    def __len__(self) -> int:
        return len(self._items)

    @property
    def closed(self) -> bool:
        """Whether the end has been announced; what waits is still to be done."""
        return self._closed

    def put(self, items: list[Item]) -> bool:
        """Queue a job's events; False when too many wait. One job alone may be any size.

        Raises Stopped after `close`.
        """
        with self._changed:
            self._check_open()
            if self._items and len(self._items) + len(items) > self._most:
                return False
            self._items.extend(items)
            self._changed.notify()
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

    def take(self, most: int, timeout: float) -> tuple[list[Item], list[Task]]:
        """Return what waits, up to ``most`` events; waits up to ``timeout`` s for something."""
        with self._changed:
            if not (self._items or self._tasks or self._closed):
                self._changed.wait(timeout)
            items = [self._items.popleft() for _ in range(min(most, len(self._items)))]
            tasks = [self._tasks.popleft() for _ in range(min(MOST_TASKS, len(self._tasks)))]
        return items, tasks

    def close(self) -> None:
        """Take nothing more in."""
        with self._changed:
            self._closed = True
            self._changed.notify()
