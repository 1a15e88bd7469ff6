"""Few events are decided where they came from, and whoever decides, the answers are the same."""

from __future__ import annotations

import asyncio
import random
import sqlite3
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.host import work
from engine.host.batching import MOST_EVENTS, Batching
from engine.host.clock import StreamClock, SystemClock
from engine.host.inbox import Inbox, Item, Job, Task
from engine.host.runtime import Runtime
from engine.host.writer import Writer
from engine.store.database import Store

WRITER = "leadrules-writer"
Use = Callable[[Runtime], Awaitable[Any]]


@pytest.fixture
def deciders(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fill with the name of the thread that decided, for each event."""
    names: list[str] = []
    take = work.Work.take

    def noting(self: work.Work, arrival: Any) -> Any:
        names.append(threading.current_thread().name)
        return take(self, arrival)

    monkeypatch.setattr(work.Work, "take", noting)
    return names


@pytest.fixture
def committers(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Fill with the name of the thread that committed, for each transaction."""
    names: list[str] = []
    commit = Store.commit

    def noting(self: Store) -> None:
        names.append(threading.current_thread().name)
        commit(self)

    monkeypatch.setattr(Store, "commit", noting)
    return names


@pytest.fixture
def runtime(folder: Path) -> Iterator[Runtime]:
    """A started runtime by the computer's clock."""
    found = Runtime(folder, folder.parent / "leads.db", SystemClock(), environ={})
    assert not [d for d in found.load() if d.severity == "error"]
    found.start()
    yield found
    asyncio.run(found.stop())


def form(who: str, id: str | None = None, **lead: Any) -> dict[str, Any]:
    """A form filled in by ``who`` now."""
    raw = {"type": "form_submitted", "lead": {"user_id": who, **lead}}
    return raw | {"id": id} if id else raw


async def warmed(runtime: Runtime) -> None:
    """Return once the writer has looked for alarms, which is its thread's to do."""
    await runtime.submit([form("first")])


def test_few_are_decided_in_their_loop_and_committed_in_the_thread(
    runtime: Runtime, deciders: list[str], committers: list[str]
) -> None:
    """So that the loop reads the next ones while the disk takes these."""

    async def story() -> None:
        await warmed(runtime)
        deciders.clear()
        committers.clear()
        (outcome,) = await runtime.submit([form("u1", industry="制造业")])
        assert outcome.status == "accepted"
        assert deciders == [threading.current_thread().name]
        assert set(committers) == {WRITER}
        assert runtime.reader.counts()["events"] == 2

    asyncio.run(story())


def test_many_are_decided_in_the_thread(runtime: Runtime, deciders: list[str]) -> None:
    """More than fit into some milliseconds would keep all else from the loop."""

    async def story() -> None:
        await warmed(runtime)
        assert runtime._writer is not None
        runtime._writer._batching = Batching(longest=60.0)  # one whole batch on any machine
        deciders.clear()
        outcomes = await runtime.submit([form(f"u{n}") for n in range(MOST_EVENTS)])
        assert {o.status for o in outcomes} == {"accepted"}
        assert set(deciders) == {WRITER}

    asyncio.run(story())


def test_who_is_due_is_woken_in_the_thread_first(runtime: Runtime, deciders: list[str]) -> None:
    """A lead whose deadline has come is not kept waiting by events, nor the loop by it."""

    async def story() -> None:
        await warmed(runtime)
        assert runtime._memory is not None
        lead = next(iter(runtime.reader.leads().items))["id"]
        runtime._memory.alarms.set(lead, runtime.clock.now() - 1)
        deciders.clear()
        await runtime.submit([form("u2")])
        assert set(deciders) == {WRITER}
        deciders.clear()
        await runtime.submit([form("u3")])
        assert WRITER not in deciders

    asyncio.run(story())


def test_a_clock_that_events_drive_stays_with_the_thread(folder: Path, deciders: list[str]) -> None:
    """Each event may wake any number of leads."""

    async def story() -> None:
        runtime = Runtime(folder, folder.parent / "leads.db", StreamClock(), environ={})
        runtime.load()
        runtime.start()
        for n in range(3):
            await runtime.submit([form(f"u{n}") | {"at": f"2026-03-0{n + 1}T09:00:00+08:00"}])
        await runtime.stop()
        assert set(deciders) == {WRITER}

    asyncio.run(story())


def test_a_defect_while_lending_refuses_its_event_alone(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """What a loop cannot write the thread takes one by one; nothing is written twice."""
    write = work.Work.write

    def failing(self: work.Work) -> None:
        write(self)
        if any(lead.facts.get("lead.company") == "坏" for lead in self._touched.values()):
            raise ZeroDivisionError("a defect")

    async def story() -> None:
        await warmed(runtime)
        monkeypatch.setattr(work.Work, "write", failing)
        raw = [form("u1", "e1"), form("u2", "e2", company="坏"), form("u3", "e3")]
        outcomes = await runtime.submit(raw)
        assert [o.status for o in outcomes] == ["accepted", "rejected", "accepted"]
        assert outcomes[1].error is not None
        assert outcomes[1].error["code"] == "defect"
        assert runtime.reader.counts()["events"] == 3
        assert runtime.reader.counts()["leads"] == 3

    asyncio.run(story())
    assert "ZeroDivisionError" in caplog.text


@pytest.mark.parametrize("at", ["beginning", "commit"])
def test_a_disk_that_is_full_takes_nothing_and_later_everything(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, at: str
) -> None:
    """Wherever it shows: the sender hears to come again, and the same events count once then."""
    real = getattr(Store, at)

    def full(self: Store, *waits: bool) -> Any:
        if at == "commit" and self.connection.in_transaction:
            self.connection.execute("ROLLBACK")
        raise sqlite3.OperationalError("database or disk is full")

    async def story() -> None:
        await warmed(runtime)
        monkeypatch.setattr(Store, at, full)
        (refused,) = await runtime.submit([form("u1", "e1")])
        assert refused.status == "overloaded"
        assert refused.error is not None
        assert refused.error["code"] == "storage"
        monkeypatch.setattr(Store, at, real)
        (taken,) = await runtime.submit([form("u1", "e1")])
        assert taken.status == "accepted"
        assert runtime.reader.counts()["events"] == 2

    asyncio.run(story())


def test_another_program_that_writes_keeps_no_loop_waiting(runtime: Runtime) -> None:
    """The thread waits for it, the events too; all else goes on."""

    async def story() -> None:
        await warmed(runtime)
        other = sqlite3.connect(runtime.database, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        coming = asyncio.create_task(runtime.submit([form("u1")]))
        loop, gaps = asyncio.get_running_loop(), []
        for _ in range(40):
            began = loop.time()
            await asyncio.sleep(0.01)
            gaps.append(loop.time() - began)
        assert not coming.done()
        assert max(gaps) < 0.3
        other.execute("ROLLBACK")
        other.close()
        (outcome,) = await asyncio.wait_for(coming, 10)
        assert outcome.status == "accepted"

    asyncio.run(story())


def test_events_of_a_loop_that_is_gone_are_taken(runtime: Runtime) -> None:
    """Nobody waits for the answer; the events count, and the next loop's are not late."""

    async def leave() -> None:
        await warmed(runtime)
        task = asyncio.create_task(runtime.submit([form("u1", "e1")]))
        await asyncio.sleep(0)
        task.cancel()
        asyncio.get_running_loop().stop()

    loop = asyncio.new_event_loop()
    task = loop.create_task(leave())
    loop.run_forever()
    assert len(runtime._inbox) == 1
    loop.close()
    del task

    async def come() -> None:
        (outcome,) = await asyncio.wait_for(runtime.submit([form("u1", "e1")]), 5)
        assert outcome.status in {"accepted", "duplicate"}
        assert runtime.reader.counts()["events"] == 2

    asyncio.run(come())


def test_everybody_is_answered_once_whoever_decides(runtime: Runtime) -> None:
    """Three loops at once, alone and in lists, with writing functions in between."""
    answers: dict[str, list[str]] = {}
    written: list[int] = []

    async def sender(number: int) -> None:
        chance = random.Random(number)

        async def one(n: int) -> None:
            await asyncio.sleep(chance.random() * 0.2)
            if n % 7 == 3:
                written.append(await runtime.write(lambda connection: n))
                return
            size = chance.choice([1, 1, 1, 5, 120])
            raw = [form(f"u{chance.randrange(50)}", f"{number}-{n}-{i}") for i in range(size)]
            for outcome in await runtime.submit(raw):
                answers.setdefault(str(outcome.id), []).append(outcome.status)

        await asyncio.gather(*(one(n) for n in range(60)))

    threads = [threading.Thread(target=lambda n=n: asyncio.run(sender(n))) for n in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {tuple(each) for each in answers.values()} == {("accepted",)}
    assert len(written) == 3 * len([n for n in range(60) if n % 7 == 3])
    assert runtime.reader.counts()["events"] == len(answers)
    logged = [each.event.id for each in runtime.reader.log()]
    assert sorted(logged) == sorted(answers)


class Turns:
    """An inbox with a lender that only notes that it was called."""

    def __init__(self) -> None:
        self.inbox = Inbox()
        self.rung = 0
        self.inbox.lender = self.ring

    def ring(self) -> None:
        """Note it."""
        self.rung += 1

    def put(self, count: int = 1) -> None:
        """Put so many events, of a job of the running loop."""
        job = Job(asyncio.get_running_loop(), lambda result, error: None, [None] * count, count)
        assert self.inbox.put([Item(None, job, n) for n in range(count)])  # type: ignore[arg-type]


def test_a_loop_is_rung_once_and_after_the_turn_of_others() -> None:
    """However many events come; those that came meanwhile are not forgotten."""

    async def story() -> None:
        turns = Turns()
        turns.put()
        turns.put()
        await asyncio.sleep(0)
        assert turns.rung == 1
        assert len(turns.inbox.claim(10, 10)) == 2
        turns.put()
        await asyncio.sleep(0)
        assert turns.rung == 1
        assert turns.inbox.claim(10, 10) == []
        done = []
        turns.inbox.hand_over(lambda: done.append(1))
        rest = await asyncio.to_thread(turns.inbox.take, 10, 5)
        assert callable(rest)
        rest()
        turns.inbox.release()
        await asyncio.sleep(0.01)
        assert (turns.rung, done) == (2, [1])
        assert len(turns.inbox.claim(10, 10)) == 1

    asyncio.run(story())


def test_too_many_and_tasks_are_the_threads(folder: Path) -> None:
    """The loop gets nothing, and the thread all of it."""

    async def story() -> None:
        turns = Turns()
        turns.put(5)
        assert turns.inbox.claim(4, 4) == []
        given = await asyncio.to_thread(turns.inbox.take, 10, 5)
        assert not callable(given)
        assert (len(given[0]), given[1]) == (5, [])
        turns.inbox.release()
        turns.put()
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        turns.inbox.put_task(Task.to(future, lambda connection: None))
        assert turns.inbox.claim(4, 4) == []
        given = await asyncio.to_thread(turns.inbox.take, 10, 5)
        assert not callable(given)
        assert (len(given[0]), len(given[1])) == (1, 1)

    asyncio.run(story())


def test_the_thread_waits_for_the_turn_of_a_loop() -> None:
    """Also when it is called meanwhile: two never decide at once."""

    async def story() -> None:
        turns = Turns()
        turns.put()
        assert len(turns.inbox.claim(4, 4)) == 1
        turns.inbox.close()
        taking = asyncio.create_task(asyncio.to_thread(turns.inbox.take, 10, 0.01))
        await asyncio.sleep(0.1)
        assert not taking.done()
        turns.inbox.hand_over(lambda: None)
        assert callable(await taking)

    asyncio.run(story())


def test_a_loop_may_stay_and_the_thread_is_not_late() -> None:
    """It claims more while it stays; then whoever is due is woken at once."""

    async def story() -> None:
        turns = Turns()
        turns.put(3)
        assert len(turns.inbox.claim(4, 2)) == 2
        turns.inbox.stay()
        assert turns.inbox.stays_here
        assert len(turns.inbox.claim(4, 2)) == 1
        taking = asyncio.create_task(asyncio.to_thread(turns.inbox.take, 10, 0.01))
        await asyncio.sleep(0.1)
        assert not taking.done()
        began = time.monotonic()
        turns.inbox.release()
        assert await taking == ([], [])
        assert time.monotonic() - began < 0.5

    asyncio.run(story())


def test_what_a_loop_gives_back_the_thread_takes_in_its_order() -> None:
    """At once, or when the loop that stays has done with the rest."""

    async def story() -> None:
        turns = Turns()
        turns.put(2)
        first = turns.inbox.claim(4, 4)
        turns.put(1)
        turns.inbox.stay()
        turns.inbox.give_back(first, stays=True)
        assert turns.inbox.claim(4, 4) == []
        taking = asyncio.create_task(asyncio.to_thread(turns.inbox.take, 10, 5))
        await asyncio.sleep(0.05)
        assert not taking.done()
        turns.inbox.release()
        given = await taking
        assert not callable(given)
        assert given[0][:2] == first
        assert len(given[0]) == 3

    asyncio.run(story())


def test_a_pace_says_how_many_are_few() -> None:
    """What a machine does in some milliseconds; a slow one fewer."""
    quick, slow = Batching(), Batching()
    for _ in range(50):
        quick.learn(100, 0.01)
        slow.learn(100, 1.0)
    assert slow.few < 2
    assert 50 < quick.few < 500


def test_a_writer_lends_nothing_before_it_starts(tmp_path: Path) -> None:
    """Whoever puts something in before finds it done after."""
    inbox = Inbox()
    assert inbox.lender is None
    store = Store(tmp_path / "leads.db")
    try:
        memory: Any = type("Memory", (), {"clock": SystemClock()})()
        Writer(store, inbox, memory, lambda: None)  # type: ignore[arg-type,return-value]
        assert inbox.lender is None
    finally:
        store.close()
