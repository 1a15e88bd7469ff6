"""What YAML's parser complains about, in words for people who write rules."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

# Signs of a Chinese keyboard that look like YAML's own and are none.
_FULL_WIDTH: Final = {"：": ":", "，": ",", "｛": "{", "｝": "}", "［": "[", "］": "]", "＃": "#"}
NO_COLON: Final = "expected ':'"
# A piece of the parser's text (libyaml's and PyYAML's own differ), what it means, the way out.
_MEANINGS: Final = (
    (
        "mapping values are not allowed",
        "a colon stands where no key can be",
        "check how this line and the one above it are indented; "
        "a text with a colon in it stands in quotes",
    ),
    (
        "expected ',' or",
        "a bracket is not closed",
        "close the [ or { that is open, or add the comma that is missing",
    ),
    ("end of stream", "a quote is not closed", "end the text with the quote that began it"),
    (
        NO_COLON,
        "a key has no colon",
        "write KEY: value, with a blank behind the colon",
    ),
    *(
        (
            piece,
            "the indentation does not fit the lines above",
            "line it up with its neighbours, by spaces",
        )
        for piece in ("expected <block end>", "expected key", "expected '-' indicator")
    ),
)
_LOOK: Final = "look at this line and the one above it: indentation, quotes, colons"


def explained(problem: str, lines: Sequence[str], line: int, column: int) -> tuple[str, str]:
    """Return (message, way out) for the parser's ``problem`` at a place, counted from 1."""
    near = lines[max(0, line - 2) : line]
    here = near[-1] if near and line <= len(lines) else ""
    if "\t" in here[: len(here) - len(here.lstrip())]:
        return "a tab stands here, and YAML indents with spaces", "replace the tab with spaces"
    text, hint = _meaning(problem, here[column - 1 : column])
    return text, _full_width(near) or hint


def _meaning(problem: str, sign: str) -> tuple[str, str]:
    if "cannot start any token" in problem and sign.strip():
        return f'"{sign}" cannot begin a value', "put the whole value in quotes"
    for piece, text, hint in _MEANINGS:
        if piece in problem:
            return f"not YAML: {text}", hint
    return f"not YAML: {problem}", _LOOK


def _full_width(lines: Sequence[str]) -> str | None:
    """Say which full-width sign stands where a plain one may be meant, outside of comments."""
    for text in reversed(lines):
        code = text.partition(" #")[0]
        for sign, plain in _FULL_WIDTH.items():
            if sign in code:
                blank = " and a blank" if plain in ":," else ""
                wanted = f'if it is not part of a text, write "{plain}"{blank}'
                return f'"{sign}" is a full-width sign; {wanted}'
    return None
