"""A request's own name: sent back, and in every line that is logged because of it."""

from __future__ import annotations

import itertools
import re
import secrets
from contextvars import ContextVar
from typing import Final

REQUEST_ID: Final[ContextVar[str]] = ContextVar("request_id", default="")
HEADER: Final = b"x-request-id"
Header = tuple[bytes, bytes]
_GOOD: Final = re.compile(rb"[A-Za-z0-9][A-Za-z0-9_-]{3,63}")


class Names:
    """Names requests: as the client or proxy did, if that is harmless, else one after another."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(4)
        self._numbers = itertools.count(1)

    def name(self, headers: list[tuple[bytes, bytes]]) -> bytes:
        """Return the name of a request; it holds nothing that could break a log."""
        for header, value in headers:
            if header == HEADER and _GOOD.fullmatch(value):
                return value
        return b"%s-%x" % (self._prefix.encode(), next(self._numbers))
