from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.host.delivery import Deliverer
from engine.host.limits import ATTEMPTS, backoff
from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    ForbiddenTarget,
    OutgoingDelivery,
    Result,
    Retry,
    Trouble,
)
from tests.plugins.test_registry import registering
from tests.serving import Mailbox, form, start_runtime, write_config


class Notes(Action):
    """A recording action; ``behave`` says what happens at each call."""

    name = "notes"

    def __init__(self) -> None:
        self.seen: list[OutgoingDelivery] = []
        self.behave: Callable[[], Awaitable[Result]] = self.fine

    async def fine(self) -> Result:
        return Delivered("note-1")

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        self.seen.append(delivery)
        return await self.behave()


class House:
    """A runtime whose outbox works."""

    def __init__(self, runtime: Runtime, notes: Notes) -> None:
        self.runtime = runtime
        self.notes = notes

    async def post(self, *events: dict[str, Any]) -> None:
        for outcome in await self.runtime.submit(list(events)):
            assert outcome.status == "accepted", outcome

    async def delivery(self, connection: str, *statuses: str) -> dict[str, Any]:
        """Return the first delivery by this connection once it has one of these statuses."""

        def find() -> Any:
            items = self.runtime.reader.deliveries().items
            fit = (i for i in items if i["connection"] == connection and i["status"] in statuses)
            return next(fit, None)

        return await until(find)

    async def receipts(self, number: int) -> list[Any]:
        """Return the receipts once there are so many."""

        def find() -> Any:
            events = [logged.event for logged in self.runtime.reader.log()]
            receipts = [e for e in events if e.id.startswith("receipt:")]
            return receipts if len(receipts) >= number else None

        return await until(find)


async def until(condition: Callable[[], Any]) -> Any:
    """Return what ``condition`` gives once it is true."""
    for _ in range(500):
        found = condition()
        if found:
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("it did not come true in 10 s")


@asynccontextmanager
async def house(
    folder: Path, port: int = 9, wait_ms: int = 20, perform_s: float = 5.0
) -> AsyncIterator[House]:
    """Run the company with the action ``notes`` for salespeople and quick retries."""
    notes = Notes()
    plugins = Plugins({"mine": registering(notes)})
    config = write_config(folder / "config", port, notify="notes")
    runtime = start_runtime(config, folder / "leads.db", plugins)
    deliverer = Deliverer(
        runtime, plugins, backoff=lambda attempt: wait_ms, perform_s=perform_s, rest_s=0.01
    )
    deliverer.start()
    try:
        yield House(runtime, notes)
    finally:
        await deliverer.stop()
        await runtime.stop()


def run(story: Callable[[], Awaitable[None]]) -> None:
    """Run one test's coroutine."""
    asyncio.run(asyncio.wait_for(story(), 60))  # type: ignore[arg-type]


def test_mail_goes_out_and_its_receipt_comes_back(
    tmp_path: Path, smtp_port: int, mailbox: Mailbox
) -> None:
    """A journey's message reaches the mail server, and the receipt the lead's log."""

    async def story() -> None:
        async with house(tmp_path, smtp_port) as h:
            await h.post(form(company="阀门厂"))
            sent = await h.delivery("email", "delivered")
            receipts = {e.type: e for e in await h.receipts(2)}
        assert sent["to"] == "w1@acme.cn"
        assert sent["subject"] == "您好 王芳"
        assert sent["body"] == "王芳，李娜会联系您。"
        assert sent["provider_id"] == mailbox.messages[0]["Message-ID"]
        receipt = receipts["email_sent"]
        assert receipt.id == f"receipt:{sent['id']}"
        assert receipt.properties == {
            "message": "hello", "journey": "welcome", "step": "hello",
            "delivery": sent["id"], "audience": "lead",
        }  # fmt: skip
        assert receipts["message_sent"].properties["audience"] == "owner"

    run(story)


def test_note_to_the_owner(tmp_path: Path) -> None:
    """A note to a salesperson says to whom, and brings its parameters rendered."""

    async def story() -> None:
        async with house(tmp_path) as h:
            await h.post(form(company="阀门厂"))
            await h.delivery("notify", "delivered")
            (note,) = h.notes.seen
        assert (note.audience, note.to) == ("owner", "li.na")
        assert note.subject == "新线索 阀门厂"

    run(story)


def test_nobody_to_tell(tmp_path: Path) -> None:
    """A note to the owner of a lead that has none fails and says so."""

    async def story() -> None:
        async with house(tmp_path) as h:
            await h.post(form())
            failed = await h.delivery("notify", "failed")
            assert failed["reason"] == "the lead has no owner to tell"
            assert not h.notes.seen

    run(story)


def test_refused_for_now_then_taken(tmp_path: Path, smtp_port: int, mailbox: Mailbox) -> None:
    """After a 4xx the same message goes out with the same Message-ID, once."""
    mailbox.answers = ["451 greylisted", "421 busy"]

    async def story() -> None:
        async with house(tmp_path, smtp_port) as h:
            await h.post(form(company="阀门厂"))
            sent = await h.delivery("email", "delivered")
        assert sent["attempts"] == 3
        assert len(mailbox.seen) == 3
        assert len(set(mailbox.seen)) == 1
        assert len(mailbox.messages) == 1

    run(story)


