"""``POST /v1/events`` without ASGI between: read whole, answered in one write.

An ASGI server makes a task, three messages and two writes of each request, which take longer than
to read, decide and store the event that it brings. So the usual request for the one route that
must be quick goes straight to the `Shell`, which treats it as any other. Whatever is unusual about
a request, it goes the usual way: unusual are pages of other sites, packed, chunked and long bodies,
requests behind one that is not answered yet, and clients that do not read their answers.
"""

from __future__ import annotations

from typing import Any, Final, Protocol

from starlette.types import Scope
from uvicorn.protocols.http.httptools_impl import STATUS_LINE

from engine.server.patience import Impatient
from engine.server.requests import Header

PATH: Final = "/v1/events"
LONGEST: Final = 32_768  # bytes; what is read of it keeps the event loop for a few ms
_URL: Final = PATH.encode()
_UNUSUAL: Final = frozenset(
    {b"transfer-encoding", b"content-encoding", b"expect", b"upgrade", b"origin"}
)


class Taking(Protocol):
    """What takes events in, and answers later; see `Shell.take`."""

    @property
    def takes(self) -> bool: ...
    def take(self, asked: Asked) -> None: ...


class Asked:
    """One request; to uvicorn it is the cycle of its connection, which it waits for at the end."""

    __slots__ = (
        *("_express", "body", "disconnected", "keep_alive", "message_event"),
        *("more_body", "response_complete", "scope"),
    )

    def __init__(self, express: Express, scope: Scope) -> None:
        self.scope = scope
        self.body = bytearray()
        self.keep_alive = True
        self.disconnected = False
        self.response_complete = False
        self.more_body = True
        self.message_event = _NOBODY
        self._express = express

    def answer(self, status: int, headers: list[Header], body: bytes, rest: bytes = b"") -> None:
        """Send the answer; ``rest`` are more headers, as they are sent."""
        if not self.disconnected:
            self._express.answer(self, status, headers, body, rest)


class _Nobody:
    """Who waits for a body that comes in pieces: the usual way does, this one does not."""

    def set(self) -> None:
        """Tell nobody."""


_NOBODY: Final = _Nobody()


class Express(Impatient):
    """A connection whose usual requests for `PATH` go straight to the application's shell."""

    cycle: Any  # uvicorn's own, or what was asked
    scope: Any

    def on_headers_complete(self) -> None:
        """Choose the way."""
        if not self._is_usual():
            super().on_headers_complete()
            return
        self.scope["method"], self.scope["path"] = "POST", PATH
        self.cycle = Asked(self, self.scope)

    def _is_usual(self) -> bool:
        parser = self.parser
        return (
            self.url == _URL
            and parser.get_method() == b"POST"
            and parser.get_http_version() == "1.1"
            and parser.should_keep_alive()
            and (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and self._shell.takes
            and self._is_plain()
        )

    def _is_plain(self) -> bool:
        """Whether the body comes in one piece, as it is, and is not long."""
        length = 0
        for name, value in self.headers:
            if name in _UNUSUAL:
                return False
            if name == b"content-length":
                length = int(value)
        return 0 < length <= LONGEST

    @property
    def _shell(self) -> Taking:
        app: Any = self.app
        shell: Taking = app.shell
        return shell

    def on_body(self, body: bytes) -> None:
        """Keep what comes."""
        if isinstance(self.cycle, Asked):
            self.cycle.body += body
        else:
            super().on_body(body)

    def on_message_complete(self) -> None:
        """Hand the request on."""
        super().on_message_complete()
        if isinstance(self.cycle, Asked):
            self._shell.take(self.cycle)

    def answer(
        self, asked: Asked, status: int, headers: list[Header], body: bytes, rest: bytes
    ) -> None:
        """Write an answer as uvicorn does, in one piece."""
        content = [STATUS_LINE[status]]
        for name, value in (*self.server_state.default_headers, *headers):
            content += (name, b": ", value, b"\r\n")
        content += (rest, b"" if asked.keep_alive else b"connection: close\r\n", b"\r\n", body)
        self.transport.write(b"".join(content))
        asked.response_complete = True
        if not asked.keep_alive:
            self.transport.close()
        self.on_answered()
