"""Connections beside each other: limits, breakers, deadlines, drains, against real mail servers."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import sqlite3
import threading
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from engine.host.delivery import Deliverer
from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.plugin import Delivered, Limits, Misconfigured, Result, Retry
from tests.plugins.test_delivery import House, Notes, change, run, until
from tests.plugins.test_email_pool import Moody
from tests.plugins.test_registry import registering
from tests.serving import form, mail_server, start_runtime, write_config

JOURNEY = """
  - id: {name}
    enter: {{event: form_submitted}}
    steps: [{{id: send, send: {name}}}, {{id: later, wait: {{until: 30d}}}}]
"""
MESSAGE = """
  {name}: {{action: {action}, subject: 您好, text: 欢迎, stale_after: 30d{more}}}
"""
MAIL = "{{plugin: email, host: 127.0.0.1, port: {port}, from: news@example.com, tls: none{more}}}"


class Company(House):
    """A runtime with connections and messages of a test's own."""

    def __init__(self, runtime: Runtime, notes: Notes, deliverer: Deliverer) -> None:
        super().__init__(runtime, notes)
        self.deliverer = deliverer

    def by_status(self, connection: str) -> dict[str, int]:
        """Count a connection's deliveries."""
        found: dict[str, int] = {}
        for item in self.runtime.reader.deliveries(connection=connection, limit=200).items:
            found[item["status"]] = found.get(item["status"], 0) + 1
        return found

    async def all_are(self, connection: str, status: str, count: int) -> None:
        """Wait until so many deliveries of a connection have this status."""
        await until(lambda: self.by_status(connection).get(status, 0) == count)

    def lane(self, connection: str) -> Any:
        """Return how a connection stands."""
        return self.deliverer.status()[connection]


def mail(port: int, more: str = "") -> str:
    """Return a connection to a mail server."""
    return MAIL.format(port=port, more=f", {more}" if more else "")


def write(folder: Path, connections: dict[str, str], messages: dict[str, tuple[str, str]]) -> Path:
    """Write a configuration in which each form sends each of ``messages``: (connection, more)."""
    return write_config(
        folder / "config",
        routing="rules: [{id: rest, assign: {pool: public}}]\npools: {public: {label: 公海池}}\n",
        journeys="journeys:" + "".join(JOURNEY.format(name=name) for name in messages),
        messages="messages:"
        + "".join(
            MESSAGE.format(name=name, action=action, more=f", {more}" if more else "")
            for name, (action, more) in messages.items()
        ),
        server="connections:\n" + "".join(f"  {n}: {c}\n" for n, c in connections.items()),
    )


@asynccontextmanager
async def company(
    folder: Path,
    connections: dict[str, str],
    messages: dict[str, tuple[str, str]],
    notes: Notes | None = None,
    **options: Any,
) -> AsyncIterator[Company]:
    """Run a company."""
    config = write(folder, connections, messages)
    notes = notes or Notes()
    plugins = Plugins({"mine": registering(notes)})
    runtime = start_runtime(config, folder / "leads.db", plugins)
    deliverer = Deliverer(runtime, plugins, **{"backoff": lambda n: 20, "rest_s": 0.05, **options})
    deliverer.start()
    try:
        yield Company(runtime, notes, deliverer)
    finally:
        await deliverer.stop()
        await runtime.stop()