def test_refused_for_good(tmp_path: Path, smtp_port: int, mailbox: Mailbox) -> None:
    """After a 5xx nothing is tried again; the reason is kept and the journey hears of it."""
    mailbox.answers = ["554 spam"]

    async def story() -> None:
        async with house(tmp_path, smtp_port) as h:
            await h.post(form(company="阀门厂"))
            failed = await h.delivery("email", "failed")
            receipts = {e.type: e for e in await h.receipts(2)}
        assert (failed["reason"], failed["attempts"]) == ("554 spam", 1)
        assert receipts["message_failed"].properties["reason"] == "554 spam"
        assert not mailbox.messages

    run(story)


def test_given_up_at_last(tmp_path: Path) -> None:
    """What fails at every attempt is dead after the last one, and visible."""

    async def story() -> None:
        async with house(tmp_path, wait_ms=1) as h:
            await h.post(form(company="阀门厂"))
            dead = await h.delivery("email", "dead")
        assert dead["attempts"] == ATTEMPTS
        assert "given up after 8 attempts" in dead["reason"]

    run(story)


async def _raise() -> Result:
    raise RuntimeError("王芳 13800138000")


async def _hang() -> Result:
    await asyncio.sleep(60)
    return Delivered()


async def _nonsense() -> Any:
    return "ok"


async def _exit() -> Result:
    raise SystemExit("王芳 13800138000")


async def _cancel() -> Result:
    raise asyncio.CancelledError


async def _impatient() -> Result:
    raise TimeoutError("no answer within 3 s")


def _giving(result: Any) -> Callable[[], Awaitable[Any]]:
    async def give() -> Any:
        return result

    return give


@pytest.mark.parametrize(
    ("behave", "status", "reason"),
    [
        (_raise, "failed", 'plugin "notes" raised RuntimeError; the log says where'),
        (_exit, "failed", 'plugin "notes" tried to end the server by SystemExit'),
        (_cancel, "failed", 'plugin "notes" tried to end the server by CancelledError'),
        (_nonsense, "failed", "returned str"),
        (_impatient, "dead", 'plugin "notes": TimeoutError: no answer within 3 s'),
        (_giving(Delivered("1", ["bob"])), "failed", "returned Delivered with a wrong part"),  # type: ignore[arg-type]
        (_giving(Delivered("\ud800")), "failed", "Delivered with text that is no Unicode"),
        (_giving(Retry("busy", "5s")), "failed", "got `str` - at `$.after`"),  # type: ignore[arg-type]
        (_giving(Retry("busy", 2**64 - 1)), "failed", "its outcome cannot be kept: OverflowError"),
        (_giving(Failed({"no": "text"})), "failed", "got `object` - at `$.reason`"),  # type: ignore[arg-type]
        (_hang, "dead", "no answer within 0.05 s"),
    ],
)
def test_bad_plugin_costs_its_own_delivery(
    tmp_path: Path, smtp_port: int, mailbox: Mailbox, caplog: pytest.LogCaptureFixture,
    behave: Any, status: str, reason: str,
) -> None:  # fmt: skip
    """A plugin that raises, hangs or answers nonsense loses its delivery; mail goes out."""

    async def story() -> None:
        async with house(tmp_path, smtp_port, wait_ms=1, perform_s=0.05) as h:
            h.notes.behave = behave
            await h.post(form(company="阀门厂"))
            lost = await h.delivery("notify", status)
        assert reason in lost["reason"]
        assert "13800138000" not in lost["reason"]

    mailbox.delay_s = 0
    with caplog.at_level(logging.INFO):
        run(story)
    assert "13800138000" not in caplog.text


def test_attempts_without_an_outcome_count(tmp_path: Path) -> None:
    """A delivery whose attempts end with the process, such as by a crash, is given up, too."""

    def worn(connection: sqlite3.Connection) -> None:
        connection.execute("UPDATE deliveries SET attempts = ?", (ATTEMPTS,))

    async def story() -> None:
        async with house(tmp_path) as h:
            h.notes.behave = _giving(Retry("busy", after=1_000))
            await h.post(form(company="阀门厂"))
            await until(lambda: h.notes.seen)
            await h.delivery("notify", "queued")
            await h.runtime.write(worn)
            dead = await h.delivery("notify", "dead")
            assert len(h.notes.seen) == 1
        assert dead["reason"].startswith("no attempt came to an end")

    run(story)


@pytest.mark.parametrize(
    ("ends", "status", "attempts", "reason"),
    [
        (Trouble(Failed("没有令牌")), "failed", 1, "没有令牌"),
        (Trouble(Retry("令牌服务忙", after=3_600_000)), "queued", 1, "令牌服务忙"),
        (ForbiddenTarget("the address names no machine"), "queued", 0, "names no machine"),
    ],
    ids=["failed", "retry", "forbidden"],
)
def test_an_attempt_ends_from_where_it_stands(
    tmp_path: Path, ends: Exception, status: str, attempts: int, reason: str
) -> None:
    """A Trouble is its result; an address that must not be called costs no attempt."""

    async def end() -> Result:
        raise ends

    async def story() -> None:
        async with house(tmp_path) as h:
            h.notes.behave = end
            await h.post(form(company="阀门厂"))
            told = h.runtime.reader.deliveries
            ended = await until(lambda: [i for i in told().items if reason in (i["reason"] or "")])
        assert [(i["status"], i["attempts"]) for i in ended] == [(status, attempts)]

    run(story)


