"""A clock that stands still until it is told to move."""

from __future__ import annotations

from typing import Final

from engine.language.instants import parse_duration, parse_instant

MONDAY_MORNING: Final = "2026-03-02T09:00:00+08:00"


class FakeClock:
    """A clock for the engine and for tests: ``FakeClock("2026-03-02T09:00:00+08:00")``."""

    driven = False

    def __init__(self, at: str = MONDAY_MORNING) -> None:
        self._now = parse_instant(at)

    def now(self) -> int:
        """Return its instant, milliseconds since 1970 UTC."""
        return self._now

    def wall(self) -> int:
        """Return the same: there is no other time."""
        return self._now

    def reach(self, at: int) -> int:
        """Return what now will be after an event of ``at``: events do not move it."""
        return self._now

    def advance(self, at: int) -> None:
        """Take no notice of an event."""

    def tick(self, span: str) -> None:
        """Let a duration pass, such as ``90s`` or ``2d``."""
        self._now += parse_duration(span)