@contextlib.contextmanager
def hanging_server() -> Iterator[int]:
    """Run a server that takes connections and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=100) as listening:
        kept: list[socket.socket] = []

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    kept.append(listening.accept()[0])

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)
        for each in kept:
            each.close()


def test_a_dead_provider_holds_up_nobody_else(tmp_path: Path) -> None:
    """Sixty mails to a server that hangs do not delay sixty to one that works, nor the events."""
    box = Moody()

    async def story(port: int, dead: int) -> None:
        connections = {"good": mail(port), "bad": mail(dead)}
        messages = {"bad": ("bad", ""), "good": ("good", "")}
        async with company(tmp_path, connections, messages, drain_s=0.1) as c:
            begin = time.monotonic()
            await c.post(*(form(n) for n in range(60)))
            assert time.monotonic() - begin < 3
            await c.all_are("good", "delivered", 60)
            assert time.monotonic() - begin < 6
            assert c.lane("bad").running == c.lane("bad").concurrency == 5
            assert set(c.by_status("bad")) == {"queued", "leased"}

    with mail_server(box) as port, hanging_server() as dead:
        run(lambda: story(port, dead))
    assert len(box.messages) == 60


def test_limits_of_a_connection(tmp_path: Path) -> None:
    """A connection keeps its rate and never has more under way than it may."""
    box = Moody()
    box.delay_s = 0.05
    arrivals: list[float] = []

    async def story(port: int) -> None:
        limits = "limits: {concurrency: 2, per_second: 20, burst: 1}"
        async with company(tmp_path, {"email": mail(port, limits)}, {"hi": ("email", "")}) as c:
            begin = time.monotonic()
            await c.post(*(form(n) for n in range(20)))
            await c.all_are("email", "delivered", 20)
            arrivals.append(time.monotonic() - begin)

    with mail_server(box) as port:
        run(lambda: story(port))
    assert box.most <= 2
    assert arrivals[0] >= 19 / 20
    assert len(set(box.peers)) <= 2


def test_a_plugins_own_limits_count_where_nobody_sets_others(tmp_path: Path) -> None:
    """An action says what its provider allows; server.yaml may say otherwise, key by key."""
    notes = Notes()
    notes.limits = Limits(concurrency=3, attempts=2, deadline=20_000)

    async def story() -> None:
        connections = {"plain": "{plugin: notes}", "own": "{plugin: notes, limits: {attempts: 4}}"}
        messages = {"a": ("plain", ""), "b": ("own", "deadline: 5s")}
        async with company(tmp_path, connections, messages, notes) as c:
            found = c.runtime.ruleset.definitions.server.connections
            assert found["plain"].limits == notes.limits
            assert found["own"].limits == Limits(concurrency=3, attempts=4, deadline=20_000)
            await c.post(form())
            await c.all_are("own", "delivered", 1)
            await c.all_are("plain", "delivered", 1)
            seen = {each.message: each for each in notes.seen}
            now = time.time() * 1_000
            assert now + 15_000 < (seen["a"].deadline or 0) <= now + 20_000
            assert now < (seen["b"].deadline or 0) <= now + 5_000

    run(story)


def test_a_provider_in_trouble_is_left_alone(tmp_path: Path) -> None:
    """After five troubles in a row only probes go out, and no others burn their attempts."""
    notes = Notes()

    async def busy() -> Result:
        return Retry("系统繁忙")

    async def story() -> None:
        async with company(
            tmp_path, {"im": "{plugin: notes}"}, {"hi": ("im", "")}, notes, rest_s=30.0
        ) as c:
            notes.behave = busy
            await c.post(*(form(n) for n in range(40)))
            await until(lambda: c.lane("im").state == "open")
            await asyncio.sleep(0.3)
            assert len(notes.seen) <= 5 + 10  # those that were under way when it opened
            assert (c.lane("im").reason, c.lane("im").running) == ("系统繁忙", 0)
            assert c.lane("im").until is not None
            notes.behave = notes.fine
            await c.deliverer.retry_all("im", "li.na")  # a person says: go on
            await c.all_are("im", "delivered", 40)
            assert c.lane("im").state == "closed"

    run(story)


def test_a_probe_finds_the_provider_well(tmp_path: Path) -> None:
    """An open connection closes by itself when a probe gets through."""
    notes = Notes()

    async def busy() -> Result:
        return Retry("busy")

    async def story() -> None:
        async with company(tmp_path, {"im": "{plugin: notes}"}, {"hi": ("im", "")}, notes) as c:
            notes.behave = busy
            await c.post(*(form(n) for n in range(20)))
            await until(lambda: c.lane("im").state in ("open", "probing"))
            notes.behave = notes.fine
            await c.all_are("im", "delivered", 20)

    run(story)


def test_a_full_mailbox_says_nothing_of_the_connection(tmp_path: Path) -> None:
    """Any number of refused recipients leaves the connection closed."""
    notes = Notes()

    async def full() -> Result:
        return Retry("452 mailbox full", after=3_600_000, about="recipient")

    async def story() -> None:
        async with company(tmp_path, {"im": "{plugin: notes}"}, {"hi": ("im", "")}, notes) as c:
            notes.behave = full
            await c.post(*(form(n) for n in range(20)))
            await until(lambda: c.lane("im").results.get("retried") == 20)
            assert c.lane("im").state == "closed"

    run(story)


def test_a_wrong_password_stops_the_connection(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A fault of the configuration burns no attempt, is told, and a reload tries again at once."""
    notes = Notes()

    async def wrong() -> Result:
        return Misconfigured("密码错误")

    async def story() -> None:
        async with company(tmp_path, {"im": "{plugin: notes}"}, {"hi": ("im", "")}, notes) as c:
            notes.behave = wrong
            await c.post(*(form(n) for n in range(20)))
            await until(lambda: c.lane("im").state == "stopped")
            await asyncio.sleep(0.3)
            assert len(notes.seen) <= 10
            assert c.lane("im").reason == "密码错误"
            assert "the connection im is stopped: 密码错误" in caplog.text
            waiting = c.runtime.reader.deliveries().items
            assert {(i["status"], i["attempts"]) for i in waiting} == {("queued", 0)}
            notes.behave = notes.fine
            assert not c.runtime.reload()
            await c.all_are("im", "delivered", 20)

    run(story)


