"""Read what a simulation is given: a lead's fields, and events one a line, as at the door."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any, Final

import msgspec

from engine.host.door import Door
from engine.host.outcome import Outcome
from engine.host.visit import Arrival, Visit
from engine.language.diagnostic import Diagnostics, Source
from engine.language.instants import BadTime, format_instant, parse_instant, parse_offset
from engine.language.reader import Document, read_document
from engine.network.ruleset import Ruleset

_NAMELESS: Final = "simulated-lead"
# Carries the fields of a lead to whom nothing happens at the start: no behaviour, so that no
# rule scores it.
_PROFILE: Final = {"type": "note_added"}
_OFFSET: Final = re.compile(r"[0-9]+[smhdw]([0-9]+[smhdw])*")
_HINT: Final = "events are checked as at POST /v1/events; at may be an offset such as 2d12h"


class Line(msgspec.Struct, frozen=True):
    """A line of NDJSON: its number in the file, the JSON in it, and its text."""

    number: int
    data: Any
    text: str = ""

    def place(self, file: str, name: str = "") -> Source:
        """Return where ``name`` stands in the line, the whole line when it does not."""
        start = self.text.find(f'"{name}"') + 1
        end = start + len(name) + 2 if start else len(self.text) + 1
        return Source(file, self.number, max(start, 1), self.number, end)


class StreamReader:
    """Reads a lead and its events by one ruleset; what is wrong goes to ``found``.

    ``lead`` is a YAML or JSON map of fields. An event without identities of its own is this
    lead's; the first one brings the lead's fields.
    """

    def __init__(self, ruleset: Ruleset, lead: Document, file: str, found: Diagnostics) -> None:
        self.lead = lead
        self.file = file
        self.found = found
        self.kinds = ruleset.definitions.identities
        self.door = Door(ruleset.catalogue, self.kinds, ruleset.screen)

    def read(self, lines: Iterable[Line], start: int) -> list[Arrival]:
        """Return the events in order of their instants; offsets count from ``start``."""
        placed = [(self._at(line, start), line) for line in lines]
        placed.sort(key=lambda pair: (pair[0], pair[1].number))
        if not placed or placed[0][0] > start:
            placed.insert(0, (start, Line(0, dict(_PROFILE))))
        fields = self._fields()
        who = {kind: fields[kind] for kind in self.kinds if kind in fields}
        arrivals = [
            self._arrival(line, at, fields if index == 0 else who)
            for index, (at, line) in enumerate(placed)
        ]
        return [arrival for arrival in arrivals if arrival is not None]

    def _fields(self) -> dict[str, Any]:
        data = self.lead.data
        if not isinstance(data, dict):
            hint = "write its fields, such as {name: 王芳, title_level: director}"
            self.found.error("bad-value", "a lead is a map of fields", self.lead.at(()), hint=hint)
            return {self.kinds[-1]: _NAMELESS}
        named = any(kind in data for kind in self.kinds)
        return dict(data) if named else {**data, self.kinds[-1]: _NAMELESS}

    def _at(self, line: Line, start: int) -> int:
        """Return when an event happens; what the door refuses anyway counts from the start."""
        at = line.data.get("at") if isinstance(line.data, dict) else None
        if not isinstance(at, str):
            return start
        try:
            return start + parse_offset(at) if _OFFSET.fullmatch(at) else parse_instant(at)
        except BadTime:
            return start

    def _arrival(self, line: Line, at: int, lead: dict[str, Any]) -> Arrival | None:
        raw = line.data
        if isinstance(raw, dict):
            own = raw.get("lead", {})
            raw = {
                "id": f"event-{line.number}" if line.number else "the-lead",
                **raw,
                "lead": {**lead, **own} if isinstance(own, dict) else own,
            }
            if raw.get("at") is None or _OFFSET.fullmatch(str(raw["at"])):
                raw["at"] = format_instant(at)
        read = self.door.read(raw, Visit(at, at, channel="simulation"))
        if isinstance(read, Outcome):
            self._refused(read, line)
            return None
        return read

    def _refused(self, outcome: Outcome, line: Line) -> None:
        """Show each fault at the field of the lead that has it, else at the event's line."""
        for fault in (outcome.error or {}).get("details", ()):
            head, _, name = fault["path"].partition(".")
            own = line.data.get("lead", {}) if isinstance(line.data, dict) else {}
            if head == "lead" and name not in own and (name,) in self.lead.values:
                place = self.lead.at((name,))
            else:
                place = line.place(self.file, fault["path"].rpartition(".")[2])
            self.found.error(fault["code"], fault["message"], place, hint=_HINT)


def read_lead(raw: bytes, file: str, found: Diagnostics) -> Document | None:
    """Return the document with a lead's fields; YAML, and so JSON too."""
    return read_document(raw, file, found)


def read_lines(raw: bytes, file: str, found: Diagnostics) -> list[Line]:
    """Return the JSON of every line that is not empty; a line that is none goes to ``found``."""
    lines: list[Line] = []
    for number, text in enumerate(raw.split(b"\n"), 1):
        if not text.strip():
            continue
        line = Line(number, None, text.decode("utf-8", "replace").rstrip())
        try:
            lines.append(msgspec.structs.replace(line, data=msgspec.json.decode(text)))
        except msgspec.DecodeError as error:
            place = line.place(file)
            hint = "write one event a line: JSON, without line breaks inside it"
            found.error("bad-json", f"the line is no JSON: {error}", place, hint=hint)
    return lines


def first_instant(lines: Iterable[Line]) -> int | None:
    """Return the earliest instant that an event names itself; offsets name none."""
    found = []
    for line in lines:
        at = line.data.get("at") if isinstance(line.data, dict) else None
        if isinstance(at, str) and not _OFFSET.fullmatch(at):
            try:
                found.append(parse_instant(at))
            except BadTime:  # the door will say so
                continue
    return min(found, default=None)
