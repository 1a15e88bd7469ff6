"""The process in which Apprise runs: reads what to send on stdin, tells what came of it on stdout.

An audit hook sees every socket before it connects and every program before it starts, whichever
library of Apprise's asks; what the engine's guard refuses ends with an error. A name that answers
differently the second time gains nothing: what is judged is the address that is connected to.
"""

from __future__ import annotations

import ipaddress
import json
import logging
import re
import sys
from typing import Any, Final

from engine.plugin import forbidden

_CONNECTS: Final = frozenset({"socket.connect", "socket.sendto"})
_STARTS: Final = frozenset({"subprocess.Popen", "os.exec", "os.posix_spawn", "os.system"})
_STATUS: Final = re.compile(r"\berror=(\d{3})\b")


class Refused(OSError):
    """A connection that must not be made."""


class Guard:
    """Judges what the process is about to do; ``reason`` is why something was refused."""

    def __init__(self, allow_private: bool) -> None:
        self.allow_private = allow_private
        self.reason = ""

    def __call__(self, event: str, args: tuple[Any, ...]) -> None:
        """Raise Refused for a connection to where the engine must not call, or a program."""
        if event in _STARTS:
            self._refuse("a program of this machine")
        if event in _CONNECTS:
            self._judge(args[1])

    def _judge(self, address: Any) -> None:
        if not isinstance(address, tuple) or not address:
            self._refuse("a socket of this machine")
        try:
            ip = ipaddress.ip_address(str(address[0]).partition("%")[0])
        except ValueError:
            self._refuse("a name that was not resolved")
        else:
            reason = forbidden(ip, self.allow_private)
            if reason is not None and not self._is_resolver(address):
                self._refuse(reason)

    def _is_resolver(self, address: Any) -> bool:
        """Whether it is the port of name servers, which often stand in the own network."""
        return len(address) > 1 and address[1] == 53

    def _refuse(self, reason: str) -> None:
        self.reason = reason
        raise Refused(reason)


class Statuses(logging.Handler):
    """Picks the HTTP status out of what Apprise logs; the rest may hold secrets, and is dropped."""

    def __init__(self) -> None:
        super().__init__(logging.DEBUG)
        self.status: int | None = None

    def emit(self, record: logging.LogRecord) -> None:
        """Note a status."""
        found = _STATUS.search(record.getMessage())
        if found:
            self.status = int(found[1])


def send(told: dict[str, Any], guard: Guard) -> list[dict[str, Any]]:
    """Return what came of each address: sent, wrong (not understood), forbidden, status.

    Without a ``body`` nothing is sent, and addresses are only read.
    """
    from apprise import Apprise

    statuses = Statuses()
    logger = logging.getLogger("apprise")
    logger.handlers, logger.propagate = [statuses], False
    logger.setLevel(logging.DEBUG)
    found = []
    for url in told["urls"]:
        guard.reason, statuses.status = "", None
        service = Apprise()
        known = service.add(url)
        sent = known and (
            "body" not in told
            or bool(
                service.notify(
                    body=told["body"], title=told.get("title", ""), body_format=told["format"]
                )
            )
        )
        answer = {"sent": bool(sent), "wrong": not known, "forbidden": guard.reason}
        found.append({**answer, "status": statuses.status})
    return found


def main() -> None:
    """Do what stdin says."""
    told = json.load(sys.stdin)
    guard = Guard(told["allow_private"])
    sys.addaudithook(guard)
    json.dump(send(told, guard), sys.stdout)


if __name__ == "__main__":
    main()
