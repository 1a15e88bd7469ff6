"""Times as sources write them, brought to RFC 3339, and never later than now."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Any, Final

_FIRST: Final = datetime(1971, 1, 1, tzinfo=UTC)
_LAST: Final = datetime(9999, 1, 1, tzinfo=UTC)
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECONDS: Final = 100_000_000_000  # a larger number of seconds lies beyond the year 5138


def instant_of(written: Any, zone: tzinfo = UTC) -> int | None:
    """Return the instant in milliseconds of an ISO 8601 text or a number since 1970.

    Numbers are seconds or milliseconds, whichever makes a sensible year; a text without an
    offset is meant in ``zone``. None for whatever is no time between 1971 and 9998.
    """
    if isinstance(written, bool):
        return None
    if isinstance(written, int | float):
        return _of_number(written)
    if not isinstance(written, str):
        return None
    text = written.strip()[:60]
    if text.isascii() and text.isdecimal():
        return _of_number(int(text))
    try:
        moment = datetime.fromisoformat(text)
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        return _milliseconds(moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def rfc3339(instant: int) -> str:
    """Return an instant of `instant_of` as text.

    >>> rfc3339(1_772_413_200_500)
    '2026-03-02T01:00:00.500Z'
    """
    moment = _EPOCH + timedelta(milliseconds=instant)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def not_later(written: Any, now: int, zone: tzinfo = UTC) -> str | None:
    """Return when it happened, at most ``now``: clocks differ. None when it does not say."""
    found = instant_of(written, zone)
    return None if found is None else rfc3339(min(found, now))


def _of_number(number: float) -> int | None:
    if not math.isfinite(number) or abs(number) > 10**15:
        return None
    seconds = number / 1_000 if abs(number) >= _MILLISECONDS else number
    return _milliseconds(_EPOCH + timedelta(milliseconds=round(seconds * 1_000)))


def _milliseconds(moment: datetime) -> int | None:
    if not _FIRST <= moment < _LAST:
        return None
    return (moment - _EPOCH) // timedelta(milliseconds=1)
