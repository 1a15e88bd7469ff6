"""Reads a stream of events, one JSON object a line, and moves it to another time.

Only the standard library is needed here; making a stream is `convert.py`'s work.
"""

import gzip
import json
import lzma
import re
from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import IO, Any

Event = dict[str, Any]

SHIPPED = Path(__file__).with_name("world.ndjson.xz")
"""The stream that comes with the project."""

DAY = re.compile(r"\d{4}-\d{2}-\d{2}")


def open_text(path: Path) -> IO[str]:
    """Opens plain, `.xz` or `.gz` text for reading, by the name's ending."""
    if path.suffix == ".xz":
        return lzma.open(path, "rt", encoding="utf-8")
    if path.suffix == ".gz":
        return gzip.open(path, "rt", encoding="utf-8")
    return path.open(encoding="utf-8")


def read(path: Path = SHIPPED) -> Iterator[Event]:
    """The events of a file in its order; one line is held in memory at a time."""
    with open_text(path) as lines:
        for line in lines:
            yield json.loads(line)


def instant(event: Event) -> datetime:
    """When the event happened, with its offset."""
    return datetime.fromisoformat(event["at"])


def shifted(events: Iterable[Event], end: datetime) -> list[Event]:
    """Copies of the events, moved so that the newest one happens exactly at `end`.

    Distances between events stay the same, and each keeps its offset. A property that is a date
    (`close_on`, `ends_on`) stays as many days from its event as it was. The fields of leads don't
    move. Raises ValueError when `end` has no offset.
    """
    if end.utcoffset() is None:
        raise ValueError(f"{end.isoformat()} has no offset; give one, as in datetime.now(UTC)")
    kept = list(events)
    if not kept:
        return []
    by = end - max(map(instant, kept))
    return [moved(event, by) for event in kept]


def staggered(events: Iterable[Event], weeks: int) -> list[Event]:
    """Copies of the events in which leads keep coming until the newest one.

    In the stream all leads come within a month, and later ones only grow old. Here each is moved
    whole weeks later, from none to `weeks` less one by turns, so that hours and weekdays stay. What
    would happen after the newest event of `events` is left out, and with it the youngest leads.
    Sorted by time.
    """
    kept = list(events)
    turns: dict[str, int] = {}
    for event in kept:
        turns.setdefault(event["lead"]["user_id"], len(turns) % weeks)
    later = {turn: timedelta(weeks=turn) for turn in range(weeks)}
    copies = [moved(event, later[turns[event["lead"]["user_id"]]]) for event in kept]
    end = max(map(instant, kept))
    return sorted((event for event in copies if instant(event) <= end), key=instant)


def moved(event: Event, by: timedelta) -> Event:
    """A copy of the event, `by` later."""
    old = instant(event)
    new = old + by
    days = new.date() - old.date()
    properties = {name: moved_day(value, days) for name, value in event["properties"].items()}
    return event | {"at": new.isoformat(), "properties": properties}


def moved_day(value: Any, by: timedelta) -> Any:
    """A date in text, `by` whole days later; anything else as it is."""
    if isinstance(value, str) and DAY.fullmatch(value):
        return (date.fromisoformat(value) + by).isoformat()
    return value
