"""The door: JSON from anywhere becomes an event, checked and normalised, or is refused.

Whatever is wrong is said at once, each thing with its path. Nothing is coerced; empty text
and null mean "not given".
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import msgspec

from engine.host.faults import Faults, shown
from engine.host.fields import LeadFields, fitted
from engine.host.ids import new_id
from engine.host.outcome import Outcome
from engine.host.visit import Arrival, Visit
from engine.language.catalogue import MESSAGE_PROPERTIES, Catalogue, EventType, Field
from engine.language.instants import MINUTE, BadTime, parse_instant
from engine.language.taxonomy import SAID
from engine.machines.state import Event
from engine.network.screening import Entering, Screen

KEYS: Final = ("id", "type", "at", "lead", "properties", "channel", "history", "by", "client")
_KEYS: Final = frozenset(KEYS)
ENGINE: Final = "engine"  # the channel, and the group of events, that only the engine uses
_PEOPLE: Final = "people"  # the group of events that people make
TOLERANCE: Final = 10 * MINUTE
MAX_ID: Final = 200
MAX_AGENT: Final = 1_000
# Ids that the engine makes; from outside they could keep its own events out of the log.
RESERVED: Final = ("wake:", "receipt:", "enriched:", "merged:")
CLIENT: Final = ("ip", "agent")
_SHORT: Final = Field("text", "string")
_SAID: Final = frozenset(SAID)
_FORM: Final = "form_submitted"  # a touch of the channel that it came in by, if that is a source


class Door:
    """Reads raw events by one catalogue; ``identities`` are the kinds, strongest first.

    With a ``screen`` its verdict is recorded with each event.
    """

    def __init__(
        self, catalogue: Catalogue, identities: tuple[str, ...], screen: Screen | None = None
    ) -> None:
        self._events = catalogue.events
        self._sources = catalogue.sources
        self._outside = tuple(e.name for e in catalogue.events.values() if e.group != ENGINE)
        self._fields = LeadFields(catalogue.fields, identities, screen)
        self._screen = screen
        self._carried = {name: Field(name, "string") for name in MESSAGE_PROPERTIES}

    def read(self, raw: Any, visit: Visit) -> Arrival | Outcome:
        """Return the event in ``raw``, or its rejection. Never raises, whatever ``raw`` is."""
        faults = Faults(visit.hints)
        if not isinstance(raw, dict):
            faults.add("bad-event", "", f"an event is a JSON object, not {shown(raw)}")
            return faults.outcome(None)
        _unknown(raw, faults)
        id = _text(raw, "id", faults, MAX_ID)
        if id is not None and id.startswith(RESERVED) and not visit.own:
            faults.add("bad-id", "id", f"ids that start with {id.split(':')[0]}: are the engine's")
        arrival = self._arrival(raw, id, visit, faults)
        if arrival is None or faults.items:
            return faults.outcome(id)
        return arrival

    def _arrival(
        self, raw: dict[str, Any], id: str | None, visit: Visit, faults: Faults
    ) -> Arrival | None:
        kind = self._type(raw, faults)
        if not visit.deeds:
            _no_deed(raw, kind, faults)
        at = _at(raw, visit, faults)
        channel = _channel(raw, visit, faults)
        by = _text(raw, "by", faults, MAX_ID) or visit.by
        lead = self._fields.read(raw.get("lead"), faults)
        properties = self._properties(raw.get("properties"), kind, faults)
        history = _history(raw, faults)
        client = _client(raw, visit, faults)
        if lead.evidence:
            properties["consent"] = lead.evidence
        if not (lead.identities or lead.id or faults.items):
            _nobody(lead.facts, self._fields.identities, faults)
        if faults.items or kind is None:
            return None
        lead.facts.update(self._placed(lead.facts, channel, kind.name))
        event = Event(
            id=id or new_id(visit.now),
            type=kind.name,
            at=at,
            lead=lead.facts,
            properties=properties,
            channel=channel,
            history=history,
            by=by,
            client=client,
            raw=lead.raw,
        )
        return Arrival(self._screened(event, kind, visit), lead.identities, lead.id)

    def _screened(self, event: Event, kind: EventType, visit: Visit) -> Event:
        """Return the event with the verdict of intake."""
        screen = self._screen
        if screen is None or visit.own:
            return event
        entering = Entering(event.type, event.lead, event.properties, event.client, event.by)
        verdict = screen.judge(entering, visit.now)
        scanner = screen.scanner(event.client) if event.client and kind.behaviour else None
        if scanner is not None:
            return msgspec.structs.replace(event, bot=True, screened={**verdict, "bot": scanner})
        return msgspec.structs.replace(event, screened=verdict) if verdict else event

    def _placed(self, facts: Mapping[str, Any], channel: str, type: str) -> dict[str, str]:
        """Return where a touch falls in the tree of sources; nothing for what is none.

        It stays with the event, so that a replay finds the same whatever the tree is by then.
        """
        tree = self._sources
        by_itself = type in tree.touches or (type == _FORM and tree.named(channel))
        if _SAID.isdisjoint(facts) and not by_itself:
            return {}
        return tree.placed({name: facts.get(name) for name in SAID}, channel, type)

    def _type(self, raw: dict[str, Any], faults: Faults) -> EventType | None:
        name = raw.get("type")
        if name is None:
            faults.add("no-type", "type", 'an event needs a "type", such as "form_submitted"')
            return None
        kind = self._events.get(name) if isinstance(name, str) else None
        if kind is None:
            near = faults.hints.near(name, self._outside) if isinstance(name, str) else ""
            faults.add("unknown-type", "type", f"{shown(name)} is not a known event type{near}")
        elif kind.group == ENGINE:
            faults.add("reserved-type", "type", f"only the engine itself makes {shown(name)}")
        return kind

    def _properties(self, raw: Any, kind: EventType | None, faults: Faults) -> dict[str, Any]:
        if raw is None or kind is None:
            return {}
        if not isinstance(raw, dict):
            faults.add("bad-value", "properties", f"properties are an object, not {shown(raw)}")
            return {}
        found: dict[str, Any] = {}
        for name, value in raw.items():
            if faults.items and faults.full:
                break
            if value is None or value == "":
                continue
            field = kind.properties.get(name) or self._carried_by(kind, name)
            if field is None:
                near = faults.hints.near(str(name), kind.properties)
                message = f"{kind.name} has no property {shown(name)}{near}"
                faults.add("unknown-property", f"properties.{name}", message)
                continue
            fitted(field, value, f"properties.{name}", faults, found)
        return found

    def _carried_by(self, kind: EventType, name: Any) -> Field | None:
        """Events about messages also say which message, and from which step of a journey."""
        return self._carried.get(name) if kind.group == "message" else None


def _unknown(raw: dict[Any, Any], faults: Faults) -> None:
    if raw.keys() <= _KEYS:
        return
    for name in raw:
        if name not in KEYS and not faults.full:
            near = faults.hints.near(str(name), KEYS)
            faults.add("unknown-key", str(name), f"an event has no key {shown(name)}{near}")


def _no_deed(raw: dict[str, Any], kind: EventType | None, faults: Faults) -> None:
    """A sender that may lie in a web page wins no deals, and speaks in no colleague's name.

    What colleagues write is not screened like what strangers send.
    """
    if kind is not None and kind.group == _PEOPLE:
        message = f"{shown(kind.name)} is what people do; this sender may not send it"
        faults.add("forbidden-type", "type", message)
    if raw.get("by") not in (None, ""):
        faults.add("forbidden-by", "by", "this sender may not name who did it; leave by out")


def _history(raw: dict[str, Any], faults: Faults) -> bool:
    history = raw.get("history")
    if history is not None and not isinstance(history, bool):
        faults.add("bad-value", "history", f"history is true or false, not {shown(history)}")
    return history is True


def _text(raw: dict[str, Any], name: str, faults: Faults, most: int) -> str | None:
    """Return a short text of the event itself, None when not given."""
    value = raw.get(name)
    if value is None or value == "":
        return None
    found: dict[str, Any] = {}
    fitted(_SHORT, value, name, faults, found)
    text: str | None = found.get(_SHORT.name)
    if text is not None and len(text) > most:
        message = f"{name} has {len(text)} characters; at most {most} fit"
        faults.add("bad-value", name, message)
        return None
    return text or None


def _client(raw: dict[str, Any], visit: Visit, faults: Faults) -> dict[str, str]:
    """Return whose browser or device an event came from."""
    given = raw.get("client")
    if given is None:
        return dict(visit.client)
    if not isinstance(given, dict):
        faults.add("bad-value", "client", f"client is an object, not {shown(given)}")
        return {}
    found: dict[str, str] = {}
    for name in given:
        if name not in CLIENT and not faults.full:
            near = faults.hints.near(str(name), CLIENT)
            faults.add("unknown-key", f"client.{name}", f"client has no key {shown(name)}{near}")
    for name in CLIENT:
        text = _text(given, name, faults, MAX_AGENT)
        if text is not None:
            found[name] = text
    return found


def _channel(raw: dict[str, Any], visit: Visit, faults: Faults) -> str:
    channel = _text(raw, "channel", faults, MAX_ID) or visit.channel
    if channel == ENGINE:
        faults.add("bad-value", "channel", 'the channel "engine" is the engine\'s own')
    return channel


def _at(raw: dict[str, Any], visit: Visit, faults: Faults) -> int:
    value = raw.get("at")
    if value is None or value == "":
        return visit.now
    if not isinstance(value, str):
        message = f"at is text such as 2026-03-02T09:00:00+08:00, not {shown(value)}"
        faults.add("bad-time", "at", message)
        return visit.now
    try:
        at = parse_instant(value[:80])
    except BadTime as error:
        faults.add("bad-time", "at", str(error))
        return visit.now
    if at > visit.latest:
        message = f"{shown(value)} lies in the future; what has not happened yet is no event"
        faults.add("bad-time", "at", message)
    return at


def _nobody(facts: dict[str, Any], kinds: tuple[str, ...], faults: Faults) -> None:
    """Say which identity is missing, or that the one given is of no use."""
    useless = [kind for kind in kinds if kind in facts]
    why = f" ({' and '.join(useless)} given, but not valid)" if useless else ""
    message = f"nobody is named{why}; lead needs one of {', '.join(kinds)} or id"
    faults.add("no-identity", "lead", message)
