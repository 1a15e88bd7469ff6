"""Whole schemas: the structure of a kind of file, with the definitions that it uses."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from engine.language.schemas import (
    calendars,
    catalog,
    imports,
    intake,
    journeys,
    lifecycle,
    messages,
    reports,
    routing,
    scoring,
    server,
    shared,
    tests,
)
from engine.language.schemas.forms import Schema, mapping, ref
from engine.language.schemas.special import definitions
from engine.language.schemas.vocabulary import Vocabulary

_STRUCTURES: Final[Mapping[str, Callable[[], Schema]]] = {
    "catalog": catalog.structure,
    "intake": intake.structure,
    "calendars": calendars.structure,
    "scoring": scoring.structure,
    "lifecycle": lifecycle.structure,
    "routing": routing.structure,
    "journeys": journeys.structure,
    "messages": messages.structure,
    "reports": reports.structure,
    "server": server.structure,
    "test": tests.structure,
    "import": imports.structure,
}
KINDS: Final = tuple(_STRUCTURES)
DRAFT: Final = "http://json-schema.org/draft-07/schema#"
HOME: Final = "https://leadrules.dev/schemas"


def base(kind: str) -> Schema:
    """Return the structure of one kind of file, whatever names a configuration has."""
    return _whole(kind, shared.definitions())


def specialised(vocabulary: Vocabulary) -> dict[str, Schema]:
    """Return the schemas of all kinds of files for the configuration with these names."""
    known = {**shared.definitions(), **definitions(vocabulary)}
    return {kind: _whole(kind, known) for kind in KINDS}


def _whole(kind: str, known: Mapping[str, Schema]) -> Schema:
    structure = _STRUCTURES[kind]()
    # Tests expect facts: no condition of theirs could have a name.
    named = {} if kind == "test" else {"conditions": mapping(ref("condition"), shared.NAMED)}
    body = {**structure, "properties": {**structure["properties"], **named}}
    return {
        "$schema": DRAFT,
        "$id": f"{HOME}/{kind}.schema.json",
        "type": "object",
        "additionalProperties": False,
        **body,
        "definitions": _used(body, known),
    }


def _used(body: Schema, known: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the definitions that ``body`` refers to, and those that they refer to."""
    found: dict[str, Schema] = {}
    waiting = [body]
    while waiting:
        for name in _references(waiting.pop()):
            if name not in found:
                found[name] = known[name]
                waiting.append(known[name])
    return {name: found[name] for name in known if name in found}


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, dict):
        target = schema.get("$ref")
        if isinstance(target, str):
            yield target.rpartition("/")[2]
        schema = list(schema.values())
    if isinstance(schema, list):
        for each in schema:
            yield from _references(each)