def test_what_is_committed_goes_out_at_once(tmp_path: Path) -> None:
    """From commit to action it takes no polling: a tenth of a second at the very most."""

    async def story() -> None:
        async with company(tmp_path, {"im": "{plugin: notes}"}, {"hi": ("im", "")}) as c:
            for n in range(30):
                await c.post(form(n))
                await until(lambda n=n: len(c.notes.seen) > n)  # type: ignore[misc]
            assert c.lane("im").handover_p50 < 0.1
            assert c.lane("im").handover_p99 < 0.5

    run(story)


def test_the_urgent_go_before_all_others(tmp_path: Path) -> None:
    """With a deadline a message has a slot kept free, however many others wait and are slow."""
    notes = Notes()

    async def slow() -> Result:
        if notes.seen[-1].message != "welcome":
            await asyncio.sleep(30)
        return Delivered()

    async def story() -> None:
        connections = {"im": "{plugin: notes, limits: {concurrency: 2}}"}
        messages = {"bulk": ("im", ""), "welcome": ("im", "deadline: 20s")}
        notes.behave = slow
        async with company(tmp_path, connections, messages, notes, drain_s=0.1) as c:
            await c.post(*(form(n) for n in range(30)))
            await c.all_are("im", "delivered", 30)
            await until(lambda: any(each.message == "bulk" for each in notes.seen))
            assert [each.message for each in notes.seen].count("bulk") == 1
            assert c.lane("im").handover_p99 < 5

    run(story)


def test_what_is_too_late_is_recorded_and_never_sent(tmp_path: Path) -> None:
    """Past its deadline a delivery is expired with the reason, its journey hears of it."""
    notes = Notes()

    async def busy() -> Result:
        return Retry("41096 系统繁忙")

    async def story() -> None:
        messages = {"welcome": ("im", "deadline: 1s")}
        async with company(tmp_path, {"im": "{plugin: notes}"}, messages, notes) as c:
            notes.behave = busy
            begin = time.monotonic()
            await c.post(form())
            expired = await c.delivery("im", "expired")
            assert time.monotonic() - begin < 3
            assert "has passed; before: 41096 系统繁忙" in expired["reason"]
            assert expired["deadline"] is not None
            (receipt,) = await c.receipts(1)
            assert receipt.type == "message_failed"
            assert receipt.properties["reason"] == expired["reason"]
            notes.behave = notes.fine
            seen = len(notes.seen)
            await asyncio.sleep(0.5)
            assert len(notes.seen) == seen > 1  # tried more than once in its second

    run(story)


