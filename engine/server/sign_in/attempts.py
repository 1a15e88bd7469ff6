"""Guesses at passwords: each failure makes the next one wait, for strangers more than for oneself.

What is waited for is short and has an end, so nobody locks another one out; a browser in which
the person has signed in before counts by itself, so a stranger's failures do not hold it up.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Final

import msgspec

FREE: Final = 5  # failures before one waits
LONGEST_S: Final = 30.0
FREE_HERE: Final = 30  # from one address, which may be a whole office
LONGEST_HERE_S: Final = 300.0
FORGOTTEN_S: Final = 3_600.0
MOST_KEYS: Final = 50_000


class _Count(msgspec.Struct):
    tries: int
    last: float
    until: float


class Attempts:
    """Failures by key, such as an account or an address; each doubles the wait up to ``longest``.

    An attempt counts as failed from its beginning until `passed` says otherwise, so that many at
    the same moment gain nothing. Memory is bounded: what is an hour old goes, then the oldest.
    """

    def __init__(
        self, free: int, longest: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._free = free
        self._longest = longest
        self._clock = clock
        self._counts: dict[str, _Count] = {}

    def take(self, key: str) -> float:
        """Begin an attempt; returns 0, or the seconds to wait, and then it is none."""
        now = self._clock()
        count = self._counts.pop(key, None)
        if count is None or now - count.last > FORGOTTEN_S:
            count = _Count(0, now, now)
        self._counts[key] = count  # the newest stands last
        if now < count.until:
            return count.until - now
        count.tries, count.last = count.tries + 1, now
        over = count.tries - self._free
        if over >= 0:
            count.until = now + min(2.0 ** min(over, 30), self._longest)
        if len(self._counts) > MOST_KEYS:
            del self._counts[next(iter(self._counts))]
        return 0.0

    def passed(self, key: str) -> None:
        """Forget the failures of a key: its owner came in."""
        self._counts.pop(key, None)

    def taken_back(self, key: str) -> None:
        """Have the attempt that just began not count, the failures before it all the same."""
        count = self._counts.get(key)
        if count is not None:
            count.tries -= 1
            count.until = self._clock()
