"""Choices that look random and are not: each is fixed by the id that it is made for.

The same world therefore gives the same stream to the last byte, and a lead keeps her name and her
times when only some of the leads are converted.
"""

from collections.abc import Sequence
from datetime import datetime, time, timedelta, timezone
from hashlib import blake2b
from typing import TypeVar

CHINA = timezone(timedelta(hours=8))

T = TypeVar("T")

Hours = tuple[float, float]
"""A part of the day, in hours since midnight in China: `(9, 17.5)` is 09:00-17:30."""


def draw(key: str, below: int) -> int:
    """A whole number in `[0, below)`, spread evenly over keys."""
    return int.from_bytes(blake2b(key.encode(), digest_size=8).digest()) % below


def pick(key: str, options: Sequence[T]) -> T:
    """One of the options; list an option twice to have it twice as often."""
    return options[draw(key, len(options))]


def moment(key: str, day: str, hours: Hours, after: datetime | None = None) -> datetime:
    """An instant on `day` (YYYY-MM-DD) inside `hours`, and at least a minute later than `after`."""
    midnight = datetime.combine(datetime.fromisoformat(day), time(), CHINA)
    first, last = (midnight + timedelta(hours=hour) for hour in hours)
    if after is not None:
        first = max(first, after + timedelta(minutes=1))
    seconds = int((last - first).total_seconds())
    return first + timedelta(seconds=draw(f"{key} when", max(seconds, 60)))
