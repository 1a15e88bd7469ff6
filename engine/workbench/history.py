"""What came in of old, in the order in which it was decided: a database's log, or its export.

Only what people, channels and providers said; what the engine itself did is for the rules to do
anew. Every event belongs to the lead that it belongs to today, also where that was merged.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.errors import LeadrulesError
from engine.host.door import ENGINE
from engine.host.merging import BY_HAND
from engine.machines.state import Event
from engine.store.reading import Reader

_SQLITE: Final = b"SQLite format 3\0"


class BadHistory(LeadrulesError):
    """A line that is no event; the message has its place."""

    code = "bad-history"


class Happened(msgspec.Struct, frozen=True, gc=False):
    """An event, whose it is, and the instant at which it was decided."""

    lead: str
    now: int
    event: Event


class _Line(msgspec.Struct, gc=False):
    """A line of `leadrules export events`."""

    id: str
    type: str
    at: datetime
    lead_id: str
    lead: dict[str, Any] = {}
    properties: dict[str, Any] = {}
    channel: str = "api"
    history: bool = False
    by: str | None = None
    bot: bool = False
    decided_at: datetime | None = None


def history(path: Path) -> Iterator[Happened]:
    """Yield what happened. Raises BadHistory, BadDatabase."""
    with path.open("rb") as file:
        is_database = file.read(len(_SQLITE)) == _SQLITE
    for each in _of_log(path) if is_database else _of_export(path):
        if each.event.channel != ENGINE and each.event.type not in BY_HAND:
            yield each


def _of_log(path: Path) -> Iterator[Happened]:
    reader = Reader(path)
    try:
        for each in reader.log():
            yield Happened(each.lead, each.decided_at, each.event)
    finally:
        reader.close()


def _of_export(path: Path) -> Iterator[Happened]:
    decode = msgspec.json.Decoder(_Line).decode
    with path.open("rb") as file:
        for number, raw in enumerate(file, 1):
            if raw.isspace():
                continue
            try:
                line = decode(raw)
                yield _happened(line)
            except (msgspec.DecodeError, UnicodeDecodeError) as error:
                raise BadHistory(
                    f"{path}:{number}: {error}; give what `leadrules export events` writes"
                ) from error


def _happened(line: _Line) -> Happened:
    at = _instant(line.at)
    event = Event(
        id=line.id,
        type=line.type,
        at=at,
        lead=line.lead,
        properties=line.properties,
        channel=line.channel,
        history=line.history,
        by=line.by,
        bot=line.bot,
    )
    return Happened(
        line.lead_id, at if line.decided_at is None else _instant(line.decided_at), event
    )


def _instant(moment: datetime) -> int:
    if moment.tzinfo is None:
        raise msgspec.ValidationError(f"{moment} has no offset from UTC")
    return round(moment.timestamp() * 1_000)
