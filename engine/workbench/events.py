"""Read the events of a test through the door that events from outside come through."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from engine.host.door import Door
from engine.host.outcome import Outcome
from engine.host.visit import Visit
from engine.language.diagnostic import Diagnostics
from engine.language.instants import BadTime, format_instant
from engine.language.reader import Document, Path
from engine.network.ruleset import Ruleset
from engine.workbench.cases import Given
from engine.workbench.times import HINT, since_start

# Keys of a test's event that are not properties of the event itself.
_OWN: Final = ("at", "event", "arrives", "lead", "properties", "channel", "history", "by")
# Carries the fields of a lead to whom nothing happens at the start. No behaviour, so no
# rule scores it; `lead_created` is the engine's own.
_PROFILE: Final = {"at": "0d", "event": "note_added"}
_NAMELESS: Final = "test-lead"


class _Timed(msgspec.Struct, frozen=True):
    """An event as it is written, with its own time and its arrival, in ms since the start."""

    at: int
    arrives: int
    data: dict[str, Any]
    path: Path


def _arrival(timed: _Timed) -> tuple[int, int]:
    return timed.arrives, timed.at


class EventReader:
    """Reads the ``events`` lists of one document.

    An event is ``{at, event}`` and its properties; ``lead`` brings fields, ``arrives`` says
    when a late one is known, and ``properties`` holds those named like one of these keys.
    """

    def __init__(self, document: Document, ruleset: Ruleset, found: Diagnostics) -> None:
        self.document = document
        self.found = found
        self.kinds = ruleset.definitions.identities
        self.door = Door(ruleset.catalogue, self.kinds, ruleset.screen)
        self.start = 0

    def read(
        self, data: list[dict[str, Any]], path: Path, start: int, lead: dict[str, Any], of: Path
    ) -> tuple[Given, ...]:
        """Return the events at ``path``, in order of arrival; ``of`` is where ``lead`` stands.

        The first to arrive, which does so at the start, brings the lead's fields, the others its
        identities.
        """
        self.start = start
        if not any(kind in lead for kind in self.kinds):
            lead = {**lead, self.kinds[-1]: _NAMELESS}
        timed = [self._timed(each, (*path, index)) for index, each in enumerate(data)]
        timed.sort(key=_arrival)
        if not timed or _arrival(timed[0]) > (0, 0):
            timed.insert(0, _Timed(0, 0, dict(_PROFILE), path))
        who = {kind: lead[kind] for kind in self.kinds if kind in lead}
        given = [
            self._given(index, each, lead if index == 0 else who, of)
            for index, each in enumerate(timed)
        ]
        return tuple(each for each in given if each is not None)

    def _timed(self, data: dict[str, Any], path: Path) -> _Timed:
        at = self._offset(data, "at", path)
        return _Timed(at, max(at, self._offset(data, "arrives", path)), data, path)

    def _given(self, index: int, timed: _Timed, lead: dict[str, Any], of: Path) -> Given | None:
        at, data, path = self.start + timed.at, timed.data, timed.path
        own = data.get("lead", {})
        raw: dict[str, Any] = {
            "id": f"event-{index + 1}",
            "type": data["event"],
            "at": format_instant(at),
            "lead": {**lead, **own} if isinstance(own, dict) else own,
            "properties": _properties(data),
            **{key: data[key] for key in ("channel", "history", "by") if key in data},
        }
        read = self.door.read(raw, Visit(at, at, channel="test"))
        if isinstance(read, Outcome):
            self._refused(read, path, own, of)
            return None
        return Given(read.event, self.start + timed.arrives)

    def _refused(self, outcome: Outcome, path: Path, own: Any, of: Path) -> None:
        """Show each fault at the key that holds the value, here or in the case's lead."""
        for fault in (outcome.error or {}).get("details", ()):
            head, _, name = fault["path"].partition(".")
            if head == "lead":
                place = (*path, "lead", name) if name in own else (*of, name)
            elif head == "properties":
                place = (*path, name)
            else:
                place = (*path, {"type": "event"}.get(head, head))
            hint = "a test's events are checked like events from outside"
            self.found.error(fault["code"], fault["message"], self.document.at(place), hint=hint)

    def _offset(self, data: dict[str, Any], key: str, path: Path) -> int:
        if key not in data:
            return 0
        try:
            return since_start(str(data[key]), self.start)
        except BadTime as error:
            self.found.error("bad-time", str(error), self.document.at((*path, key)), hint=HINT)
            return 0


def _properties(data: dict[str, Any]) -> dict[str, Any]:
    named = data.get("properties")
    others = {key: value for key, value in data.items() if key not in _OWN}
    return {**others, **named} if isinstance(named, dict) else others
