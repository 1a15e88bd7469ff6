"""The one writer: a thread that decides what waits, commits it together and then answers."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from time import perf_counter
from typing import Any, Final

from engine.host.batching import Batching
from engine.host.ids import new_id
from engine.host.inbox import Inbox, Item, Promise, Task
from engine.host.outcome import Outcome, defect, try_later
from engine.host.work import Memory, Work
from engine.network.ruleset import Ruleset
from engine.store import versions
from engine.store.database import Store, may_go_later

_log: Final = logging.getLogger("leadrules.host")
_LONGEST_SLEEP: Final = 1.0
Answer = tuple[Promise, Any, Exception | None]
Queued = Callable[[Mapping[str, int | None]], None]


class Writer:
    """Runs in its own thread from `start` until the inbox is closed and empty.

    ``ruleset`` is asked for at each transaction, so that a reload counts from the next one on.
    ``queued`` is told after a commit, in this thread, which connections have something to do.
    """

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        memory: Memory,
        ruleset: Callable[[], Ruleset],
        queued: Queued = lambda connections: None,
        batching: Batching | None = None,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._memory = memory
        self._ruleset = ruleset
        self._queued = queued
        self._batching = batching or Batching()
        self._answers: list[Answer] = []
        self._recorded = ""  # the version whose parts the database has
        self._thread = threading.Thread(target=self._run, name="leadrules-writer", daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def join(self) -> None:
        """Wait for the end; close the inbox first."""
        self._thread.join()

    def _run(self) -> None:
        while True:
            try:
                items, tasks = self._inbox.take(self._batching.events, self._patience())
                if self._inbox.closed and not (items or tasks):
                    return
                self.cycle(items, tasks)
                self._store.checkpoints.tend(idle=not (items or tasks))
            except Exception:  # a defect here must not stop the house
                _log.exception("the writer failed; it goes on")

    def _patience(self) -> float:
        """Return the seconds until the next lead is to be woken, a second at most."""
        due = self._memory.alarms.next_due()
        if due is None:
            return _LONGEST_SLEEP
        wait = (due - self._memory.clock.now()) / 1_000
        return min(max(wait, 0.0), _LONGEST_SLEEP)

    def cycle(self, items: list[Item], tasks: list[Task]) -> None:
        """Do everything given, and wake who is due; answers go out after the commit."""
        try:
            self._transact(items, tasks)
        except Exception as error:
            self._undo()
            if may_go_later(error):  # each batch will say so: one line is enough
                _log.error("nothing can be stored: %s", error)
                self._answer_all(items, tasks, error)
            else:
                _log.exception("a batch could not be written; its events are taken one by one")
                self._one_by_one(items, tasks)
        self._send_answers()

    def _transact(self, items: list[Item], tasks: list[Task]) -> None:
        answers: list[Answer] = []
        began = perf_counter()
        ruleset = self._ruleset()
        work = Work(ruleset, self._memory, self._store.connection)
        with self._store.transaction() as connection:
            work.prepare([item.arrival for item in items])
            work.wake_due(self._batching.wakes(len(items)))
            outcomes = [work.take(item.arrival) for item in items]
            decided = perf_counter()
            work.write()
            if ruleset.version != self._recorded:
                versions.record(connection, ruleset, self._memory.clock.now())
            for task in tasks:
                answers.append(_run_task(task, connection))
        committed = perf_counter()
        work.keep()
        self._recorded = ruleset.version
        self._batching.learn(work.turns, committed - began)
        if items or work.turns:
            self._memory.telemetry.transaction(len(items), decided - began, committed - decided)
            if (traces := self._memory.telemetry.traces) is not None:
                times = (began, decided, committed)
                traces.committed([item.job for item in items], outcomes, times)
        for task, (_, result, error) in zip(tasks, answers, strict=True):
            if task.after is not None and error is None:
                task.after(result)
        if work.queued:
            self._queued(work.queued)
        for item, outcome in zip(items, outcomes, strict=True):
            self._deliver(item, outcome)
        self._answers.extend(answers)

    def _undo(self) -> None:
        """Forget what the failed transaction moved."""
        self._memory.alarms.forget()

    def _one_by_one(self, items: list[Item], tasks: list[Task]) -> None:
        """Find the event that keeps its batch from being written, and refuse only that."""
        for item in items:
            try:
                self._transact([item], [])
            except Exception as error:
                self._undo()
                name = new_id(self._memory.clock.wall())  # the sender's own id may be an address
                _log.exception("%s: an event cannot be written; it is refused", name)
                self._deliver(item, _not_written(item, error, name))
        try:
            self._transact([], tasks)
        except Exception as error:
            self._undo()
            self._answer_all([], tasks, error)

    def _answer_all(self, items: list[Item], tasks: list[Task], error: Exception) -> None:
        for item in items:
            self._deliver(item, _not_written(item, error))
        self._answers.extend((task, None, error) for task in tasks)

    # --- answers -----------------------------------------------------------------------------

    def _deliver(self, item: Item, outcome: Outcome) -> None:
        job = item.job
        job.outcomes[item.position] = outcome
        job.left -= 1
        if job.left == 0:
            self._answers.append((job, job.outcomes, None))

    def _send_answers(self) -> None:
        """Wake each event loop once for all its answers."""
        answers, self._answers = self._answers, []
        by_loop: dict[asyncio.AbstractEventLoop, list[Answer]] = {}
        for answer in answers:
            by_loop.setdefault(answer[0].loop, []).append(answer)
        for loop, own in by_loop.items():
            try:
                loop.call_soon_threadsafe(_resolve, own)
            except RuntimeError:  # that loop is closed: nobody waits any more
                _log.warning("%d answers had nobody waiting for them", len(own))


def _run_task(task: Task, connection: sqlite3.Connection) -> Answer:
    """Run somebody's writing function; what it raises undoes only what it wrote."""
    connection.execute("SAVEPOINT task")
    try:
        result = task.write(connection)
    except Exception as error:
        if not connection.in_transaction:  # a disk that is full undoes all of it, not this alone
            raise
        connection.execute("ROLLBACK TO task")
        connection.execute("RELEASE task")
        return task, None, error
    connection.execute("RELEASE task")
    return task, result, None


def _not_written(item: Item, error: Exception, name: str = "") -> Outcome:
    id = item.arrival.event.id
    if may_go_later(error):
        return try_later(id, "storage", f"the database cannot be written: {error}")
    return defect(id, name)


def _resolve(answers: list[Answer]) -> None:
    for promise, result, error in answers:
        if promise.future.done():  # its waiter has gone away
            continue
        if error is None:
            promise.future.set_result(result)
        else:
            promise.future.set_exception(error)
