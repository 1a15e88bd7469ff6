"""Tests of rules: fields that leads are given, what happens to them, what is expected."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from engine.language.catalogue import MESSAGE_PROPERTIES, EventType
from engine.language.notices import KINDS
from engine.language.schemas.conditions import alike, facts, suggested
from engine.language.schemas.fields import either, shown, value
from engine.language.schemas.forms import (
    Schema,
    choice,
    listing,
    mapping,
    record,
    ref,
    text,
    typed,
)
from engine.language.schemas.vocabulary import Vocabulary

# A row of a table fills `$name` in; null takes a value away.
_FILLED: Final = {"type": ["string", "null"], "pattern": r"\$"}
_ROW: Final = {"type": "string", "pattern": r"\$"}
_STATUSES: Final = ("given", "withdrawn")


def definitions(v: Vocabulary) -> dict[str, Schema]:
    """Return ``event``, ``facts``, ``happens`` and ``expectation``."""
    return {
        "event": either([_event(v), _ROW]),
        "facts": _facts(v),
        "happens": {
            "allOf": [_happens(group) for group in alike(v.scope.catalogue.events.values())]
        },
        "expectation": _expectation(v),
    }


def _event(v: Vocabulary) -> Schema:
    catalogue = v.scope.catalogue
    labels = [str(event.label or event.name) for event in catalogue.events.values()]
    return {**choice(catalogue.events, "An event type (事件)."), "enumDescriptions": labels}


def _facts(v: Vocabulary) -> Schema:
    given = {
        name: shown(name, field, either([value(field), _FILLED]))
        for name, field in v.scope.catalogue.fields.items()
        if not field.derived and field.type != "consent"
    }
    status = either([choice(_STATUSES), _FILLED])
    evidence = record(
        {"status": choice(_STATUSES), "at": text(), "source": text(), "text": text()},
    )
    topic = either([status, evidence])
    nested = {name.partition(".")[2]: s for name, s in given.items() if name.startswith("source.")}
    own = {
        "id": text("The lead's own id."),
        "source": either([typed(["string", "null"]), record(nested)]),
        "consent": mapping(topic, "Consent (同意) by topic: given or withdrawn."),
    }
    consents = {r"^consent\.": topic}
    return record({**given, **own}, description="Fields of the lead.", patternProperties=consents)


def _happens(group: Sequence[EventType]) -> Schema:
    carried = {
        name: shown(name, field, either([value(field), _FILLED]))
        for name, field in group[0].properties.items()
    }
    if any(event.group == "message" for event in group):
        carried = {**{p: text() for p in MESSAGE_PROPERTIES}, **carried}
    keys = {
        **carried,
        "at": text(),
        "event": ref("event"),
        "arrives": text("When it is posted, if late."),
        "lead": ref("facts"),
        "properties": record(carried),
        "channel": text("The channel it came by."),
        "history": typed(["boolean", "string"], "true: no news, only history."),
        "by": text("Who did it."),
    }
    return {
        "if": {
            "properties": {"event": {"enum": [e.name for e in group]}},
            "required": ["event"],
        },
        "then": {"properties": keys, "additionalProperties": False},
    }


def _expectation(v: Vocabulary) -> Schema:
    known = {
        path: shown(path, field, {"anyOf": [suggested(v, path, field), _FILLED]})
        for path, field in facts(v).items()
    }
    rules = {
        "type": ["string", "array", "object"],
        "items": text(examples=list(v.rules)),
        "additionalProperties": typed(["boolean", "string"]),
    }
    told = {
        "at": text("When: an offset from start such as 2d12h, or an instant."),
        "fired": {**rules, "description": "Rules that have fired; a map says of each whether."},
        "not_fired": {
            **rules,
            "description": "Rules that have not fired; a map says of each whether.",
        },
        **{name: _of_row(listing(record(keys))) for name, keys in _lists().items()},
    }
    consent: dict[str, Schema] = {r"^lead\.consent\.": {}}
    return record({**told, **known}, ["at"], patternProperties=consent)


def _of_row(schema: Schema) -> Schema:
    """Return the schema of the same list, or of what a row of the table fills in."""
    return {**schema, "type": [schema["type"], "string"], "pattern": _ROW["pattern"]}


def _lists() -> dict[str, dict[str, Schema]]:
    """Return the keys of what was sent, done and given to people to do."""
    place = {"journey": text(), "step": text(), "at": text()}
    message, connection = (either([ref(name), _ROW]) for name in ("message", "connection"))
    priority = either([choice(("low", "normal", "high")), _ROW])
    return {
        "sends": {"message": message, "connection": connection, **place},
        "does": {
            "do": connection,
            "to": typed(["string", "null"]),
            "kind": either([choice(KINDS), _ROW]),
            "reason": text(),
            **place,
        },
        "blocked": {"message": message, "reason": text(), **place},
        "tasks": {
            "title": text(),
            "owner": typed(["string", "null"]),
            "priority": priority,
            **place,
        },
    }
