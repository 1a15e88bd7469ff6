"""What durable-rules can search for in a text, as patterns of its regular expressions.

It matches whole values, knows no anchors, reads the escaped text of JSON, dies on ranges beyond
ASCII, hangs on nested repetition, and makes of some plain texts behind ``.*`` more states than
it has room for. So there are plain texts here and nothing else.
"""

from __future__ import annotations

import re
from typing import Final

# Characters that stand for themselves, and those that do so inside of [...].
_PLAIN: Final = re.compile(r"[\w ,:;@/!#&=~<>，。、：；！？（）-]")
_SPECIAL: Final = frozenset(".*+?(){}|")
# JSON writes these with a backslash, and durable-rules matches the backslash.
_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f]')
_GROUP: Final = re.compile(r"\(([^()]*)\)")
_ANYTHING: Final = ".*"
_LONGEST: Final = 500  # characters to search for; there is room for 4,096 states


def is_escaped(text: str) -> bool:
    """Whether JSON escapes some of ``text``, so that durable-rules would match other text."""
    return _ESCAPED.search(text) is not None


def search(text: str, *, start: bool = False, end: bool = False) -> str | None:
    """Return the pattern that finds ``text``, at the start or end of a value where that is said.

    None where that pattern is not certain to be understood.
    """
    parts = [_character(c) for c in text]
    if not 0 < len(text) <= _LONGEST or None in parts or (not start and _overlap(text) > 1):
        return None
    middle = "".join(p for p in parts if p)
    return f"{'' if start else _ANYTHING}{middle}{'' if end else _ANYTHING}"


def searches(pattern: str) -> list[str] | None:
    """Return the patterns of which one matches where the regular expression ``pattern`` is found.

    Understood are plain texts, alternatives of them, and anchors around; None for all others.
    """
    start, end = pattern.startswith("^"), pattern.endswith("$")
    inner = pattern[start : len(pattern) - end]
    group = _GROUP.fullmatch(inner)
    texts = (group[1] if group else inner).split("|")
    if len(texts) > 1 and (start or end) and not group:
        return None  # each anchor belongs to one alternative only
    if any(_SPECIAL & set(text) for text in texts):
        return None
    found = [search(text, start=start, end=end) for text in texts]
    return None if None in found else [f for f in found if f]


def _character(character: str) -> str | None:
    if character in _SPECIAL:
        return f"[{character}]"
    return character if _PLAIN.fullmatch(character) else None


def _overlap(text: str) -> int:
    """Return how much of its own beginning a text repeats before its end, as aaab repeats aa.

    From two characters on its automaton has been seen to outgrow durable-rules' 4,096 states.
    """
    borders = [0]
    for character in text[1:-1]:
        length = borders[-1]
        while length and text[length] != character:
            length = borders[length - 1]
        borders.append(length + (text[length] == character))
    return max(borders)
