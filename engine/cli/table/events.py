"""Rows to events, in the form of ``POST /v1/events``."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Iterator, Mapping
from typing import Any
from zoneinfo import ZoneInfo

import msgspec

from engine.cli.table.cells import value
from engine.cli.table.columns import AT, DEFAULT_EVENT, ID, SKIP, Target
from engine.cli.table.problems import BadCell
from engine.cli.table.sheet import Row

CHANNEL = "import"
BY_CONTENT = "content"
BY_FILE = "file"


class Making(msgspec.Struct, frozen=True, kw_only=True):
    """How rows become events.

    ``ids`` says what makes two rows the same event: ``content``, so that a row counts once in
    whatever file it comes, or ``file``, its line in this file, whose SHA-256 is ``digest``.
    """

    file: str
    digest: str
    headings: tuple[str, ...]
    columns: Mapping[str, Target]
    zone: ZoneInfo
    history: bool
    event: str = DEFAULT_EVENT
    constants: Mapping[str, Any] = {}
    properties: Mapping[str, Any] = {}
    ids: str = BY_CONTENT


def raw_event(row: Row, making: Making) -> dict[str, Any]:
    """Return the event that brings a row in; raises BadCell."""
    if row.fault is not None:
        raise BadCell(row.fault)
    lead: dict[str, Any] = dict(making.constants)
    properties: dict[str, Any] = dict(making.properties)
    event: dict[str, Any] = {"id": _id(row, making), "type": making.event, "lead": lead}
    for heading, target, text in _cells(row, making):
        try:
            found = target.values[text] if text in target.values else _value(target, text, making)
        except ValueError as error:
            raise BadCell(f"{heading}: {error}") from None
        if target.kind == AT:
            event["at"] = found
        elif target.kind == ID:
            event["id"] = f"{CHANNEL}:{found}"[:200]
        else:
            into = lead if target.kind == "field" else properties
            into[target.shown.removeprefix("event.")] = found
    if making.event == DEFAULT_EVENT:
        properties.setdefault("text", f"导入 {making.file} 第 {row.line} 行")
    return {**event, "properties": properties, "channel": CHANNEL, "history": making.history}


def _cells(row: Row, making: Making) -> Iterator[tuple[str, Target, str]]:
    """Yield the cells that say something, of columns for one field the first."""
    filled: set[str] = set()
    for heading, cell in zip(making.headings, row.cells, strict=True):
        target = making.columns[heading]
        text = unicodedata.normalize("NFC", cell).strip()
        if text and target.kind != SKIP and target.shown not in filled:
            filled.add(target.shown)
            yield heading, target, text


def _value(target: Target, text: str, making: Making) -> Any:
    assert target.field is not None
    return value(target.field, text, making.zone, target.dates)


def _id(row: Row, making: Making) -> str:
    if making.ids == BY_FILE:
        return f"{CHANNEL}:{making.digest[:24]}:{row.line}"
    pairs = zip(making.headings, row.cells, strict=True)
    cells = "\x1f".join(f"{heading}\x1e{cell.strip()}" for heading, cell in pairs)
    if making.event != DEFAULT_EVENT:  # one table may bring leads first, and then what they did
        cells += f"\x1f\x1e{making.event}"
    return f"{CHANNEL}:{hashlib.sha256(cells.encode('utf-8', 'replace')).hexdigest()[:24]}"
