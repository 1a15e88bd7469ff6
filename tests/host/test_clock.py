"""Clocks: what now means."""

from __future__ import annotations

from engine.host.clock import StreamClock, SystemClock, system_time
from engine.language.instants import DAY, HOUR


def test_system_clock_is_not_moved_by_events() -> None:
    """Events do not move the computer's clock, however they are dated."""
    clock = SystemClock()
    clock.advance(system_time() + DAY)
    assert abs(clock.now() - system_time()) < HOUR
    assert abs(clock.reach(0) - system_time()) < HOUR


def test_stream_clock_stands_at_the_newest_event() -> None:
    """Now is the newest event's time; a late event does not turn it back."""
    clock = StreamClock()
    clock.advance(5_000)
    clock.advance(3_000)
    assert clock.now() == 5_000
    assert clock.reach(4_000) == 5_000
    assert clock.reach(9_000) == 9_000
    assert clock.now() == 5_000


def test_stream_clock_runs_once_it_has_caught_up() -> None:
    """An event of the present lets the clock go on with the computer's, never ahead of it."""
    clock = StreamClock(1_000)
    ahead = system_time() + HOUR
    assert clock.reach(ahead) <= system_time()
    clock.advance(ahead)
    assert abs(clock.now() - system_time()) < HOUR / 2
