"""Connections to one SMTP server, kept open between messages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any, Final, NamedTuple

import aiosmtplib

MOST_MESSAGES: Final = 100  # over one connection: servers close it sooner or later themselves
IDLE_S: Final = 20.0
_GOODBYE_S: Final = 2.0
_CLOSING: Final = 421


class CannotOpen(Exception):
    """No connection could be opened; ``__cause__`` says why. No message was touched."""


class Unclear(Exception):
    """The connection was lost after the message began to go out: it may have arrived."""


class Letter(NamedTuple):
    """A message as bytes, and between whom; ``utf8``: it needs a server that takes SMTPUTF8."""

    sender: str
    recipient: str
    content: bytes
    utf8: bool


class Session(aiosmtplib.SMTP):
    """One connection, which knows how far it came with a message."""

    sent = 0
    idle_since = 0.0
    handing_over = False

    async def data(self, message: str | bytes, /, **more: Any) -> aiosmtplib.SMTPResponse:
        """Send the content; from here on a lost connection leaves open what became of it."""
        self.handing_over = True
        return await super().data(message, **more)


class Pool:
    """At most ``size`` connections, each used by one message at a time, the latest used first.

    ``make`` returns an unopened connection. For the event loop in which it was made.
    """

    def __init__(
        self, make: Callable[[], Session], size: int, most: int = MOST_MESSAGES,
        idle_s: float = IDLE_S,
    ) -> None:  # fmt: skip
        self.loop = asyncio.get_running_loop()
        self._make = make
        self._most = most
        self._idle_s = idle_s
        self._slots = asyncio.Semaphore(size)
        self._idle: list[Session] = []
        self._farewells: set[asyncio.Task[None]] = set()
        self._reaper: asyncio.TimerHandle | None = None

    async def send(self, letter: Letter) -> dict[str, str]:
        """Hand a message over; returns the recipients that were refused, with the server's words.

        A connection that turns out to be closed, or is being closed, before the message began
        to go out is replaced once. Raises CannotOpen, Unclear, and what aiosmtplib raises for
        the server's answers.
        """
        async with self._slots:
            session = self._take()
            if session is not None:
                try:
                    return await self._use(session, letter)
                except (aiosmtplib.SMTPException, OSError) as error:
                    if not _stale(error):
                        raise
            return await self._use(await self._open(), letter)

    async def greet(self) -> None:
        """Open a connection, log in, and keep it for the next message; raises CannotOpen."""
        async with self._slots:
            self._give_back(await self._open())

    def _take(self) -> Session | None:
        while self._idle:
            session = self._idle.pop()
            if session.is_connected:
                return session
            session.close()
        return None

    async def _open(self) -> Session:
        session = self._make()
        try:
            await session.connect()
        except (aiosmtplib.SMTPException, OSError) as error:
            raise CannotOpen from error
        return session

    async def _use(self, session: Session, letter: Letter) -> dict[str, str]:
        """Send over this connection, and keep it if the server still talks to us."""
        session.handing_over = False
        answered = False
        try:
            # Not send_message: it copies the message several times over to flatten it.
            options = ["SMTPUTF8"] if letter.utf8 else []
            refused, _ = await session.sendmail(
                letter.sender, letter.recipient, letter.content, mail_options=options
            )
            answered = True
        except (aiosmtplib.SMTPRecipientsRefused, aiosmtplib.SMTPResponseException) as error:
            answered = getattr(error, "code", None) != _CLOSING
            raise
        except (aiosmtplib.SMTPException, OSError) as error:
            if session.handing_over and not isinstance(error, aiosmtplib.SMTPNotSupported):
                raise Unclear(f"{type(error).__name__}: {error}") from error
            raise
        finally:
            # A task that was cancelled in the middle must not leave its half message to others.
            self._give_back(session) if answered else session.close()
        return {who: str(why) for who, why in refused.items()}

    def _give_back(self, session: Session) -> None:
        session.sent += 1
        if not session.is_connected:
            session.close()
        elif session.sent >= self._most:
            self._dismiss(session)
        else:
            session.idle_since = time.monotonic()
            self._idle.append(session)
            if self._reaper is None:
                self._reaper = self.loop.call_later(self._idle_s, self._reap)

    def _reap(self) -> None:
        """Let go of what nobody has used for a while."""
        self._reaper = None
        oldest = time.monotonic() - self._idle_s
        for session in [s for s in self._idle if s.idle_since <= oldest]:
            self._idle.remove(session)
            self._dismiss(session)
        if self._idle:
            self._reaper = self.loop.call_later(self._idle_s, self._reap)

    def _dismiss(self, session: Session) -> None:
        task = self.loop.create_task(_say_goodbye(session))
        self._farewells.add(task)
        task.add_done_callback(self._farewells.discard)

    async def close(self) -> None:
        """Say goodbye on all idle connections; nobody may be sending."""
        if self._reaper is not None:
            self._reaper.cancel()
            self._reaper = None
        while self._idle:
            self._dismiss(self._idle.pop())
        await asyncio.gather(*self._farewells, return_exceptions=True)


def _stale(error: Exception) -> bool:
    """Whether this says that the connection is gone, and nothing of the message."""
    if isinstance(error, aiosmtplib.SMTPResponseException):
        return error.code == _CLOSING and not isinstance(error, aiosmtplib.SMTPDataError)
    return isinstance(
        error, aiosmtplib.SMTPServerDisconnected | aiosmtplib.SMTPTimeoutError | OSError
    )


async def _say_goodbye(session: Session) -> None:
    try:
        await session.quit(timeout=_GOODBYE_S)
    except (aiosmtplib.SMTPException, OSError):
        pass  # what goes wrong while saying goodbye undoes nothing
    finally:
        session.close()
