"""Bodies that come compressed: unpacked up to the same limit as any other, never beyond."""

from __future__ import annotations

import zlib
from typing import Final

from engine.server.problems import Problem

# RFC 9110: "deflate" is the zlib form; some clients send it bare, so both are tried.
_GZIP: Final = 16 + zlib.MAX_WBITS
_RAW: Final = -zlib.MAX_WBITS
ENCODINGS: Final = ("identity", "gzip", "x-gzip", "deflate")


def unpacked(body: bytes, encoding: str, limit: int) -> bytes:
    """Return the body as it was before ``Content-Encoding``; raises Problem 400, 413 or 415."""
    named = encoding.strip().lower()
    if named in ("", "identity"):
        return body
    if named not in ENCODINGS:
        shown = named[:40] if named.isprintable() else "this one"
        message = f"the Content-Encoding {shown!r} is not understood; send gzip, deflate or none"
        accepted = {"Accept-Encoding": "gzip, deflate"}
        raise Problem(415, "unsupported-encoding", message, headers=accepted)
    if named == "deflate":
        zlib_form = body[:1] and body[0] & 0x0F == 8 and int.from_bytes(body[:2]) % 31 == 0
        return _inflated(body, zlib.MAX_WBITS if zlib_form else _RAW, limit)
    return _inflated(body, _GZIP, limit)


def _inflated(body: bytes, bits: int, limit: int) -> bytes:
    """Unpack every member of the stream, and stop at the first byte too many."""
    parts: list[bytes] = []
    size = 0
    rest = body
    while rest:
        member = zlib.decompressobj(bits)
        try:
            part = member.decompress(rest, limit - size + 1)
        except zlib.error:
            raise _broken() from None
        size += len(part)
        if size > limit:
            message = f"unpacked, the body is larger than {limit} bytes; send fewer events at once"
            raise Problem(413, "too-large", message)
        if not member.eof:
            raise _broken()
        parts.append(part)
        rest = member.unused_data
    return b"".join(parts)


def _broken() -> Problem:
    return Problem(400, "bad-encoding", "the body is not what its Content-Encoding says")
