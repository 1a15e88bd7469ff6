"""How much a connection takes on at once, how often it tries again, and when it gives up."""

from __future__ import annotations

import random
from typing import Final

import msgspec

from engine.language.definitions import Definitions, Limits
from engine.language.instants import DAY, HOUR, SECOND
from engine.machines.state import Delivery

CONCURRENCY: Final = 10
ATTEMPTS: Final = 8
MAX_AGE_MS: Final = 2 * DAY
FIRST_WAIT_MS: Final = 30 * SECOND
LONGEST_WAIT_MS: Final = HOUR
# Of a rate so many seconds' worth may begin at one instant, so that a late wake loses nothing.
BURST_S: Final = 0.05


class Bounds(msgspec.Struct, frozen=True):
    """The limits of one connection, those filled in that nobody set; durations in ms."""

    concurrency: int = CONCURRENCY
    rates: tuple[tuple[float, int], ...] = ()  # (a second, burst)
    attempts: int = ATTEMPTS
    max_age: int = MAX_AGE_MS


def bounds_of(limits: Limits) -> Bounds:
    """Return what these limits mean for a connection at work."""
    asked = ((limits.per_second, 1), (limits.per_minute, 60))
    rates = [rate / seconds for rate, seconds in asked if rate is not None]
    return Bounds(
        concurrency=limits.concurrency or CONCURRENCY,
        rates=tuple((rate, limits.burst or max(1, int(rate * BURST_S))) for rate in rates),
        attempts=limits.attempts or ATTEMPTS,
        max_age=limits.max_age or MAX_AGE_MS,
    )


def deadline_of(definitions: Definitions, delivery: Delivery) -> int | None:
    """Return after how many ms a delivery is not to be sent any more, None: it may wait.

    The message says it, else the connection.
    """
    message = definitions.messages.get(delivery.message) if delivery.message else None
    if message is not None and message.deadline is not None:
        return message.deadline
    connection = definitions.server.connections.get(delivery.connection)
    return connection.limits.deadline if connection is not None else None


def backoff(attempt: int) -> int:
    """Return the milliseconds to wait after attempt 1, 2, ...: up to 30 s, doubled, at most 1 h.

    Full jitter (https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/):
    anything from nothing to the whole wait, so that what failed together does not come back
    together.
    """
    return _jittered(FIRST_WAIT_MS, attempt)


def urgent_backoff(attempt: int) -> int:
    """Return the milliseconds to wait where there is a deadline of seconds: from half a second."""
    return _jittered(SECOND // 2, attempt)


def _jittered(first: int, attempt: int) -> int:
    longest = min(first * 2 ** min(attempt - 1, 30), LONGEST_WAIT_MS)
    return int(random.uniform(0, longest))
