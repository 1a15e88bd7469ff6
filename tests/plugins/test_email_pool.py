"""SMTP connections that are kept open, against real servers that misbehave."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from engine.plugin import (
    ActionContext,
    Delivered,
    Failed,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
)
from plugins.actions import smtp_pool
from plugins.actions.email import EmailAction
from plugins.actions.letter import message_id
from tests.serving import Mailbox, mail_server


class Moody(Mailbox):
    """A mail server that counts connections and ends them as it likes.

    It says goodbye ``after`` so many mails over a connection, in the way that ``goodbye``
    names, and ``drops`` so many connections in the middle of DATA.
    """

    def __init__(self, after: int = 0, goodbye: str = "", drops: int = 0) -> None:
        super().__init__()
        self.after = after
        self.goodbye = goodbye
        self.drops = drops
        self.peers: list[Any] = []
        self.now = 0
        self.most = 0
        self.senders: list[str] = []  # answers to the next MAIL

    async def handle_MAIL(  # noqa: N802 - aiosmtpd's name
        self, server: Any, session: Any, envelope: Any, address: str, options: Any
    ) -> str:
        if self.senders:
            return self.senders.pop(0)
        mails = self.peers.count(session.peer)
        if self.goodbye == "421" and self.after and mails >= self.after:
            asyncio.get_running_loop().call_soon(server.transport.close)
            return "421 too many messages in one connection"
        envelope.mail_from = address
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        self.peers.append(session.peer)
        self.now += 1
        self.most = max(self.most, self.now)
        try:
            if self.drops:
                self.drops -= 1
                server.transport.abort()
                return "250 never heard"
            answer = await super().handle_DATA(server, session, envelope)
        finally:
            self.now -= 1
        if self.goodbye == "close" and self.peers.count(session.peer) >= self.after:
            asyncio.get_running_loop().call_later(0.001, server.transport.close)
        return answer


def outgoing(n: int) -> OutgoingDelivery:
    """Return the delivery number ``n``."""
    return OutgoingDelivery(
        key=f"线索-{n}", lead=f"lead-{n}", connection="email", audience="lead", attempt=1,
        created_at=1_772_413_200_000, to=f"w{n}@acme.cn", subject="您好", text="欢迎",
    )  # fmt: skip


Sender = Callable[[int], Awaitable[Result]]


def session(
    port: int, story: Callable[[Sender], Awaitable[Any]], size: int = 4, **settings: Any
) -> Any:
    """Let a story send through one action, which is closed in the end; returns its result."""

    async def run() -> Any:
        action = EmailAction()
        own = {"host": "127.0.0.1", "port": port, "from": "市场部 <news@acme.cn>", "tls": "none"}
        context = ActionContext(connection={**own, **settings}, now=0, concurrency=size)
        try:
            return await story(lambda n: action.perform(outgoing(n), context))
        finally:
            await action.close()
            await asyncio.sleep(0.02)

    return asyncio.run(run())


def in_turn(count: int) -> Callable[[Sender], Awaitable[list[Result]]]:
    """Return a story that sends so many, one after the other."""

    async def story(send: Sender) -> list[Result]:
        return [await send(n) for n in range(count)]

    return story


def at_once(count: int) -> Callable[[Sender], Awaitable[list[Result]]]:
    """Return a story that sends so many at one time."""

    async def story(send: Sender) -> list[Result]:
        return await asyncio.gather(*(send(n) for n in range(count)))

    return story


def test_one_connection_carries_many_messages() -> None:
    """Messages one after the other share a connection; each has the Message-ID of its key."""
    box = Moody()
    with mail_server(box) as port:
        results = session(port, in_turn(20))
    assert all(isinstance(r, Delivered) for r in results)
    assert len(set(box.peers)) == 1
    assert box.seen == [message_id(f"线索-{n}", "news@acme.cn") for n in range(20)]


def test_connections_are_bounded() -> None:
    """However many are sent at once, no more connections are open than deliveries may run."""
    box = Moody()
    box.delay_s = 0.02
    with mail_server(box) as port:
        results = session(port, at_once(30), size=3)
    assert all(isinstance(r, Delivered) for r in results)
    assert (box.most, len(set(box.peers)), len(box.messages)) == (3, 3, 30)


@pytest.mark.parametrize("goodbye", ["close", "421"])
def test_server_that_ends_connections_after_ten(goodbye: str) -> None:
    """A server that hangs up or says 421 after ten mails costs no attempt and doubles nothing."""
    box = Moody(after=10, goodbye=goodbye)
    with mail_server(box) as port:
        results = session(port, in_turn(35))
    assert all(isinstance(r, Delivered) for r in results), results
    assert len(set(box.peers)) == 4
    assert len(set(box.seen)) == len(box.seen) == 35


def test_dropped_in_the_middle_is_not_sent_again_at_once() -> None:
    """When the connection is lost after the content, it is the outbox that decides, and knows."""
    box = Moody(drops=1)
    with mail_server(box) as port:
        lost, again = session(port, in_turn(2))
    assert isinstance(lost, Retry)
    assert "may have arrived" in lost.reason
    assert lost.about == "connection"
    assert isinstance(again, Delivered)
    assert box.seen == [message_id("线索-1", "news@acme.cn")]


def test_refused_for_now_then_taken_over_the_same_connection() -> None:
    """A 4xx leaves the connection in use; it concerns that message only."""
    box = Moody()
    box.answers = ["451 greylisted", "452 full"]
    with mail_server(box) as port:
        first, second, third = session(port, in_turn(3))
    assert isinstance(first, Retry)
    assert isinstance(second, Retry)
    assert (first.about, second.about) == ("recipient", "recipient")
    assert isinstance(third, Delivered)
    assert len(set(box.peers)) == 1


def test_slow_server_holds_up_nobody_behind_it() -> None:
    """A message that nobody answers is given up, and its connection is not used again."""
    box = Moody()
    box.delay_s = 0.5

    async def story(send: Sender) -> tuple[Result, Result]:
        slow = await send(1)
        box.delay_s = 0
        return slow, await send(2)

    with mail_server(box) as port:
        slow, quick = session(port, story, timeout_s=0.2)
    assert isinstance(slow, Retry)
    assert isinstance(quick, Delivered)
    assert len(set(box.peers)) == 2


def test_cancelled_message_leaves_its_connection_to_nobody() -> None:
    """A connection in the middle of a message that was given up is closed, not handed on."""
    box = Moody()
    box.delay_s = 0.3

    async def story(send: Sender) -> Result:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(0.1):
                await send(1)
        box.delay_s = 0
        return await send(2)

    with mail_server(box) as port:
        assert isinstance(session(port, story, size=1), Delivered)
    assert len(set(box.peers)) == 2


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        ("553 sender not owned by user", Misconfigured),
        ("530 authentication required", Misconfigured),
        ("552 too large", Failed),
        ("451 slow down", Retry),
    ],
)
def test_refused_senders(answer: str, kind: type[Result]) -> None:
    """A sender that is refused for good is the configuration's fault, not the message's."""
    box = Moody()
    box.senders = [answer]
    with mail_server(box) as port:
        (result,) = session(port, in_turn(1))
    assert type(result) is kind, result
    assert answer.split(" ", 1)[1] in result.reason


@contextlib.contextmanager
def greeting(line: bytes) -> Iterator[int]:
    """Run a server that says one line to everybody and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    connection, _ = listening.accept()
                    with connection:
                        connection.sendall(line)

        threading.Thread(target=serve, daemon=True).start()
        yield listening.getsockname()[1]
        with contextlib.suppress(OSError):
            listening.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("line", "kind"), [(b"554 you are blocked\r\n", Misconfigured), (b"421 busy\r\n", Retry)]
)
def test_servers_that_do_not_let_us_in(line: bytes, kind: type[Result]) -> None:
    """A server that refuses the connection itself stops it, or rests it, and burns no message."""
    with greeting(line) as port:
        (result,) = session(port, in_turn(1))
    assert type(result) is kind, result


def test_idle_connections_are_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    """What nobody has used for a while is closed with a goodbye."""
    box = Moody()
    ended: list[str] = []

    async def handle_QUIT(server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        ended.append(str(session.peer))
        return "221 再见"

    box.handle_QUIT = handle_QUIT  # type: ignore[attr-defined]
    monkeypatch.setattr(smtp_pool.Pool.__init__, "__defaults__", (100, 0.1))

    async def story(send: Sender) -> None:
        await send(1)
        await asyncio.sleep(0.4)
        assert len(ended) == 1
        await send(2)

    with mail_server(box) as port:
        session(port, story)
    assert len(set(box.peers)) == 2
