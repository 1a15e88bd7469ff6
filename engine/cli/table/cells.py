"""Cells to values of a field's type; a table has nothing but text."""

from __future__ import annotations

import re
import unicodedata
from datetime import datetime, timedelta
from typing import Any, Final
from zoneinfo import ZoneInfo

from engine.language.catalogue import Field
from engine.language.label import texts_of

_TRUE: Final = frozenset({"是", "有", "true", "yes", "y", "1", "√", "同意"})
_FALSE: Final = frozenset({"否", "无", "false", "no", "n", "0", "×", "不同意"})
_EXPONENT: Final = re.compile(r"[0-9](\.[0-9]+)?E\+?[0-9]+", re.IGNORECASE)
_TIMES: Final = ("%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M", "%Y-%m-%d", "%Y%m%d")
_HALF: Final = re.compile(r"(上午|凌晨|早上|下午|晚上|中午)\s*([0-9]{1,2})")
_FULL_HOUR: Final = re.compile(r"( [0-9]{1,2}):$")
_MORNING: Final = ("上午", "凌晨", "早上")
_SERIAL: Final = re.compile(r"[0-9]{5}(\.[0-9]+)?")
_EPOCH: Final = datetime(1899, 12, 30)  # noqa: DTZ001 - Excel's day 0; the caller adds the zone
_LIST: Final = re.compile(r"[;；,，、|\n]\s*")
_UNITS: Final = {"万": 10_000, "亿": 100_000_000, "k": 1_000, "w": 10_000}


def value(field: Field, text: str, zone: ZoneInfo, dates: str | None = None) -> Any:
    """Return a cell as its field's type; ``dates`` is how its dates are written.

    Raises ValueError, saying what would do.
    """
    if field.family == "number":
        return _number(field, text)
    if field.type == "boolean":
        return _boolean(text)
    if field.type == "enum":
        return _named(field, text)
    if field.type == "list":
        return [part for part in _LIST.split(text) if part]
    if field.type == "date":
        return moment(text, dates).date().isoformat()
    if field.type == "datetime":
        found = moment(text, dates)
        return (found if found.tzinfo else found.replace(tzinfo=zone)).isoformat()
    if field.type == "phone" and _EXPONENT.fullmatch(text):
        raise ValueError(f"{text!r} is a number that the spreadsheet rounded; format it as text")
    if field.type == "consent":
        return "given" if _boolean(text) else "withdrawn"
    return text


def _number(field: Field, text: str) -> int | float:
    plain = unicodedata.normalize("NFKC", text).replace(",", "").lower()
    plain = plain.strip(" ¥￥元人").removeprefix("rmb").removeprefix("cny").strip()
    factor = _UNITS.get(plain[-1:], 1)
    try:
        number = float(plain[:-1] if factor > 1 else plain) * factor
    except ValueError:
        raise ValueError(f"{text!r} is not a number") from None
    if number.is_integer():
        return int(number)
    if field.type == "integer":
        raise ValueError(f"{text!r} is not a whole number")
    return number


def _named(field: Field, text: str) -> str:
    """Return the value that people call so, in whichever language; the cell where none is."""
    if text in field.values:
        return text
    called = (name for name, label in field.called.items() if text in texts_of(label))
    return next(called, text)


def _boolean(text: str) -> bool:
    plain = text.casefold()
    if plain in _TRUE or plain in _FALSE:
        return plain in _TRUE
    raise ValueError(f"{text!r} is neither 是 (true) nor 否 (false)")


def moment(text: str, dates: str | None = None) -> datetime:
    """Return the date and time in a cell, without a zone where none is written."""
    if dates is not None:
        try:
            return datetime.strptime(text, dates)  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            raise ValueError(f"{text!r} is not written as {dates}") from None
    plain = unicodedata.normalize("NFKC", text)
    if _SERIAL.fullmatch(plain) and 20_000 <= float(plain) < 80_000:
        return _EPOCH + timedelta(seconds=round(float(plain) * 86_400))
    plain = _HALF.sub(_on_24_hours, plain)
    plain = re.sub(r"[年月/.]", "-", plain).replace("日", " ")
    plain = re.sub(r"[时点]", ":", plain).replace("分", ":").replace("秒", "")
    plain = " ".join(plain.split())
    plain = _FULL_HOUR.sub(r"\1:00", plain).rstrip(":")
    for pattern in _TIMES:
        try:
            return datetime.strptime(plain, pattern)  # noqa: DTZ007 - the caller adds the zone
        except ValueError:
            continue
    try:
        return datetime.fromisoformat(text)
    except ValueError:
        raise ValueError(
            f"{text!r} is not a date such as 2026-03-02, 2026年3月2日 or 2026-03-02 09:00"
        ) from None


def _on_24_hours(found: re.Match[str]) -> str:
    """Return the hour of the day; 晚上12点 may be either midnight, so it is left as it stands."""
    half, hour = found[1], int(found[2])
    if half in _MORNING:
        return f" {0 if hour == 12 else hour}"
    if half == "晚上" and hour == 12:
        return found[0]
    later = hour < 12 and not (half == "中午" and hour > 10)
    return f" {hour + 12 if later else hour}"
