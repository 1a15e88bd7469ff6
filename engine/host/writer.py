"""The one writer: a thread that decides what waits, commits it together and then answers."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import threading
from collections.abc import Callable, Mapping
from functools import partial
from time import perf_counter
from typing import Any, Final, NamedTuple

from engine.host.batching import Batching
from engine.host.dictation import AHEAD, PART, Dictation
from engine.host.ids import new_id
from engine.host.inbox import Inbox, Item, Promise, Task
from engine.host.network import DURABLE
from engine.host.outcome import Outcome, defect, try_later
from engine.host.work import Memory, Work
from engine.network.ruleset import Ruleset
from engine.store import versions
from engine.store.database import Store, may_go_later

_log: Final = logging.getLogger("leadrules.host")
_LONGEST_SLEEP: Final = 1.0
Answer = tuple[Promise, Any, Exception | None]
Queued = Callable[[Mapping[str, int | None]], None]


class _Begun(NamedTuple):
    """A transaction that is written and not committed; ``times`` are its beginning, when all was
    decided, and when all was written.
    """

    items: list[Item]
    tasks: list[Task]
    work: Work
    outcomes: list[Outcome]
    answers: list[Answer]
    version: str
    times: tuple[float, float, float]


class Writer:
    """Runs in its own thread from `start` until the inbox is closed and empty.

    ``ruleset`` is asked for at each transaction, so that a reload counts from the next one on.
    ``queued`` is told after a commit, in any thread, which connections have something to do.
    ``dictates`` lets another process write under load.
    """

    def __init__(
        self,
        store: Store,
        inbox: Inbox,
        memory: Memory,
        ruleset: Callable[[], Ruleset],
        queued: Queued = lambda connections: None,
        batching: Batching | None = None,
        dictates: bool = True,
    ) -> None:
        self._store = store
        self._inbox = inbox
        self._memory = memory
        self._ruleset = ruleset
        self._queued = queued
        self._batching = batching or Batching()
        self._dictation = Dictation(store, memory, dictates)
        self._answers: list[Answer] = []
        self._recorded = ""  # the version whose parts the database has
        self._thread = threading.Thread(target=self._run, name="leadrules-writer", daemon=True)

    def start(self) -> None:
        """Begin."""
        if not self._memory.clock.driven:
            self._inbox.lender = self._lend
        self._thread.start()

    def join(self) -> None:
        """Wait for the end; close the inbox first."""
        self._thread.join()

    def _run(self) -> None:
        patience = self._patience()
        while True:
            given = self._inbox.take(self._batching.events, patience)
            try:
                if callable(given):
                    idle = False
                    given()
                else:
                    idle = not any(given)
                    if self._inbox.closed and idle:
                        self._land_all()  # what a loop has left that is gone
                        self._dictation.close()
                        return
                    self.cycle(*given)
                    self._store.checkpoints.tend(idle)
                    if idle:
                        self._dictation.rest()
                patience = self._patience()
            except Exception:  # a defect here must not stop the house
                _log.exception("the writer failed; it goes on")
            finally:
                self._inbox.release()

    def _patience(self) -> float:
        """Return the seconds until the next lead is to be woken, a second at most."""
        due = self._memory.alarms.next_due()
        if due is None:
            return _LONGEST_SLEEP
        wait = (due - self._memory.clock.now()) / 1_000
        return min(max(wait, 0.0), _LONGEST_SLEEP)

    # --- in an event loop --------------------------------------------------------------------

    def _lend(self) -> None:
        """Decide and write what waits in the event loop it came from; the thread commits it.

        Two threads that take turns at each statement cost as much as what they do. So few events,
        as people and pages send them, are done at once where they are, and the loop reads the next
        ones while the disk takes these.
        """
        if len(self._dictation) >= AHEAD:  # looks again when one of them is durable
            self._inbox.pass_by()
            return
        items = self._inbox.claim(self._batching.few, self._dictation.part)
        if not items:
            return
        try:
            if self._may_lend() and self._lent(items):
                return
        except Exception:  # the thread waits longer, and finds out which of them it is
            self._undo()
        self._inbox.give_back(items, stays=len(self._dictation) > 0)

    def _lent(self, items: list[Item]) -> bool:
        """Decide events here; False if nothing was changed."""
        ruleset = self._ruleset()
        if self._dictates(items, ruleset):
            return self._dictated(items, ruleset)
        if self._dictation:
            return False
        begun = self._begin(items, [], waits=False)
        self._inbox.hand_over(partial(self._end, begun))
        return True

    def _dictated(self, items: list[Item], ruleset: Ruleset) -> bool:
        """Decide events while a scribe writes those before them; the loop hears when it has."""
        loop = asyncio.get_running_loop()
        if not self._dictation:
            self._dictation.listen(loop, self._hear)
        try:
            if self._dictation.decide(items, ruleset):
                self._inbox.stay()
                return True
            return False
        finally:
            if not self._dictation:
                self._dictation.cease(loop)

    def _hear(self) -> None:
        """Let everybody know what is durable, and go on with what has come meanwhile."""
        if not self._inbox.stays_here:  # it stood still, and the thread has done it
            self._dictation.cease(asyncio.get_running_loop())
            return
        try:
            self._land()
        except sqlite3.Error as error:
            self._dictation.cease(asyncio.get_running_loop())
            self._inbox.hand_over(partial(self._redo, error))
            return
        if self._dictation:
            self._lend()
        else:
            self._dictation.cease(asyncio.get_running_loop())
            self._inbox.release()

    def _may_lend(self) -> bool:
        """Whether nobody is to be woken first, and rules are asked in this process alone."""
        alarms, now = self._memory.alarms, self._memory.clock.now()
        due = alarms.next_due()
        if now >= alarms.horizon or (due is not None and due <= now):
            return False
        if self._store.checkpoints.is_due:
            return False
        return self._ruleset().definitions.server.network != DURABLE

    def _end(self, begun: _Begun) -> None:
        self._safely(lambda: self._finish(begun), begun.items, begun.tasks)

    # --- a transaction -----------------------------------------------------------------------

    def cycle(self, items: list[Item], tasks: list[Task]) -> None:
        """Do everything given, and wake who is due; answers go out after the commit."""
        self._land_all()  # what a loop has left that stands still
        ruleset = self._ruleset()
        if items and not tasks and self._dictates(items, ruleset):
            items = self._dictate(items, ruleset)
            if not items:
                return
        self._alone(items, tasks)

    def _alone(self, items: list[Item], tasks: list[Task]) -> None:
        self._safely(lambda: self._finish(self._begin(items, tasks)), items, tasks)

    def _safely(self, do: Callable[[], None], items: list[Item], tasks: list[Task]) -> None:
        try:
            do()
        except Exception as error:
            self._undo()
            if may_go_later(error):  # each batch will say so: one line is enough
                _log.error("nothing can be stored: %s", error)
                self._answer_all(items, tasks, error)
            else:
                _log.exception("a batch could not be written; its events are taken one by one")
                self._one_by_one(items, tasks)
        self._send_answers()

    def _begin(self, items: list[Item], tasks: list[Task], waits: bool = True) -> _Begun:
        """Decide and write, without a commit; ``waits`` as with `Store.beginning`."""
        began = perf_counter()
        ruleset = self._ruleset()
        work = Work(ruleset, self._memory, self._store.connection)
        with self._store.beginning(waits) as connection:
            work.prepare([item.arrival for item in items])
            work.wake_due(self._batching.wakes(len(items)))
            outcomes = [work.take(item.arrival) for item in items]
            decided = perf_counter()
            work.write()
            if ruleset.version != self._recorded:
                versions.record(connection, ruleset, self._memory.clock.now())
            answers = [_run_task(task, connection) for task in tasks]
        times = began, decided, perf_counter()
        return _Begun(items, tasks, work, outcomes, answers, ruleset.version, times)

    def _finish(self, begun: _Begun) -> None:
        """Commit, then let everybody know."""
        resumed = perf_counter()
        self._store.commit()
        committed = perf_counter()
        work = begun.work
        self._recorded = begun.version
        began, decided, written = begun.times
        self._batching.learn(work.turns, written - began + committed - resumed)
        self._keep(work, begun.items, begun.outcomes, (began, decided, committed))
        self._deliver_all(begun.items, begun.outcomes)
        for task, (_, result, error) in zip(begun.tasks, begun.answers, strict=True):
            if task.after is not None and error is None:
                task.after(result)
        self._answers.extend(begun.answers)

    def _keep(
        self,
        work: Work,
        items: list[Item],
        outcomes: list[Outcome],
        times: tuple[float, float, float],
    ) -> None:
        """Let everybody know what is durable; ``times``: begun, decided and committed."""
        work.keep()
        began, decided, committed = times
        if items or work.turns:
            self._memory.telemetry.transaction(len(items), decided - began, committed - decided)
            if (traces := self._memory.telemetry.traces) is not None:
                traces.committed([item.job for item in items], outcomes, times)
        if work.queued:
            self._queued(work.queued)

    # --- what a scribe writes ------------------------------------------------------------------

    def _dictates(self, items: list[Item], ruleset: Ruleset) -> bool:
        return ruleset.version == self._recorded and self._dictation.wants(len(items))

    def _dictate(self, items: list[Item], ruleset: Ruleset) -> list[Item]:
        """Have a long batch written part by part while it is decided; returns what is left."""
        wakes = self._batching.wakes(len(items))
        try:
            while items and self._dictation.decide(items[:PART], ruleset, wakes, waits=True):
                items, wakes = items[PART:], 0
        except Exception:  # whoever writes them alone finds out which of them it is
            self._undo()
        self._land_all()
        return items

    def _land_all(self) -> None:
        if not self._dictation:
            return
        try:
            self._land(waits=True)
        except sqlite3.Error as error:
            self._redo(error)

    def _land(self, waits: bool = False) -> None:
        """Let everybody know what is durable, or ``waits`` until all is; raises sqlite3.Error."""
        while (flight := self._dictation.landed(waits)) is not None:
            began, decided, written = flight.times
            self._batching.learn_pace(flight.work.turns, written - began)
            times = (began, decided, perf_counter())
            try:
                self._keep(flight.work, flight.items, flight.outcomes, times)
            except Exception:  # a defect; the others are told all the same
                _log.exception("what is stored could not be counted, or not be sent out")
            self._deliver_all(flight.items, flight.outcomes)
            self._send_answers()

    def _redo(self, error: Exception) -> None:
        """Do alone what a scribe could not write, and what was built on that."""
        for flight in self._dictation.give_up(error):
            self._alone(flight.items, [])
            if flight.work.queued:  # it may be stored, and nobody knows of it
                self._queued(flight.work.queued)

    def _undo(self) -> None:
        """Forget what the failed transaction moved."""
        self._memory.alarms.forget()

    def _one_by_one(self, items: list[Item], tasks: list[Task]) -> None:
        """Find the event that keeps its batch from being written, and refuse only that."""
        for item in items:
            try:
                self._finish(self._begin([item], []))
            except Exception as error:
                self._undo()
                name = new_id(self._memory.clock.wall())  # the sender's own id may be an address
                _log.exception("%s: an event cannot be written; it is refused", name)
                self._deliver(item, _not_written(item, error, name))
        try:
            self._finish(self._begin([], tasks))
        except Exception as error:
            self._undo()
            self._answer_all([], tasks, error)

    def _answer_all(self, items: list[Item], tasks: list[Task], error: Exception) -> None:
        for item in items:
            self._deliver(item, _not_written(item, error))
        self._answers.extend((task, None, error) for task in tasks)

    # --- answers -----------------------------------------------------------------------------

    def _deliver_all(self, items: list[Item], outcomes: list[Outcome]) -> None:
        for item, outcome in zip(items, outcomes, strict=True):
            self._deliver(item, outcome)

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
        here = asyncio._get_running_loop()
        for loop, own in by_loop.items():
            if loop is here:
                _resolve(own)
                continue
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
        try:
            promise.told(result, error)
        except Exception:  # a defect; the others are told all the same
            _log.exception("somebody could not be told what became of their events")
