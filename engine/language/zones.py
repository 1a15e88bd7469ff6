"""Time zones by their IANA names."""

from __future__ import annotations

from functools import lru_cache
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from engine.language.nearest import nearest

# What people in China write and the database does not know; China has one zone.
_CHINA: Final = (
    "beijing",
    "prc time",
    "cst",
    "bjt",
    "gmt+8",
    "utc+8",
    "+8",
    "+08:00",
    "北京",
    "上海",
)
_HINT: Final = "write an IANA name such as Asia/Shanghai"


def is_zone(name: object) -> bool:
    """Whether this is the name of a time zone."""
    if not isinstance(name, str):
        return False
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


def zone_hint(name: object) -> str:
    """Say which zone was meant by what is none."""
    if not isinstance(name, str):
        return _HINT
    written = name.strip().lower()
    if written.removeprefix("asia/") in _CHINA:
        return 'did you mean "Asia/Shanghai"?'
    known = _known()
    best = nearest(written, known)
    return f'did you mean "{known[best]}"?' if best else _HINT


@lru_cache(maxsize=1)
def _known() -> dict[str, str]:
    """Return every name by its form in small letters, and every city by its own name."""
    names = sorted(available_timezones(), key=lambda name: (name.count("/"), name))
    cities = {name.rpartition("/")[2].lower(): name for name in names if name.count("/") == 1}
    return {**cities, **{name.lower(): name for name in names}}