def test_lost_connections_are_tried_again(tmp_path: Path) -> None:
    """An OSError that a plugin lets through is taken for a fault of the network."""
    calls = iter([ConnectionResetError("gone"), None])

    async def flaky() -> Result:
        error = next(calls)
        if error is not None:
            raise error
        return Delivered()

    async def story() -> None:
        async with house(tmp_path) as h:
            h.notes.behave = flaky
            await h.post(form(company="阀门厂"))
            assert (await h.delivery("notify", "delivered"))["attempts"] == 2

    run(story)


def test_retry_when_the_plugin_says(tmp_path: Path) -> None:
    """A plugin's own time to wait goes before the engine's."""

    async def busy() -> Result:
        return Retry("busy", after=3_600_000)

    async def story() -> None:
        async with house(tmp_path, wait_ms=0) as h:
            h.notes.behave = busy
            await h.post(form(company="阀门厂"))
            await until(lambda: h.notes.seen)
            await asyncio.sleep(0.5)
            assert len(h.notes.seen) == 1

    run(story)


def test_nothing_to_render_with(tmp_path: Path, smtp_port: int, mailbox: Mailbox) -> None:
    """A message that can't be written for this lead fails with the reason, and goes nowhere."""
    config = tmp_path / "config"

    async def story() -> None:
        async with house(tmp_path, smtp_port) as h:
            text = (config / "messages.yaml").read_text("utf-8")
            (config / "messages.yaml").write_text(text.replace("| default('朋友')", ""), "utf-8")
            assert not h.runtime.reload()
            await h.post(form(name="", company="阀门厂"))
            failed = await h.delivery("email", "failed")
        assert "default" in failed["reason"]
        assert not mailbox.seen

    run(story)


def test_stops_only_when_what_runs_is_done(
    tmp_path: Path, smtp_port: int, mailbox: Mailbox
) -> None:
    """A server that is told to stop lets the mail it is sending come to its end."""
    mailbox.delay_s = 0.5

    async def story() -> None:
        async with house(tmp_path, smtp_port) as h:
            await h.post(form(company="阀门厂"))
            await until(lambda: mailbox.seen)

    run(story)
    assert len(mailbox.messages) == 1
    connection = sqlite3.connect(tmp_path / "leads.db")
    rows = connection.execute("SELECT status FROM deliveries").fetchall()
    connection.close()
    assert rows == [("delivered",), ("delivered",)]


def test_lease_of_a_dead_process_is_taken_again(
    tmp_path: Path, smtp_port: int, mailbox: Mailbox
) -> None:
    """A delivery that was under way when the process died goes out after its lease."""

    async def first() -> None:
        async with house(tmp_path, 9, wait_ms=3_600_000) as h:
            await h.post(form(company="阀门厂"))
            queued = h.runtime.reader.deliveries
            await until(lambda: any(i["attempts"] for i in queued(status="queued").items))

    run(first)
    change(
        tmp_path,
        "UPDATE deliveries SET status = 'leased', leased_until = 1, due = 1"
        " WHERE connection = 'email'",
    )

    async def second() -> None:
        async with house(tmp_path, smtp_port) as h:
            sent = await h.delivery("email", "delivered")
            assert sent["attempts"] == 2

    run(second)
    assert len(mailbox.messages) == 1


def test_receipt_that_the_process_died_before(
    tmp_path: Path, smtp_port: int, mailbox: Mailbox
) -> None:
    """Sent, and killed before the receipt was stored: the next start stores it and sends nothing."""

    async def first() -> None:
        async with house(tmp_path, smtp_port) as h:
            await h.post(form(company="阀门厂"))
            await h.receipts(2)

    run(first)
    change(tmp_path, "DELETE FROM events WHERE id LIKE 'receipt:%'")

    async def second() -> None:
        async with house(tmp_path, smtp_port) as h:
            kinds = {e.type for e in await h.receipts(2)}
            assert kinds == {"email_sent", "message_sent"}

    run(second)
    assert len(mailbox.messages) == 1


def change(folder: Path, statement: str) -> None:
    """Change the database of a server that is not running."""
    connection = sqlite3.connect(folder / "leads.db")
    connection.execute(statement)
    connection.commit()
    connection.close()


def test_backoff_doubles_and_ends_at_an_hour() -> None:
    """Waits have full jitter: anything up to a bound that grows from half a minute to an hour."""
    for attempt, seconds in [(1, 30), (2, 60), (5, 480), (8, 3_600), (50, 3_600)]:
        waits = [backoff(attempt) / 1_000 for _ in range(300)]
        assert 0 <= min(waits) < 0.2 * seconds
        assert 0.8 * seconds < max(waits) <= seconds
