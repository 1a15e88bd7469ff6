"""An answer, as a person or a program wrote it, read as the type of a field."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any, Final

from plugins.channels.times import instant_of, rfc3339

MAX_STRING: Final = 1_000
MAX_TEXT: Final = 20_000
MAX_LIST: Final = 200
TRUE: Final = frozenset({"1", "on", "true", "yes", "y", "given", "是", "同意", "已同意", "有"})
FALSE: Final = frozenset({"0", "off", "false", "no", "n", "否", "不同意", "没有", "无"})
_NUMBER: Final = re.compile(
    r"(?:[¥￥$€£]|rmb|cny)?\s*([+-]?[0-9]{1,15}(?:\.[0-9]{1,9})?)\s*([万亿k]?)\s*"
    r"(?:元|人|名|台|个|%|rmb|cny|people|employees)?"
)
_TIMES: Final = {"": 1, "万": 10_000, "亿": 100_000_000, "k": 1_000}
_DAY: Final = re.compile(r"([0-9]{4})[-/.年]([0-9]{1,2})[-/.月]([0-9]{1,2})日?(?:[T ].*)?")


def read_as(kind: str, answer: Any) -> Any:
    """Return the answer as a value of a field's type, None when it is none.

    Nothing is guessed: "about 500" is no number, and then the field stays as it was.
    """
    if kind == "list":
        items = answer if isinstance(answer, list) else [answer]
        return [text for each in items[:MAX_LIST] if (text := text_of(each))] or None
    if kind in {"integer", "number", "money"}:
        return _number(kind, answer)
    if kind == "boolean":
        return truth_of(answer)
    text = text_of(answer)
    if not text:
        return None
    if kind == "date":
        return _day(text)
    if kind == "datetime":
        moment = instant_of(answer)
        return None if moment is None else rfc3339(moment)
    return text[: MAX_TEXT if kind == "text" else MAX_STRING]


def text_of(answer: Any) -> str:
    """Return an answer as one text: several choices one after another, parts of a name too."""
    if isinstance(answer, str):
        return _clean(answer)
    if answer is None:
        return ""
    if isinstance(answer, bool):
        return "true" if answer else "false"
    if isinstance(answer, int | float):
        return f"{answer:.15g}" if isinstance(answer, float) else str(answer)[:MAX_STRING]
    between = "、" if isinstance(answer, list) else " "
    return between.join(_texts(answer))


def truth_of(answer: Any) -> bool | None:
    """Return whether an answer says yes or no; None when it says neither."""
    if isinstance(answer, bool):
        return answer
    text = text_of(answer).lower()
    if text in TRUE | FALSE:
        return text in TRUE
    return None


def whole_name(first: str, last: str) -> str:
    """Return a name of two parts in the order that its letters have: 王芳, Ada Lovelace."""
    if any("一" <= letter <= "鿿" for letter in first + last):
        return f"{last}{first}"
    return f"{first} {last}".strip()


def _clean(text: str) -> str:
    """What a field cannot hold is left out, such as the zero byte."""
    return "".join(each for each in text if _is_kept(each)).strip()


def _is_kept(letter: str) -> bool:
    return letter in "\n\t" or unicodedata.category(letter) not in {"Cc", "Cs"}


def _texts(answer: Any) -> Iterator[str]:
    parts = answer.values() if isinstance(answer, Mapping) else answer
    if not isinstance(parts, list | tuple) and not isinstance(answer, Mapping):
        return
    for each in list(parts)[:MAX_LIST]:
        if not isinstance(each, Mapping | list) and (text := text_of(each)):
            yield text


def _number(kind: str, answer: Any) -> int | float | None:
    if isinstance(answer, bool):
        return None
    if isinstance(answer, int | float):
        number = float(answer) if isinstance(answer, float) else answer
    else:
        text = unicodedata.normalize("NFKC", text_of(answer)).lower().replace(",", "")
        found = _NUMBER.fullmatch(text.strip())
        if found is None:
            return None
        exact: int | float = float(found[1]) if "." in found[1] else int(found[1])
        number = exact * _TIMES[found[2]]
    if not math.isfinite(number) or abs(number) > 2**53:
        return None
    if kind != "integer":
        return number
    return int(number) if number == int(number) else None


def _day(text: str) -> str | None:
    found = _DAY.fullmatch(text)
    if found is None:
        return None
    year, month, day = (int(part) for part in found.groups())
    return f"{year:04}-{month:02}-{day:02}"