def test_what_waits_behind_a_dead_provider_expires_in_time(tmp_path: Path) -> None:
    """Also what could never be tried, because all slots hang, is closed at its deadline."""

    async def story(dead: int) -> None:
        connections = {"email": mail(dead, "limits: {concurrency: 1}")}
        messages = {"welcome": ("email", "deadline: 1s")}
        async with company(tmp_path, connections, messages, drain_s=0.1) as c:
            begin = time.monotonic()
            await c.post(*(form(n) for n in range(10)))
            await c.all_are("email", "expired", 10)
            assert time.monotonic() - begin < 4

    with hanging_server() as dead:
        run(lambda: story(dead))


def test_leases_are_given_back_at_the_end(tmp_path: Path) -> None:
    """What does not end within the drain is queued again, its attempt counted."""
    notes = Notes()

    async def hang() -> Result:
        await asyncio.sleep(60)
        return Delivered()

    async def first() -> None:
        async with company(
            tmp_path, {"im": "{plugin: notes}"}, {"hi": ("im", "")}, notes, drain_s=0.1
        ) as c:
            notes.behave = hang
            await c.post(form())
            await until(lambda: notes.seen)

    run(first)
    with contextlib.closing(sqlite3.connect(tmp_path / "leads.db")) as connection:
        rows = connection.execute("SELECT status, attempts, leased_until FROM deliveries")
        assert rows.fetchall() == [("queued", 1, None)]


def test_leases_of_a_dead_process_are_taken_at_once(tmp_path: Path) -> None:
    """The lock says that the old process is dead, so nobody waits for its leases to run out."""
    connections, messages = {"im": "{plugin: notes}"}, {"hi": ("im", "")}
    notes = Notes()

    async def busy() -> Result:
        return Retry("busy", after=3_600_000)

    async def first() -> None:
        async with company(tmp_path, connections, messages, notes) as c:
            notes.behave = busy
            await c.post(form())
            await until(lambda: c.lane("im").results.get("retried"))

    async def second() -> None:
        begin = time.monotonic()
        async with company(tmp_path, connections, messages) as c:
            assert (await c.delivery("im", "delivered"))["attempts"] == 2
        assert time.monotonic() - begin < 5

    run(first)
    change(
        tmp_path,
        "UPDATE deliveries SET status = 'leased', due = 1, leased_until = 9000000000000",
    )
    run(second)


def test_a_person_tries_again(tmp_path: Path) -> None:
    """A dead letter goes out with the same key, says who wanted it, and has a second receipt."""
    notes = Notes()

    async def busy() -> Result:
        return Retry("busy")

    async def story() -> None:
        connections = {"im": "{plugin: notes, limits: {attempts: 2}}"}
        async with company(tmp_path, connections, {"hi": ("im", "")}, notes) as c:
            notes.behave = busy
            await c.post(form())
            dead = await c.delivery("im", "dead")
            await c.receipts(1)
            notes.behave = notes.fine
            await c.deliverer.retry(dead["id"], "li.na")
            sent = await c.delivery("im", "delivered")
            receipts = await c.receipts(2)
        assert (sent["id"], sent["retried_by"], sent["attempts"]) == (dead["id"], "li.na", 1)
        assert {each.key for each in notes.seen} == {dead["id"]}
        assert [each.type for each in receipts] == ["message_failed", "message_sent"]

    run(story)


@pytest.mark.slow
def test_a_known_outcome_is_not_lost_to_the_disk(tmp_path: Path) -> None:
    """While nothing can be written, what was sent is remembered, and is not sent again."""
    box = Moody()
    box.delay_s = 0.5

    async def story(port: int) -> None:
        async with company(tmp_path, {"email": mail(port)}, {"hi": ("email", "")}) as c:
            await c.post(form())
            await until(lambda: box.seen)
            with contextlib.closing(
                sqlite3.connect(tmp_path / "leads.db", isolation_level=None)
            ) as other:
                other.execute("BEGIN IMMEDIATE")  # longer than the writer waits for it
                await asyncio.sleep(6.5)
                other.execute("ROLLBACK")
            assert (await c.delivery("email", "delivered"))["attempts"] == 1

    with mail_server(box) as port:
        run(lambda: story(port))
    assert len(box.seen) == 1
