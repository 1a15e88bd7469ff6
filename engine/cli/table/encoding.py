"""Which encoding a file is in, found by reading all of it once; its hash and lines besides.

Tried in order: a byte order mark, UTF-16 by its zero bytes, UTF-8, GB 18030. Of the last two
the one with fewer bytes that are none of it wins, so that one bad byte in a million lines costs
one row and not the file.
"""

from __future__ import annotations

import codecs
import hashlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import msgspec

from engine.cli.table.problems import BadSheet

CHUNK: Final = 1 << 20
UNREADABLE: Final = "\ufffd"
_MARKS: Final = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_SAMPLE: Final = 4_096


class Survey(msgspec.Struct, frozen=True):
    """A file looked through: ``digest`` is its SHA-256 in hex, ``lines`` about how many it has."""

    encoding: str
    digest: str
    lines: int


def survey(path: Path, encoding: str | None = None) -> Survey:
    """Look through a file; raises BadSheet for an encoding that does not exist, and OSError."""
    digest, feeds, returns = hashlib.sha256(), 0, 0
    for chunk in _chunks(path):
        digest.update(chunk)
        feeds += chunk.count(b"\n")
        returns += chunk.count(b"\r")
    lines = max(feeds, returns)
    return Survey(_checked(encoding) if encoding else _found(path), digest.hexdigest(), lines)


def _chunks(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _checked(encoding: str) -> str:
    try:
        return codecs.lookup(encoding).name
    except LookupError:
        raise BadSheet(
            f'there is no encoding "{encoding}"; write gb18030, utf-8 or utf-16'
        ) from None


def _found(path: Path) -> str:
    with path.open("rb") as file:
        start = file.read(_SAMPLE)
    for mark, encoding in _MARKS:
        if start.startswith(mark):
            return encoding
    wide = _utf16(start)
    if wide is not None:
        return wide
    bad = unreadable(path, "utf-8")
    if bad == 0:
        return "utf-8"
    return "gb18030" if unreadable(path, "gb18030") < bad else "utf-8"


def _utf16(start: bytes) -> str | None:
    """Every other byte of Latin text in UTF-16 is zero; so are those of delimiters and digits."""
    even, odd = start[::2].count(0), start[1::2].count(0)
    if max(even, odd) * 10 < len(start) or min(even, odd) * 4 > max(even, odd):
        return None
    return "utf-16-be" if even > odd else "utf-16-le"


def unreadable(path: Path, encoding: str) -> int:
    """Return how many places of a file are not of an encoding."""
    decoder = codecs.getincrementaldecoder(encoding)("replace")
    count = sum(decoder.decode(chunk).count(UNREADABLE) for chunk in _chunks(path))
    return count + decoder.decode(b"", final=True).count(UNREADABLE)
