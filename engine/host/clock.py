"""What "now" means: the computer's time, or the time of the stream being played in."""

from __future__ import annotations

import time
from typing import Final, Protocol

from engine.language.instants import MINUTE

# A stream made "to end now" ends some minutes ago when its last event has been played in.
CAUGHT_UP: Final = 10 * MINUTE


def system_time() -> int:
    """Return the computer's time in milliseconds since 1970 UTC."""
    return time.time_ns() // 1_000_000


class Clock(Protocol):
    """Where the host takes its instants from.

    ``driven`` says that events move this clock, so that leads due before an event must be
    woken before it.
    """

    driven: bool

    def now(self) -> int:
        """Return the present instant."""

    def wall(self) -> int:
        """Return the computer's time, which bounds how late an event may be dated."""

    def reach(self, at: int) -> int:
        """Return what now will be once an event of ``at`` is accepted; changes nothing."""

    def advance(self, at: int) -> None:
        """Note that an event of ``at`` was accepted, or that ``at`` was reached before."""


class SystemClock:
    """The computer's own clock; events don't move it."""

    driven = False

    def now(self) -> int:
        return system_time()

    def wall(self) -> int:
        return system_time()

    def reach(self, at: int) -> int:
        return system_time()

    def advance(self, at: int) -> None:
        return


class StreamClock:
    """Now is the newest ``at`` of accepted events, until that reaches the computer's time.

    The same events give the same leads however fast they are played in. Once the stream is
    within CAUGHT_UP of the computer's time, the clock runs with that.
    """

    driven = True

    def __init__(self, newest: int = 0) -> None:
        self._newest = newest
        self._live = False

    def now(self) -> int:
        return self.wall() if self._live else self._newest

    def wall(self) -> int:
        return system_time()

    def reach(self, at: int) -> int:
        wall = self.wall()
        return wall if self._live else min(max(at, self._newest), wall)

    def advance(self, at: int) -> None:
        self._newest = max(at, self._newest)
        self._live = self._live or self._newest >= self.wall() - CAUGHT_UP
