"""The runtime: events in, decided and durable; one bad event costs only itself."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from engine.errors import NotFound, Stopped
from engine.host.clock import Clock, StreamClock, SystemClock, system_time
from engine.host.inbox import Inbox
from engine.host.outcome import Outcome
from engine.host.runtime import NotLoaded, NotRunning, Runtime
from engine.language.instants import format_instant
from engine.machines import lead as lead_machine
from engine.machines.state import Event
from engine.store.lock import DatabaseInUse
from tests.replacing import REPLACING

Use = Callable[[Runtime], Awaitable[Any]]


def run(folder: Path, use: Use, clock: Clock | None = None) -> Any:
    """Start a runtime on the folder's database, use it and stop it."""

    async def whole() -> Any:
        runtime = Runtime(folder, folder.parent / "leads.db", clock or StreamClock(), environ={})
        assert not [d for d in runtime.load() if d.severity == "error"]
        runtime.start()
        try:
            return await use(runtime)
        finally:
            await runtime.stop()

    return asyncio.run(whole())


async def eventually(look: Callable[[], list[Any]]) -> list[Any]:
    """Look until there is something, for 5 s at most."""
    for _ in range(100):
        found = look()
        if found:
            return found
        await asyncio.sleep(0.05)
    return []


def form(who: str, id: str | None = None, **lead: Any) -> dict[str, Any]:
    """A form filled in by ``who``."""
    raw = {
        "type": "form_submitted",
        "at": "2026-03-02T09:00:00+08:00",
        "lead": {"user_id": who, **lead},
    }
    return raw | {"id": id} if id else raw


def statuses(outcomes: list[Outcome]) -> list[str]:
    """What became of each event, in short."""
    return [o.status for o in outcomes]


def test_an_accepted_event_is_in_the_log_and_its_lead_readable(folder: Path) -> None:
    """When the outcome is there, a reader sees the event, the lead and the score."""

    async def use(runtime: Runtime) -> None:
        (outcome,) = await runtime.submit([form("u1", "e1", industry="制造业", email="a@acme.cn")])
        assert outcome.status == "accepted"
        assert outcome.summary is not None
        assert (outcome.summary["score"], outcome.summary["grade"]) == (25, "B")
        assert outcome.lead is not None
        lead = runtime.reader.lead(outcome.lead)
        assert lead is not None
        assert lead["fields"]["email.kind"] == "business"
        assert [logged.event.id for logged in runtime.reader.log()] == ["e1"]

    run(folder, use)


def test_one_bad_event_keeps_the_others(folder: Path) -> None:
    """In a list, what is wrong is refused in its place and the rest counts."""

    async def use(runtime: Runtime) -> None:
        raw = [
            form("u1", "e1"),
            {"type": "nonsense"},
            7,
            form("u2", "e2"),
            form("u3", "e3", emial="x"),
        ]
        outcomes = await runtime.submit(raw)
        assert statuses(outcomes) == ["accepted", "rejected", "rejected", "accepted", "rejected"]
        assert [o.id for o in outcomes] == ["e1", None, None, "e2", "e3"]
        assert runtime.reader.counts()["events"] == 2

    run(folder, use)


def test_an_event_counts_once(folder: Path) -> None:
    """The same id again, in the batch or later, changes nothing and answers with the lead."""

    async def use(runtime: Runtime) -> None:
        download = form("u1", "e2") | {"type": "content_downloaded"}
        first = await runtime.submit([form("u1", "e1"), download, download])
        assert statuses(first) == ["accepted", "accepted", "duplicate"]
        assert first[1].summary == first[2].summary
        again = await runtime.submit([download, form("u1", "e1")])
        assert statuses(again) == ["duplicate", "duplicate"]
        assert {o.lead for o in again} == {first[0].lead}
        assert again[0].summary == first[1].summary
        assert runtime.reader.counts()["events"] == 2

    run(folder, use)


def test_events_of_a_batch_run_in_the_order_given(folder: Path) -> None:
    """The log has a batch's events in the order in which they were sent."""

    async def use(runtime: Runtime) -> None:
        names = [f"e{n}" for n in range(50)]
        await runtime.submit([form(f"u{n % 3}", name) for n, name in enumerate(names)])
        assert [logged.event.id for logged in runtime.reader.log()] == names

    run(folder, use)


