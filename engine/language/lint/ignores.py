"""Inline ignores: ``# leadrules: ignore[code] reason`` on the line of a finding."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import msgspec

from engine.language.diagnostic import Source

_IGNORE: Final = re.compile(
    r"(?:^|(?<=\s)|(?<=\{))#\s*leadrules:\s*ignore\b(?:\[(?P<codes>[^\]]*)\])?(?P<reason>.*)$"
)


class Ignore(msgspec.Struct, frozen=True):
    """One comment. ``source`` spans it, from its ``#`` to the end of the line."""

    codes: tuple[str, ...]
    reason: str
    source: Source


def read_ignores(sources: Mapping[str, Sequence[str]]) -> Iterator[Ignore]:
    """Yield the ignores in the lines of each file."""
    for file, lines in sources.items():
        for number, line in enumerate(lines, 1):
            found = _IGNORE.search(line) if "leadrules:" in line else None
            if found is not None:
                yield _ignore(found, file, number)


def _ignore(found: re.Match[str], file: str, line: int) -> Ignore:
    codes = tuple(c.strip() for c in (found["codes"] or "").split(",") if c.strip())
    reason = found["reason"].removesuffix("#}").strip(" -:，：")
    end = found.start() + len(found[0].rstrip()) + 1
    return Ignore(codes, reason, Source(file, line, found.start() + 1, line, end))
