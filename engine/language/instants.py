"""Instants and durations: whole milliseconds since 1970 UTC, and whole milliseconds.

Integers make windows exact at their edges and cost nothing to compare.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from engine.errors import LeadrulesError

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
HOUR: Final = 60 * MINUTE
DAY: Final = 24 * HOUR
WEEK: Final = 7 * DAY

# Far beyond any rule, and near enough that adding it to an instant stays within the years that
# have an RFC 3339 form.
LONGEST: Final = 36_500 * DAY
_LONGEST_WORKING: Final = {"hours": 200_000, "days": 25_000}
_MOST_DIGITS: Final = 12

_UNITS: Final = {"s": SECOND, "m": MINUTE, "h": HOUR, "d": DAY, "w": WEEK}
_DURATION: Final = re.compile(r"([0-9]+)([smhdw])")
_COMPOUND: Final = re.compile(r"(?:[0-9]+[smhdw])+")
_WORKING: Final = re.compile(r"([1-9][0-9]*) working_(hours|days)")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_SIGNS: Final = frozenset("+-")
# 9999-12-31T00:00:00Z: later instants have no RFC 3339 form.
LAST_INSTANT: Final = 253_402_214_400_000
# 0001-01-01T00:00:00Z, as far back as it has one.
_FIRST_INSTANT: Final = -62_135_596_800_000


class BadTime(LeadrulesError, ValueError):
    """Text that is no instant or no duration."""

    code = "bad-time"


class TooLong(BadTime):
    """A duration of the right form that is longer than 100 years."""

    def __init__(self, text: str) -> None:
        shown = text if len(text) <= 40 else f"{text[:39]}…"
        super().__init__(f"{shown!r} is too long; a duration is at most 100 years, which is 36500d")


def parse_instant(text: str) -> int:
    """Return the instant of RFC 3339 ``text``; raises BadTime, also when it has no offset."""
    try:
        if text[10:11] in _SIGNS:  # it would be taken for what stands between date and time
            raise ValueError(text)
        moment = datetime.fromisoformat(text.upper())  # t and z are RFC 3339, too
    except ValueError:
        raise BadTime(
            f"{text!r} is not a date and time; write RFC 3339 such as 2026-03-02T09:00:00+08:00"
        ) from None
    if moment.tzinfo is None:
        whole = f"{text}T00:00:00" if len(text) == len("2026-03-02") else text
        raise BadTime(
            f"{text!r} has no time zone; add an offset such as +08:00 or Z: {whole}+08:00"
        )
    instant = to_instant(moment)
    if not _FIRST_INSTANT <= instant <= LAST_INSTANT:
        raise BadTime(f"{text!r} is out of range; years 1 to 9999 are known")
    return instant


def format_instant(instant: int) -> str:
    """Return ``instant`` as RFC 3339 in UTC, with milliseconds only where there are some."""
    moment = to_datetime(instant).replace(tzinfo=None)
    return moment.isoformat(timespec="milliseconds" if instant % SECOND else "seconds") + "Z"


def to_instant(moment: datetime) -> int:
    """Return the instant of an aware datetime."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def to_datetime(instant: int) -> datetime:
    """Return the aware UTC datetime of an instant."""
    return _EPOCH + timedelta(milliseconds=instant)


def parse_duration(text: str) -> int:
    """Return the milliseconds of ``30d``, ``24h``, ``10m``, ``45s``, ``2w``.

    Raises BadTime, and TooLong beyond 100 years.
    """
    found = _DURATION.fullmatch(text)
    if found is None or found[1][0] == "0":
        raise BadTime(
            f"{text!r} is not a duration; write a whole number and s, m, h, d or w, such as 30d"
        )
    return _length(text, [(found[1], found[2])])


def _length(text: str, parts: list[tuple[str, str]]) -> int:
    """Return the sum of parts such as ("30", "d"); raises TooLong for what ``text`` says."""
    if any(len(number) > _MOST_DIGITS for number, _ in parts):  # int() of a book takes minutes
        raise TooLong(text)
    length = sum(int(number) * _UNITS[unit] for number, unit in parts)
    if length > LONGEST:
        raise TooLong(text)
    return length


def parse_offset(text: str) -> int:
    """Return the milliseconds of a test's offset, such as ``0d`` or ``6d23h``.

    Raises BadTime, and TooLong beyond 100 years.
    """
    if _COMPOUND.fullmatch(text) is None:
        raise BadTime(f"{text!r} is not an offset; write such as 0d, 90m or 6d23h")
    return _length(text, _DURATION.findall(text))


def parse_working(text: str) -> tuple[int, str] | None:
    """Return (number, "hours" or "days") of ``24 working_hours``, None for any other text.

    Raises TooLong for more working time than about 100 years have.
    """
    found = _WORKING.fullmatch(text)
    if found is None:
        return None
    if len(found[1]) > _MOST_DIGITS or int(found[1]) > _LONGEST_WORKING[found[2]]:
        raise TooLong(text)
    return int(found[1]), found[2]


def format_duration(duration: int) -> str:
    """Return the shortest exact form of a duration, such as ``30d`` or ``90s``."""
    for unit in "wdhms":
        if duration and duration % _UNITS[unit] == 0:
            return f"{duration // _UNITS[unit]}{unit}"
    return f"{duration}ms"
