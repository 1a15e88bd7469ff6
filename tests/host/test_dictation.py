"""Under load another process writes, while the next events are decided: the same comes of it."""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sqlite3
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from engine.host import dictation
from engine.host.clock import Clock, StreamClock, SystemClock
from engine.host.dictation import Dictation
from engine.host.runtime import Runtime
from engine.host.telemetry import Telemetry
from engine.host.verifying import verify
from engine.language.instants import format_instant
from engine.machines.merging import MERGED, UNMERGED
from engine.machines.state import Event
from engine.store import checks, scribe
from engine.store.sheet import Sheet

Use = Callable[[Runtime], Awaitable[Any]]
TABLES = sorted(
    {"events", "leads", "identities", "ledger", "happenings", "deliveries", "tasks", "teams"}
    | {"searched", "enrolments", "journey_steps", "assignments", "transitions", "grade_changes"}
    | {"clocks", "timers", "arrivals", "entries", "companies", "tags", "splits", "rejected"}
    | {"quarantine", "merges", "enrichments"}
)
WALL = {"queued_at", "deadline_at", "finished_at", "received_at", "seq", "number", "due_wall"}


@pytest.fixture
def dictated(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """Have all events dictated as soon as a scribe is ready; counts those that were."""
    monkeypatch.setattr(dictation, "LOAD", 0)
    monkeypatch.setattr(dictation, "MANY", 1)
    monkeypatch.setattr(dictation, "ALONE", 0)
    monkeypatch.setattr("engine.host.writer.PART", 10)
    counts: Counter[str] = Counter()
    decide = Dictation.decide

    def counting(self: Dictation, items: list[Any], *more: Any, **named: Any) -> bool:
        done = decide(self, items, *more, **named)
        counts["dictated" if done else "alone"] += len(items)
        return done

    monkeypatch.setattr(Dictation, "decide", counting)
    return counts


def started(folder: Path, clock: Clock, name: str = "leads.db") -> Runtime:
    """A started runtime."""
    found = Runtime(folder, folder.parent / name, clock, environ={})
    assert not [d for d in found.load() if d.severity == "error"]
    found.start()
    return found


@pytest.fixture
def runtime(folder: Path, dictated: Counter[str]) -> Iterator[Runtime]:
    """A started runtime by the computer's clock that has a scribe."""
    found = started(folder, SystemClock())
    asyncio.run(warmed(found))
    yield found
    asyncio.run(found.stop())


def scribe_of(runtime: Runtime) -> Any:
    """The other process of a runtime, as its writer knows it."""
    assert runtime._writer is not None
    return runtime._writer._dictation._scribe


async def warmed(runtime: Runtime) -> None:
    """Return once a scribe is ready."""
    await runtime.submit([form("first")])
    await runtime.submit([form("first")])
    await asyncio.to_thread(ready, runtime)


def ready(runtime: Runtime) -> None:
    """Wait until a scribe has opened the database."""
    while not scribe_of(runtime).is_ready:
        time.sleep(0.01)


def form(who: str, id: str | None = None, **lead: Any) -> dict[str, Any]:
    """A form filled in by ``who`` now."""
    raw = {"type": "form_submitted", "lead": {"user_id": who, **lead}}
    return raw | {"id": id} if id else raw


def contents(database: Path) -> dict[str, list[Any]]:
    """All rows of all tables, but for what depends on the computer's time."""
    connection = sqlite3.connect(database)
    found = {}
    for table in TABLES:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        kept = ", ".join(f'"{name}"' for name in columns if name not in WALL)
        found[table] = sorted(connection.execute(f"SELECT {kept} FROM {table}"), key=repr)
    found["seq"] = connection.execute("SELECT id FROM events ORDER BY seq").fetchall()
    connection.close()
    return found


def crowd(count: int) -> list[dict[str, Any]]:
    """Events of few people with several names: they merge, come late, twice and in Chinese."""
    chance = random.Random(11)
    start = 1_772_000_000_000
    events: list[dict[str, Any]] = []
    for number in range(count):
        who = chance.randrange(60)
        phone, email = {"phone": f"138000{who:05}"}, {"email": f"lead{who}@acme.cn"}
        named: list[dict[str, Any]] = [{"user_id": f"u{who}"}, phone, email, {**phone, **email}]
        (lead,) = chance.choices(named, [83, 7, 7, 3])
        if chance.random() < 0.2:
            lead = {**lead, "name": f"王{who}", "company": chance.choice(["金泰阀门", "苏州机电"])}
            lead |= {"industry": "制造业", "province": chance.choice(["上海", "北京"])}
        kind, properties = chance.choice(
            [
                ("page_viewed", {"page": "pricing"}),
                ("page_viewed", {"page": "home"}),
                ("content_downloaded", {"kind": "whitepaper"}),
                ("form_submitted", {"form": "contact"}),
            ]
        )
        at = start + number * 600_000 - chance.choice([0, 0, 0, 86_400_000])
        events.append(
            {"id": f"e{number}", "type": kind, "at": at, "lead": lead, "properties": properties}
        )
        if chance.random() < 0.03:
            events.append(chance.choice(events))
    for each in events:
        each["at"] = _text(each["at"])
    return events


def _text(at: Any) -> Any:
    return format_instant(at) if isinstance(at, int) else at


def play(folder: Path, name: str, events: list[Any], size: int) -> Counter[str]:
    """Send events in batches of ``size`` by the clock of the stream."""

    async def whole() -> Counter[str]:
        runtime = started(folder, StreamClock(), name)
        found: Counter[str] = Counter()
        for start in range(0, len(events), size):
            found.update(o.status for o in await runtime.submit(events[start : start + size]))
            if start == 0 and scribe_of(runtime) is not None:
                await asyncio.to_thread(ready, runtime)
        await runtime.stop()
        return found

    return asyncio.run(whole())


def test_what_a_scribe_writes_is_what_the_writer_writes(
    folder: Path, monkeypatch: pytest.MonkeyPatch, dictated: Counter[str]
) -> None:
    """All tables to the last row, with merges, timers, late events and those sent twice."""
    events = crowd(1_500)
    by_scribe = play(folder, "scribe.db", events, 60)
    assert dictated["dictated"] > 300
    monkeypatch.setattr(dictation, "is_possible", lambda: False)
    dictated.clear()
    assert play(folder, "alone.db", events, 60) == by_scribe
    assert not dictated
    one, other = contents(folder.parent / "scribe.db"), contents(folder.parent / "alone.db")
    assert len(one["events"]) > 1_500
    for table, rows in other.items():
        assert one[table] == rows, table
    found = checks.deep(folder.parent / "scribe.db", "default")
    assert [each for each in found if each.level == "error"] == []
    assert one["merges"]
    assert one["timers"]


def test_many_senders_are_answered_once_and_after_the_commit(
    runtime: Runtime, dictated: Counter[str]
) -> None:
    """What is answered is in the file that another connection reads."""
    stored = sqlite3.connect(runtime.database, check_same_thread=False, isolation_level=None)
    answers: Counter[str] = Counter()

    async def sender(number: int) -> None:
        chance = random.Random(number)
        for n in range(40):
            id = f"{number}-{n}"
            (outcome,) = await runtime.submit([form(f"u{chance.randrange(30)}", id)])
            assert outcome.status == "accepted"
            found = stored.execute("SELECT count(*) FROM events WHERE id = ?", (id,)).fetchone()
            assert found == (1,)
            answers[id] += 1

    async def story() -> None:
        await asyncio.gather(*(sender(number) for number in range(40)))

    asyncio.run(story())
    assert set(answers.values()) == {1}
    assert dictated["dictated"] > 1_000
    assert runtime.reader.counts()["leads"] == 31


def test_the_same_event_twice_in_the_air_counts_once(runtime: Runtime) -> None:
    """The second finds the first, though nobody has stored it yet."""

    async def story() -> None:
        first = [asyncio.create_task(runtime.submit([form("u1", "e1")])) for _ in range(200)]
        outcomes = [(await each)[0] for each in first]
        assert Counter(o.status for o in outcomes) == {"accepted": 1, "duplicate": 199}
        assert len({o.lead for o in outcomes}) == 1
        assert all(o.summary == outcomes[0].summary for o in outcomes)

    asyncio.run(story())


def test_a_scribe_that_dies_loses_nothing(
    runtime: Runtime, caplog: pytest.LogCaptureFixture
) -> None:
    """Again and again in the middle of the load: all are answered, each is there once."""
    killed: set[int] = set()
    sent: list[str] = []

    def kill() -> None:
        latest = time.monotonic() + 20
        while len(killed) < 4 and time.monotonic() < latest:
            time.sleep(0.15)
            scribe = scribe_of(runtime)
            if scribe is not None and scribe.pid not in killed:
                killed.add(scribe.pid)
                os.kill(scribe.pid, signal.SIGKILL)

    async def sender(number: int) -> None:
        n = 0
        while n < 60 or killer.is_alive():
            n += 1
            sent.append(f"{number}-{n}")
            (outcome,) = await runtime.submit([form(f"u{number % 9}", sent[-1])])
            assert outcome.status in {"accepted", "duplicate"}, outcome

    async def story() -> None:
        await asyncio.gather(*(sender(number) for number in range(40)))

    killer = threading.Thread(target=kill)
    killer.start()
    asyncio.run(story())
    killer.join()
    assert len(killed) > 1
    assert "the process that writes has died" in caplog.text
    logged = Counter(each.event.id for each in runtime.reader.log())
    assert max(logged.values()) == 1
    assert logged.keys() >= set(sent)


def test_a_scribe_that_dies_after_its_commit_leaves_no_old_state(
    folder: Path,
    dictated: Counter[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """What it had stored without a word is what the next events are decided upon."""
    text = scribe.PROCESS.read_text()
    commit = 'self._connection.execute("COMMIT")\n'
    assert commit in text
    process = tmp_path / "dying.py"
    dying = "        self._count = getattr(self, '_count', 0) + 1\n"
    dying += "        if self._count == 4:\n            os._exit(1)\n"
    process.write_text(text.replace(commit, commit + dying))
    monkeypatch.setattr(scribe, "PROCESS", process)
    runtime = started(folder, SystemClock())

    async def sender(number: int) -> None:
        for n in range(40):
            raw = {
                "id": f"{number}-{n}",
                "type": "content_downloaded",
                "lead": {"user_id": f"u{number % 5}"},
                "properties": {"kind": "whitepaper"},
            }
            (outcome,) = await runtime.submit([raw])
            assert outcome.status in {"accepted", "duplicate"}, outcome

    async def story() -> None:
        await asyncio.gather(*(sender(number) for number in range(10)))
        await runtime.stop()

    asyncio.run(story())
    assert dictated["dictated"] > 20
    verdicts = [each.verdict for each in verify(runtime.database, {}, runtime.ruleset)]
    assert verdicts == ["same"] * 5
    found = checks.deep(runtime.database, "default")
    assert [each for each in found if each.level == "error"] == []


def test_senders_hear_of_what_is_stored_whatever_fails_after_it(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A defect in what counts is logged, and keeps no answer back."""

    def failing(*figures: Any) -> None:
        raise ZeroDivisionError("a defect")

    async def story() -> None:
        monkeypatch.setattr(Telemetry, "transaction", failing)
        (outcome,) = await asyncio.wait_for(runtime.submit([form("u1", "e1")]), 10)
        assert outcome.status == "accepted"

    asyncio.run(story())
    assert "could not be counted" in caplog.text


def test_a_value_that_sqlite_does_not_know_is_an_error(runtime: Runtime) -> None:
    """The scribe says so and lives on."""
    found = scribe_of(runtime)
    sheet = Sheet()
    sheet.execute("INSERT INTO teams (id, state) VALUES (?, ?)", ("x", 2**63))
    page = found.page(sheet)
    found.send(page)
    with pytest.raises(sqlite3.Error, match="too large"):
        found.has_result(len(page), waits=True)
    found.forgive()
    assert not found.has_died


def test_what_a_scribe_cannot_write_the_writer_does(
    runtime: Runtime, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """One batch that fails takes with it what was decided upon it; all of it is done again."""
    page, left = scribe_of(runtime).page, [3]

    def spoiled(sheet: Any) -> bytes:
        left[0] -= 1
        if left[0] == 0:
            sheet.execute("INSERT INTO no_such_table VALUES (?)", (1,))
        found: bytes = page(sheet)
        return found

    monkeypatch.setattr(scribe_of(runtime), "page", spoiled)

    async def story() -> None:
        senders = [runtime.submit([form(f"u{n % 7}", f"e{n}")]) for n in range(400)]
        for outcomes in await asyncio.gather(*senders):
            assert outcomes[0].status == "accepted"
        for outcomes in await asyncio.gather(*(runtime.submit([form("u1")]) for _ in range(300))):
            assert outcomes[0].status == "accepted"

    asyncio.run(story())
    assert "no such table" in caplog.text
    assert runtime.reader.counts()["leads"] == 8
    assert runtime.reader.counts()["events"] >= 701


def test_a_full_disk_refuses_and_later_takes_everything(
    runtime: Runtime, dictated: Counter[str]
) -> None:
    """The scribe says so, the writer says so, and the senders hear it."""
    import resource

    async def story() -> None:
        scribe = scribe_of(runtime)
        largest = (runtime.database.with_name("leads.db-wal")).stat().st_size
        resource.prlimit(scribe.pid, resource.RLIMIT_FSIZE, (largest, resource.RLIM_INFINITY))
        outcomes = await asyncio.gather(
            *(runtime.submit([form(f"u{n}", f"e{n}")]) for n in range(200))
        )
        # The writer, who has no such limit, takes what the scribe could not.
        assert {o.status for (o,) in outcomes} == {"accepted"}
        resource.prlimit(
            scribe.pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY)
        )
        before = dictated["dictated"]
        for _ in range(30):
            await asyncio.gather(*(runtime.submit([form(f"u{n}")]) for n in range(30)))
        assert dictated["dictated"] > before

    asyncio.run(story())
    assert runtime.reader.counts()["leads"] == 201


def test_writing_functions_wait_for_what_is_in_the_air(runtime: Runtime) -> None:
    """A task sees all that was answered before it, and comes to its turn under load."""
    seen: list[tuple[int, int]] = []

    async def story() -> None:
        stopped = False
        answered = 0

        async def sender(number: int) -> None:
            nonlocal answered
            while not stopped:
                await runtime.submit([form(f"u{number}")])
                answered += 1

        senders = [asyncio.create_task(sender(n)) for n in range(30)]
        for _ in range(20):
            await asyncio.sleep(0.01)
            before = answered
            count = await runtime.write(
                lambda c: c.execute("SELECT count(*) FROM events").fetchone()[0]
            )
            seen.append((before, count))
        stopped = True
        await asyncio.gather(*senders)

    asyncio.run(asyncio.wait_for(story(), 60))
    assert all(count >= before for before, count in seen)
    assert seen[-1][0] > seen[0][0]


def test_a_lead_forgotten_under_load_comes_anew(runtime: Runtime) -> None:
    """Nobody is found by an identity that memory had kept."""

    async def story() -> None:
        load = [asyncio.create_task(runtime.submit([form(f"x{n}")])) for n in range(100)]
        old = form("u1", "e1", phone="13800001111") | {"at": "2026-03-02T09:00:00+08:00"}
        (first,) = await runtime.submit([old])
        await runtime.forget(str(first.lead))
        (again,) = await runtime.submit([{**old, "lead": {"user_id": "u2"}}])
        (other,) = await runtime.submit([form("u3", phone="13800001111")])
        assert other.lead not in {first.lead, again.lead}
        await runtime.forget(str(other.lead))
        (second,) = await runtime.submit([form("u1", phone="13800001111")])
        assert second.status == "accepted"
        assert second.lead != first.lead
        await asyncio.gather(*load)

    asyncio.run(story())


def test_merged_and_parted_leads_are_found_by_their_identities(runtime: Runtime) -> None:
    """What memory knows of identities follows both."""

    async def story() -> None:
        (one,) = await runtime.submit([form("u1", phone="13800001111")])
        (two,) = await runtime.submit([form("u2", email="li@acme.cn")])
        now = runtime.clock.now()
        merge = Event("m1", MERGED, now, {}, {"absorbed": str(two.lead)}, by="admin")
        assert (await runtime.submit_event(merge, str(one.lead))).status == "accepted"
        (found,) = await runtime.submit([form("u2")])
        assert found.lead == one.lead
        part = Event("m2", UNMERGED, now, {}, {"absorbed": str(two.lead)}, by="admin")
        assert (await runtime.submit_event(part, str(one.lead))).status == "accepted"
        (back,) = await runtime.submit([form("u2")])
        assert back.lead == two.lead
        (same,) = await runtime.submit([form("u1")])
        assert same.lead == one.lead

    asyncio.run(story())


def test_events_of_a_loop_that_goes_away_are_written(runtime: Runtime) -> None:
    """Its batches land all the same, and another loop goes on."""
    tasks: list[asyncio.Task[Any]] = []

    async def leave() -> None:
        tasks.extend(
            asyncio.ensure_future(runtime.submit([form(f"u{n}", f"e{n}")])) for n in range(60)
        )
        for _ in range(10_000):
            if runtime._writer is not None and runtime._writer._dictation:
                break
            await asyncio.sleep(0)
        asyncio.get_running_loop().stop()

    loop = asyncio.new_event_loop()
    task = loop.create_task(leave())
    loop.run_forever()
    loop.close()
    del task
    tasks.clear()

    async def come() -> None:
        (outcome,) = await asyncio.wait_for(runtime.submit([form("late")]), 10)
        assert outcome.status == "accepted"

    asyncio.run(come())
    assert runtime.reader.counts()["leads"] == 62


def _runs(pid: int) -> bool:
    return Path(f"/proc/{pid}").exists()


def test_a_scribe_ends_with_its_runtime_and_when_it_has_nothing_to_do(
    folder: Path, dictated: Counter[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """No process and no handle stays behind."""
    handles = Path("/proc/self/fd")
    open_before = len([*handles.iterdir()])
    monkeypatch.setattr(dictation, "IDLE_S", 0.0)

    async def story() -> None:
        runtime = started(folder, SystemClock())
        await warmed(runtime)
        first = scribe_of(runtime).pid
        for _ in range(300):
            if not _runs(first):
                break
            await asyncio.sleep(0.01)
        assert scribe_of(runtime) is None
        await warmed(runtime)
        second = scribe_of(runtime).pid
        await runtime.stop()
        assert not _runs(first)
        assert not _runs(second)

    asyncio.run(story())
    assert len([*handles.iterdir()]) <= open_before + 2


def test_where_no_process_can_be_started_the_writer_writes(
    folder: Path,
    dictated: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """It says so once."""
    monkeypatch.setattr(scribe.sys, "executable", "/no/such/python")

    async def story() -> None:
        runtime = started(folder, SystemClock())
        for n in range(5):
            (outcome,) = await runtime.submit([form(f"u{n}")])
            assert outcome.status == "accepted"
        assert scribe_of(runtime) is None
        await runtime.stop()

    asyncio.run(story())
    assert caplog.text.count("no other process can write") == 1
    assert not dictated


def test_little_load_has_no_second_process(folder: Path) -> None:
    """A company with some events a second never needs one."""

    async def story() -> None:
        runtime = started(folder, SystemClock())
        for n in range(300):
            await runtime.submit([form(f"u{n}")])
        assert scribe_of(runtime) is None
        await runtime.stop()

    asyncio.run(story())
