"""The regular expressions that durable-rules reads as we do, rewritten for it.

It matches whole values, knows no anchors, reads the escaped text of JSON, and dies on ranges
beyond ASCII. What is not certain to mean the same is not translated.
"""

from __future__ import annotations

import re
from typing import Final

# Characters that stand for themselves in both, and those that do inside [...].
_PLAIN: Final = re.compile(r"[\w ,:;@/!#&=~<>，。、：；！？（）-]")
_SPECIAL: Final = frozenset(".*+?(){}|")
_CLASS: Final = re.compile(r"\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9_])+\]")
# JSON writes these with a backslash, and durable-rules matches the backslash.
_ESCAPED: Final = re.compile(r'["\\\x00-\x1f\x7f]')


def is_escaped(text: str) -> bool:
    """Whether JSON escapes some of ``text``, so that durable-rules would match other text."""
    return _ESCAPED.search(text) is not None


def literal(text: str) -> str | None:
    """Return the pattern of exactly ``text``, None where a character has no sure form."""
    parts = [_character(c) for c in text]
    return None if None in parts else "".join(p for p in parts if p)


def _character(character: str) -> str | None:
    if character in _SPECIAL:
        return f"[{character}]"
    return character if _PLAIN.fullmatch(character) else None


def translate(pattern: str) -> str | None:
    r"""Return ``pattern``, found anywhere in a text, as durable-rules matches a whole one.

    Understood are characters, ``.``, ASCII classes, ``\d``, ``* + ?``, groups with ``|``,
    and anchors at both ends; None for anything else.
    """
    starts, ends = pattern.startswith("^"), pattern.endswith("$")
    inner = pattern[starts : len(pattern) - ends]
    body = _Body(inner.replace("\\d", "[0-9]")).read()
    if body is None or (body.alternatives and (starts or ends)):
        return None
    return f"{'' if starts else '.*'}({body.text}){'' if ends else '.*'}"


class _Body:
    """Reads a pattern from left to right; ``text`` is what durable-rules gets."""

    def __init__(self, pattern: str) -> None:
        self.rest = pattern
        self.text = ""
        self.depth = 0
        self.alternatives = False  # outside of any group
        self.atom = False  # whether something stands before that may be repeated

    def read(self) -> _Body | None:
        while self.rest:
            if not self._step():
                return None
        return self if self.atom and self.depth == 0 else None

    def _step(self) -> bool:
        found = _CLASS.match(self.rest)
        token = found[0] if found else self.rest[0]
        self.rest = self.rest[len(token) :]
        if token in ("|", "("):
            return self._open(token)
        if token in ("*", "+", "?"):
            fits = self.atom and not self.text.endswith(("*", "+", "?"))
        elif token == ")":
            self.depth -= 1
            fits = self.atom and self.depth >= 0
        else:
            fits = found is not None or token == "." or _PLAIN.fullmatch(token) is not None
            self.atom = True
        self.text += token
        return fits

    def _open(self, token: str) -> bool:
        """``|`` needs something before it, ``(`` and ``|`` something after."""
        fits = token == "(" or self.atom
        self.depth += token == "("
        self.alternatives |= token == "|" and self.depth == 0
        self.text += token
        self.atom = False
        return fits
