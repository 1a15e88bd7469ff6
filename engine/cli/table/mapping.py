"""Mapping files: what people say of a table's columns, in YAML."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from engine.cli.table.columns import AT, DEFAULT_EVENT, SKIP, Columns, Target
from engine.errors import LeadrulesError
from engine.language.catalogue import Catalogue, Field
from engine.language.diagnostic import Diagnostics
from engine.language.nearest import did_you_mean
from engine.language.reader import Document, read_document
from engine.language.reader import Path as Place
from engine.language.schema import check_structure


class BadMapping(LeadrulesError):
    """A mapping file with mistakes; the text has each with its place."""

    code = "bad-mapping"


class Mapped(msgspec.Struct, frozen=True, kw_only=True):
    """What is said of a table: of its columns, and what every row has."""

    event: str = DEFAULT_EVENT
    columns: Mapping[str, Target] = {}
    constants: Mapping[str, Any] = {}
    properties: Mapping[str, Any] = {}
    skip_others: bool = False
    sheet: str | None = None
    encoding: str | None = None
    delimiter: str | None = None
    zone: str | None = None


def read_mapping(path: Path, catalogue: Catalogue) -> Mapped:
    """Return what a mapping file says; raises BadMapping, with everything that is wrong."""
    found = Diagnostics()
    document = read_document(path.read_bytes(), str(path), found)
    if document is not None:
        document.data = document.data or {}
        check_structure(document, "import", found)
    if document is None or found.has_errors:
        raise _bad(found)
    mapped = _Reader(document, catalogue, found).read()
    if found.has_errors:
        raise _bad(found)
    return mapped


def _bad(found: Diagnostics) -> BadMapping:
    return BadMapping("\n".join(f"{d.source}: {d.message} ({d.hint})" for d in found.sorted()))


def told(maps: Sequence[tuple[str, str]], columns: Columns) -> dict[str, Target]:
    """Return what pairs of a column and a name say; raises BadMapping for an unknown name."""
    found: dict[str, Target] = {}
    for heading, name in maps:
        target = columns.named(name)
        if target is None:
            hint = did_you_mean(name, columns.names())
            raise BadMapping(f'--map {heading}={name}: there is no field "{name}"; {hint}')
        found[heading] = target
    return found


class _Reader:
    def __init__(self, document: Document, catalogue: Catalogue, found: Diagnostics) -> None:
        self.document = document
        self.data: dict[str, Any] = document.data
        self.catalogue = catalogue
        self.found = found

    def read(self) -> Mapped:
        event = self.data.get("event", DEFAULT_EVENT)
        if event not in self.catalogue.events:
            self._unknown("event", event, ("event",), self.catalogue.events)
            event = DEFAULT_EVENT
        columns = Columns(self.catalogue, event)
        return Mapped(
            event=event,
            columns={
                heading: self._target(columns, data, ("columns", heading))
                for heading, data in (self.data.get("columns") or {}).items()
            },
            constants=self.data.get("constants") or {},
            properties=self.data.get("properties") or {},
            skip_others=self.data.get("others") == SKIP,
            sheet=self.data.get("sheet"),
            encoding=self.data.get("encoding"),
            delimiter=self.data.get("delimiter"),
            zone=self.data.get("zone"),
        )

    def _target(self, columns: Columns, data: Any, place: Place) -> Target:
        if not isinstance(data, dict):
            return self._named(columns, data or SKIP, place)
        if "at" in data:
            how = data["at"]
            return Target(AT, Field(AT, "datetime"), None if how == "auto" else how)
        if "property" in data:
            target = self._named(columns, f"event.{data['property']}", (*place, "property"))
        else:
            target = self._named(columns, data.get("field", SKIP), (*place, "field"))
        return msgspec.structs.replace(
            target, dates=data.get("dates"), values=data.get("values") or {}
        )

    def _named(self, columns: Columns, name: str, place: Place) -> Target:
        target = columns.named(name)
        if target is None:
            self._unknown("field", name, place, columns.names())
            return Target(SKIP)
        return target

    def _unknown(self, what: str, name: str, place: Place, known: Any) -> None:
        hint = did_you_mean(name, known)
        text = f'there is no {what} "{name}"; {hint}'
        self.found.error(f"unknown-{what}", text, self.document.at(place), hint=hint)