def test_identities_lead_to_one_lead_and_conflicts_are_told(folder: Path) -> None:
    """A known identity links the unknown ones; one that is another lead's stays there."""

    async def use(runtime: Runtime) -> None:
        one, two = await runtime.submit(
            [form("u1", phone="13800138000"), form("u2", email="a@acme.cn")]
        )
        raw = {"type": "page_viewed", "lead": {"phone": "138 0013 8000", "wecom_id": "w"}}
        (linked,) = await runtime.submit([raw])
        assert linked.lead == one.lead
        assert runtime.reader.find("w") == one.lead
        raw = {
            "id": "clash",
            "type": "page_viewed",
            "lead": {"user_id": "u1", "email": "a@acme.cn"},
        }
        (clash,) = await runtime.submit([raw])
        assert clash.lead == one.lead
        assert runtime.reader.find("A@acme.cn") == two.lead
        items = runtime.reader.timeline(one.lead or "").items
        (conflict,) = [i for i in items if i["type"] == "identity_conflict"]
        assert conflict["event"] == "clash"
        assert conflict["data"]["leads"] == [two.lead]

    run(folder, use)


def test_a_lead_can_be_named_by_its_id(folder: Path) -> None:
    """`lead.id` finds the lead, links new identities to it, and must exist."""

    async def use(runtime: Runtime) -> None:
        (made,) = await runtime.submit([form("u1")])
        known, unknown = await runtime.submit(
            [
                {"type": "page_viewed", "lead": {"id": made.lead, "email": "a@acme.cn"}},
                {"type": "page_viewed", "lead": {"id": "nobody"}},
            ]
        )
        assert known.lead == made.lead
        assert runtime.reader.find("a@acme.cn") == made.lead
        assert unknown.status == "rejected"
        assert unknown.error is not None
        assert unknown.error["code"] == "unknown-lead"

    run(folder, use)


