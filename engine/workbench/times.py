"""The instants of a test: offsets from its start, or dates and times."""

from __future__ import annotations

from engine.language.instants import BadTime, format_instant, parse_instant, parse_offset

HINT = "write an offset from start such as 2d12h, or an instant such as 2026-03-02T09:00:00+08:00"


def since_start(text: str, start: int) -> int:
    """Return the milliseconds from ``start`` to what ``at`` says.

    ``text`` is an offset such as ``2d12h``, or an instant in RFC 3339. Raises BadTime, also
    for an instant before the start.
    """
    if "-" not in text:
        return parse_offset(text)
    at = parse_instant(text)
    if at < start:
        raise BadTime(f"{text!r} is before the start of the test, {format_instant(start)}")
    return at - start
