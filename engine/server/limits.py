"""Token buckets: how much anybody may ask, and whose address it is behind proxies."""

from __future__ import annotations

import ipaddress
import math
import time
from collections.abc import Callable, Sequence
from typing import Final

from engine.language.serving import Rate
from engine.server.problems import Problem

MOST_KEYS: Final = 50_000
_SECOND: Final = 1_000.0


class Buckets:
    """One bucket for each key, by the generic cell rate algorithm: one number a key.

    Memory is bounded: of more than ``most`` keys those that are full again are forgotten, and
    if there are too many others, all are.
    """

    def __init__(
        self, rate: Rate, most: int = MOST_KEYS, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._interval = rate.per / rate.requests / _SECOND
        self._slack = self._interval * (rate.burst - 1)
        self._most = most
        self._clock = clock
        self._due: dict[str, float] = {}

    def __len__(self) -> int:
        return len(self._due)

    def take(self, key: str) -> float:
        """Take one; returns 0, or the seconds after which there is one again."""
        now = self._clock()
        due = max(self._due.get(key, 0.0), now)
        early = due - now - self._slack
        if early > 1e-9:
            return early
        if len(self._due) >= self._most and key not in self._due:
            self._forget(now)
        self._due[key] = due + self._interval
        return 0.0

    def _forget(self, now: float) -> None:
        self._due = {key: due for key, due in self._due.items() if due > now}
        if len(self._due) >= self._most:
            self._due = {}


def too_many(wait: float, whose: str) -> Problem:
    """Return the answer to one request too many; ``wait`` in seconds."""
    headers = {"Retry-After": str(max(1, math.ceil(wait)))}
    message = f"too many requests {whose}; send it again after Retry-After seconds"
    return Problem(429, "rate-limited", message, headers=headers)


class Proxies:
    """Networks of proxies whose word on the client's address is taken."""

    def __init__(self, networks: Sequence[str]) -> None:
        self._networks = [ipaddress.ip_network(each, strict=False) for each in networks]

    def __bool__(self) -> bool:
        return bool(self._networks)

    def client(self, peer: str, forwarded: str) -> str:
        """Return the client's address: the last in X-Forwarded-For that is no proxy of ours.

        What stands before it anybody may have written.
        """
        if not self.trusts(peer):
            return peer
        for each in reversed(forwarded.split(",")):
            hop = _address(each)
            if hop is None:
                return peer
            peer = hop
            if not self.trusts(hop):
                return hop
        return peer

    def trusts(self, text: str) -> bool:
        """Whether an address is one of these proxies."""
        try:
            address = ipaddress.ip_address(text)
        except ValueError:
            return False
        return any(address in network for network in self._networks)


def _address(written: str) -> str | None:
    """Return the address in one hop, which may have a port or brackets; None for nonsense."""
    text = written.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None