@REPLACING
def test_a_defect_costs_only_its_own_event(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """When the machines fail at one event, it is refused and logged, and the rest counts."""
    real = lead_machine.profile.take_fields

    def failing(work: Any, event: Any) -> None:
        if event.id == "bad":
            raise ZeroDivisionError("a defect")
        real(work, event)

    monkeypatch.setattr(lead_machine.profile, "take_fields", failing)
    told: list[str] = []

    async def use(runtime: Runtime) -> None:
        outcomes = await runtime.submit([form("u1", "e1"), form("u9", "bad"), form("u1", "e2")])
        told.append((outcomes[1].error or {})["message"])
        assert statuses(outcomes) == ["accepted", "rejected", "accepted"]
        assert (outcomes[1].error or {})["code"] == "defect"
        assert runtime.reader.counts()["leads"] == 1
        assert runtime.reader.find("u9") is None

    with caplog.at_level(logging.ERROR):
        run(folder, use)
    assert "a defect; an event form_submitted is refused" in caplog.text
    name = caplog.records[-1].getMessage().partition(":")[0]
    assert any(name in message for message in told)
    assert "ZeroDivisionError" in caplog.text


def test_an_event_that_cannot_be_written_costs_only_itself(folder: Path) -> None:
    """When a batch cannot be stored because of one event, the others are stored without it."""

    async def use(runtime: Runtime) -> None:
        forbid = (
            "CREATE TRIGGER forbid BEFORE INSERT ON events WHEN NEW.id = 'e2' "
            "BEGIN SELECT RAISE(ABORT, 'no'); END"
        )
        await runtime.write(lambda c: c.execute(forbid) and None)
        outcomes = await runtime.submit([form("u1", "e1"), form("u2", "e2"), form("u3", "e3")])
        assert statuses(outcomes) == ["accepted", "rejected", "accepted"]
        assert [logged.event.id for logged in runtime.reader.log()] == ["e1", "e3"]
        assert runtime.reader.find("u2") is None

    run(folder, use)


def test_a_full_disk_is_told_as_try_again_later(folder: Path) -> None:
    """When the database can't be written, events are not accepted and may be sent again."""

    async def use(runtime: Runtime) -> None:
        await runtime.submit([form("u0", "e0")])
        pages = await runtime.write(lambda c: c.execute("PRAGMA page_count").fetchone()[0])
        assert runtime._store is not None
        runtime._store.connection.execute(f"PRAGMA max_page_count = {pages}")
        many = [form(f"u{n}", f"e{n}", name="x" * 900) for n in range(1, 60)]
        outcomes = await runtime.submit(many)
        assert set(statuses(outcomes)) == {"overloaded"}
        assert (outcomes[0].error or {})["code"] == "storage"
        runtime._store.connection.execute("PRAGMA max_page_count = 1000000")
        assert set(statuses(await runtime.submit(many))) == {"accepted"}

    run(folder, use)


def test_a_writing_function_shares_the_commit_and_fails_alone(folder: Path) -> None:
    """`write` returns its result after the commit; what it raises undoes only its own rows."""

    def good(connection: sqlite3.Connection) -> str:
        connection.execute("INSERT INTO meta (key, value) VALUES ('good', '1')")
        return "done"

    def bad(connection: sqlite3.Connection) -> None:
        connection.execute("INSERT INTO meta (key, value) VALUES ('bad', '1')")
        raise NotFound("nothing there")

    async def use(runtime: Runtime) -> None:
        done, failed, outcomes = await asyncio.gather(
            runtime.write(good),
            runtime.write(bad),
            runtime.submit([form("u1")]),
            return_exceptions=True,
        )
        assert done == "done"
        assert isinstance(failed, NotFound)
        assert statuses(outcomes) == ["accepted"]  # type: ignore[arg-type]
        keys = await runtime.write(lambda c: c.execute("SELECT key FROM meta").fetchall())
        assert keys == [("good",)]

    run(folder, use)


def test_a_flood_is_refused_with_overloaded(folder: Path) -> None:
    """More events than may wait are refused whole, and what waits is kept."""

    async def use(runtime: Runtime) -> None:
        runtime._inbox._most = 10
        hold = asyncio.Event()
        loop = asyncio.get_running_loop()

        def block(connection: sqlite3.Connection) -> None:
            asyncio.run_coroutine_threadsafe(hold.wait(), loop).result()

        blocked = asyncio.create_task(runtime.write(block))
        await asyncio.sleep(0.1)
        first = asyncio.create_task(runtime.submit([form("u1")] * 8))
        await asyncio.sleep(0.1)
        second = await runtime.submit([form("u2", "late"), form("u2")] * 2)
        assert set(statuses(second)) == {"overloaded"}
        assert second[0].id == "late"
        hold.set()
        assert set(statuses(await first)) == {"accepted"}
        await blocked

    run(folder, use)


def test_stopping_writes_what_waits_and_takes_nothing_more(folder: Path) -> None:
    """Everything submitted before the stop is answered; afterwards nothing is taken."""

    async def use(runtime: Runtime) -> None:
        waiting = [asyncio.create_task(runtime.submit([form(f"u{n}")])) for n in range(30)]
        await asyncio.sleep(0)
        await runtime.stop()
        assert {o.status for task in waiting for o in await task} == {"accepted"}
        with pytest.raises(Stopped):
            await runtime.submit([form("late")])

    run(folder, use)


def test_a_second_runtime_on_the_same_file_is_refused(folder: Path) -> None:
    """Two writers never share a database; the message says what to do."""

    async def use(runtime: Runtime) -> None:
        other = Runtime(folder, runtime.database, environ={})
        other.load()
        with pytest.raises(DatabaseInUse, match="in use by another process; stop that server"):
            other.start()

    run(folder, use)


def test_nothing_runs_before_it_is_loaded_and_started(folder: Path) -> None:
    """Without rules or a start there is a clear error."""
    runtime = Runtime(folder, folder.parent / "x.db", environ={})
    with pytest.raises(NotLoaded, match="no rules are loaded"):
        runtime.start()
    runtime.load()
    with pytest.raises(NotRunning):
        asyncio.run(runtime.submit([form("u1")]))
    with pytest.raises(NotRunning):
        _ = runtime.reader


def test_a_failed_reload_changes_nothing_and_is_seen(folder: Path) -> None:
    """Broken rules are reported, the good ones decide on; a mended file is taken at once."""

    async def use(runtime: Runtime) -> None:
        good = (folder / "scoring.yaml").read_text(encoding="utf-8")
        before = runtime.ruleset.version
        (folder / "scoring.yaml").write_text(
            good.replace("lead.industry", "lead.industri"), encoding="utf-8"
        )
        assert [d.code for d in runtime.reload() if d.severity == "error"]
        assert runtime.ruleset.version == before
        assert runtime.status()["last_reload"]["ok"] is False
        (outcome,) = await runtime.submit([form("u1", industry="制造业")])
        assert (outcome.summary or {})["score"] == 20
        (folder / "scoring.yaml").write_text(
            good.replace("points: 20", "points: 30"), encoding="utf-8"
        )
        runtime.reload()
        assert runtime.status()["last_reload"]["ok"] is True
        (outcome,) = await runtime.submit([form("u2", industry="制造业")])
        assert (outcome.summary or {})["score"] == 30
        versions = {logged.ruleset for logged in runtime.reader.log()}
        assert versions == {before, runtime.ruleset.version}

    run(folder, use)


def test_status_says_how_things_stand(folder: Path) -> None:
    """Operations see version, clock, queue, counts and how late timers are."""

    async def use(runtime: Runtime) -> None:
        await runtime.submit([form("u1")])
        status = runtime.status()
        assert status["ruleset"] == runtime.ruleset.version
        assert status["clock"] == {"driven": True, "now": "2026-03-02T01:00:00Z"}
        assert (status["queue"], status["events"], status["leads"]) == (0, 1, 1)
        assert status["oldest_overdue_timer"] == 0.0
        assert status["last_reload"]["errors"] == 0

    run(folder, use)


def test_the_engines_own_events_come_in_by_lead(folder: Path) -> None:
    """A receipt reaches its lead, once."""

    async def use(runtime: Runtime) -> None:
        (made,) = await runtime.submit([form("u1")])
        event = Event("receipt:k", "email_sent", runtime.clock.now(), channel="engine")
        assert made.lead is not None
        assert (await runtime.submit_event(event, made.lead)).status == "accepted"
        assert (await runtime.submit_event(event, made.lead)).status == "duplicate"

    run(folder, use)


def test_a_completed_task_is_done(folder: Path) -> None:
    """The event task_completed closes the to-do it names, of that lead only."""

    async def use(runtime: Runtime) -> None:
        first = await runtime.submit([form("u1"), form("u2") | {"at": "2026-03-05T09:00:00+08:00"}])
        (task,) = runtime.reader.tasks(status="open").items
        assert task["lead"] == first[0].lead
        done = {
            "type": "task_completed",
            "at": "2026-03-05T09:00:00+08:00",
            "properties": {"task": task["id"], "outcome": "talked"},
        }
        await runtime.submit([done | {"lead": {"user_id": "u2"}}])
        assert (runtime.reader.task(task["id"]) or {})["status"] == "open"
        await runtime.submit([done | {"lead": {"user_id": "u1"}}])
        closed = runtime.reader.task(task["id"]) or {}
        assert (closed["status"], closed["outcome"]) == ("done", "talked")

    run(folder, use)


def test_timers_run_with_the_computers_clock(folder: Path) -> None:
    """A lead whose deadline comes is woken without any event from outside."""

    async def use(runtime: Runtime) -> list[str]:
        await runtime.submit([form("u1") | {"at": format_instant(system_time())}])
        assert runtime.reader.tasks().items == []
        return [task["title"] for task in await eventually(lambda: runtime.reader.tasks().items)]

    journeys = (folder / "journeys.yaml").read_text(encoding="utf-8")
    (folder / "journeys.yaml").write_text(
        journeys.replace("within: 1d", "within: 1s"), encoding="utf-8"
    )
    assert run(folder, use, SystemClock()) == ["未浏览"]


def test_timers_go_on_after_a_restart(folder: Path) -> None:
    """A deadline that passes while nobody runs is met at the start, once, as if in time."""

    async def before(runtime: Runtime) -> None:
        await runtime.submit([form("u1", "e1")])

    async def after(runtime: Runtime) -> None:
        late = form("other", "e2") | {"at": "2026-03-10T09:00:00+08:00"}
        await runtime.submit([late])
        (task,) = runtime.reader.tasks().items
        assert task["title"] == "未浏览"
        assert task["created_at"] == "2026-03-03T01:00:00Z"
        wakes = [e.event for e in runtime.reader.log() if e.event.type == "timer_due"]
        assert format_instant(wakes[0].at) == "2026-03-03T01:00:00Z"

    run(folder, before)
    run(folder, after)


def test_deadlines_that_passed_during_an_outage_are_met_at_once(folder: Path) -> None:
    """With the computer's clock nothing has to happen for what is overdue to be done."""
    journeys = (folder / "journeys.yaml").read_text(encoding="utf-8")
    (folder / "journeys.yaml").write_text(
        journeys.replace("within: 1d", "within: 1s"), encoding="utf-8"
    )

    async def before(runtime: Runtime) -> None:
        await runtime.submit([form("u1") | {"at": format_instant(system_time())}])

    async def after(runtime: Runtime) -> list[str]:
        return [task["title"] for task in await eventually(lambda: runtime.reader.tasks().items)]

    run(folder, before, SystemClock())
    time.sleep(1.1)
    assert run(folder, after, SystemClock()) == ["未浏览"]


@REPLACING
def test_a_lead_that_fails_when_woken_does_not_stop_the_others(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A defect at one deadline is logged, and the clock goes on for everybody else."""
    real = lead_machine.journeys.timer_due
    victims: list[str] = []

    def failing(work: Any, journey: Any) -> None:
        victims[:] = victims or [work.lead.id]
        if work.lead.id == victims[0]:
            raise ZeroDivisionError("a defect")
        real(work, journey)

    monkeypatch.setattr(lead_machine.journeys, "timer_due", failing)

    async def use(runtime: Runtime) -> None:
        await runtime.submit([form("u1"), form("u2"), form("u3")])
        await runtime.submit([form("u4") | {"at": "2026-03-04T09:00:00+08:00"}])
        assert len(runtime.reader.tasks().items) == 2

    run(folder, use)


def test_a_closed_inbox_gives_out_what_it_has() -> None:
    """After the close nothing goes in, and what is in still comes out."""
    inbox = Inbox()
    inbox.close()
    assert inbox.take(10, 0.01) == ([], [])
    with pytest.raises(Stopped):
        inbox.put([])
