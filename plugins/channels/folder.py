"""The channel ``folder``: CSV files and workbooks that somebody puts into a folder.

Each row becomes an event. A file counts once, by what is in it: renamed, copied or touched it is
the same one. Its rows' ids are made of that and the row's number, so that a server that was killed
in the middle reads it again, and nothing counts twice.
"""

from __future__ import annotations

import asyncio
import csv
import hashlib
import io
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec

from engine.plugin import Channel, Names, Poll, Polled, hookimpl

EVERY_MS: Final = 10_000
SETTLED_S: Final = 2.0  # a file that changed later is perhaps still being written
MAX_FILE: Final = 50_000_000  # bytes
SUFFIXES: Final = (".csv", ".xlsx")
_ROWS: Final = 1_000  # of one look
_NAMES: Final = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["path", "fields"],
    "properties": {
        "path": {"type": "string", "minLength": 1},
        "event": {"type": "string", "minLength": 1},
        "fields": _NAMES,
        "properties": _NAMES,
        "source": {
            "type": "object",
            "additionalProperties": False,
            "properties": {n: {"type": "string"} for n in ("name", "category", "code")},
        },
        "every_s": {"type": "number", "minimum": 1, "maximum": 86_400},
    },
}
EVENT: Final = "form_submitted"


class _Known(msgspec.Struct):
    """What the cursor holds: files that are done, and how far the one under way has come.

    ``done`` maps the hash of a file's bytes to its name; ``seen`` a name to its size and time,
    so that a file that has not changed is not read again.
    """

    done: dict[str, str] = {}
    seen: dict[str, tuple[int, int]] = {}
    hash: str = ""
    row: int = 0


class BadTable(Exception):
    """A file that is no table; the message says why, without what stands in it."""


