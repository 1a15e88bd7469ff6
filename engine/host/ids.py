"""Ids: UUIDv7 text (RFC 9562), which sort by time."""

from __future__ import annotations

import hashlib
import os


def uuid7(instant: int, entropy: bytes) -> str:
    """Return the UUIDv7 of ``instant`` (milliseconds) with 10 bytes of ``entropy``."""
    stamp = min(max(instant, 0), 2**48 - 1)
    number = stamp << 80 | int.from_bytes(entropy[:10])
    number = number & ~(0xF << 76) | 0x7 << 76
    number = number & ~(0x3 << 62) | 0x2 << 62
    text = f"{number:032x}"  # `uuid.UUID` takes four times as long
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"


def new_id(instant: int) -> str:
    """Return a random id."""
    return uuid7(instant, os.urandom(10))


def lead_id(event: str, at: int) -> str:
    """Return the id of the lead that an event makes: the same at every replay of that event."""
    return uuid7(at, hashlib.sha256(event.encode()).digest())