class FolderChannel(Channel):
    """Looks into a folder every ten seconds."""

    name = "folder"
    config_schema = SETTINGS

    def every(self, settings: Mapping[str, Any]) -> int:
        """Return the milliseconds between two looks."""
        return int(settings.get("every_s", EVERY_MS / 1_000) * 1_000)

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return which columns lead nowhere."""
        event = str(settings.get("event", EVENT))
        if event not in names.events:
            yield f'there is no event type "{event}"'
        for heading, name in settings["fields"].items():
            if name not in names.fields:
                yield f'column "{heading}": there is no lead field "{name}"'
        for heading, name in settings.get("properties", {}).items():
            if name not in names.events.get(event, {}):
                yield f'column "{heading}": "{event}" has no property "{name}"'

    async def poll(self, poll: Poll) -> Polled:
        """Read what is new, at most a thousand rows at a time."""
        return await asyncio.to_thread(_look, poll)


def _look(poll: Poll) -> Polled:
    folder = Path(poll.settings["path"])
    known = msgspec.json.decode(poll.cursor, type=_Known) if poll.cursor else _Known()
    files = [f for f in sorted(folder.iterdir()) if f.suffix.lower() in SUFFIXES and f.is_file()]
    present = {file.name for file in files}
    known.seen = {name: at for name, at in known.seen.items() if name in present}
    for file in files:
        stat = file.stat()
        mark = stat.st_size, stat.st_mtime_ns
        if known.seen.get(file.name) == mark or time.time() - stat.st_mtime < SETTLED_S:
            continue
        found = _file(file, stat.st_size, known, poll)
        if not found.more:
            known.seen[file.name] = mark
        return msgspec.structs.replace(found, cursor=_written(known), more=True)
    return Polled(cursor=_written(known))


def _written(known: _Known) -> str:
    return msgspec.json.encode(known).decode()


def _file(file: Path, size: int, known: _Known, poll: Poll) -> Polled:
    """Return the next rows of a file; ``more`` says whether there are further ones."""
    if size > MAX_FILE:
        return Polled(problems=(f"{file.name}: it has more than {MAX_FILE} bytes",))
    raw = file.read_bytes()
    digest = hashlib.sha256(raw).hexdigest()[:32]
    if digest in known.done:
        return Polled()
    begin = known.row if known.hash == digest else 0
    events: list[Mapping[str, Any]] = []
    try:
        rows = _table(file.suffix.lower(), raw)
        headings = [str(cell).strip() for cell in next(rows, [])]
        _check(headings, poll.settings)
        for number, cells in enumerate(rows, 2):
            if number <= begin or not any(cell not in (None, "") for cell in cells):
                continue
            events.append(_event(dict(zip(headings, cells, strict=False)), digest, number, poll))
            if len(events) == _ROWS:
                known.hash, known.row = digest, number
                return Polled(tuple(events), more=True)
    except BadTable as error:
        known.done[digest] = file.name
        return Polled(tuple(events), problems=(f"{file.name}: {error}",))
    known.done[digest], known.hash, known.row = file.name, "", 0
    return Polled(tuple(events))


def _check(headings: list[str], settings: Mapping[str, Any]) -> None:
    wanted = {*settings["fields"], *settings.get("properties", {})}
    if not wanted & set(headings):
        raise BadTable("none of its columns is one of `fields`")


def _event(cells: Mapping[str, Any], digest: str, number: int, poll: Poll) -> dict[str, Any]:
    settings = poll.settings
    kind = str(settings.get("event", EVENT))
    lead: dict[str, Any] = {}
    for heading, name in settings["fields"].items():
        value = _cell(cells.get(heading), poll.fields.get(name, "string"))
        if value is not None:
            part, _, last = name.rpartition(".")
            place, key = (lead.setdefault(part, {}), last) if part == "source" else (lead, name)
            place[key] = value
    told = poll.events.get(kind, {})
    properties = {
        name: value
        for heading, name in settings.get("properties", {}).items()
        if (value := _cell(cells.get(heading), told.get(name, "string"))) is not None
    }
    if settings.get("source"):
        lead["source"] = {**settings["source"], **lead.get("source", {})}
    return {
        "id": f"folder:{digest}:{number}",
        "type": kind,
        "lead": lead,
        "properties": properties,
        "channel": "folder",
    }


def _cell(value: Any, kind: str) -> Any:
    """Return a cell as its field's type; what does not fit stays as it is, and is refused."""
    if isinstance(value, datetime):
        return value.date().isoformat() if kind == "date" else value.isoformat()
    if isinstance(value, date):
        return value.isoformat()
    if value is None or isinstance(value, bool):
        return value
    text = _plain(value)
    if not text:
        return None
    try:
        if kind == "integer":
            return int(text)
        if kind in ("number", "money"):
            return float(text)
    except ValueError:
        return text
    if kind == "boolean" and text in ("是", "否", "true", "false"):
        return text in ("是", "true")
    return [part.strip() for part in text.split(";") if part.strip()] if kind == "list" else text


def _plain(value: Any) -> str:
    """Return a cell as text; workbooks keep a telephone number as 13800138000.0."""
    whole = isinstance(value, float) and value.is_integer()
    return str(int(value) if whole else value).strip()


def _table(suffix: str, raw: bytes) -> Iterator[list[Any]]:
    return _workbook(raw) if suffix == ".xlsx" else _csv(raw)


def _csv(raw: bytes) -> Iterator[list[Any]]:
    """Yield the rows of a CSV file in UTF-8, or in GB 18030 as Excel in China writes it."""
    for encoding in ("utf-8-sig", "gb18030"):
        try:
            text = raw.decode(encoding)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise BadTable("it is neither UTF-8 nor GB 18030")
    head = text.partition("\n")[0]
    mark = max(",;\t", key=head.count)
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=mark, strict=True)
    except csv.Error as error:
        raise BadTable(f"it is no CSV: {error}") from None


def _workbook(raw: bytes) -> Iterator[list[Any]]:
    from openpyxl import load_workbook

    try:
        book = load_workbook(io.BytesIO(raw), read_only=True, data_only=True)
        rows: Iterable[Any] = book.worksheets[0].iter_rows(values_only=True)
        yield from (["" if cell is None else cell for cell in row] for row in rows)
    except BadTable:
        raise
    except Exception as error:  # a broken archive, in all the ways that it can be broken
        raise BadTable(f"it is no workbook: {type(error).__name__}") from None


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(FolderChannel())
