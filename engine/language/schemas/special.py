"""The definitions that know one configuration's names."""

from __future__ import annotations

from collections.abc import Iterable

from engine.language.catalogue import Field
from engine.language.schemas import conditions, examples, fields, plugins
from engine.language.schemas.forms import Schema, choice, listing, record, text
from engine.language.schemas.shared import NAMES
from engine.language.schemas.vocabulary import Vocabulary
from engine.language.scope import ANY


def definitions(v: Vocabulary) -> dict[str, Schema]:
    """Return the definitions for the configuration with the names ``v``."""
    return {
        **_names(v),
        **_events(v),
        **_bounds(),
        "values": _values(v),
        **fields.definitions(),
        **conditions.definitions(v),
        **plugins.definitions(v),
        **examples.definitions(v),
    }


def _names(v: Vocabulary) -> dict[str, Schema]:
    """Names of other files are listed; those of the same file are only proposed.

    What has just been written above in the same file is right, although this schema, made
    earlier, does not know it yet.
    """
    scope = v.scope
    paths = conditions.facts(v)
    dimensions = [d for each in scope.models.values() for d in each]
    return {
        "dimension": _proposed("dimension", dimensions),
        "stage": _proposed("stage", scope.stages),
        "message": _listed("message", v.messages),
        "connection": _listed("connection", v.connections),
        "template": _listed("template", v.templates),
        "team": _proposed("team", v.teams),
        "pool": _proposed("pool", v.pools),
        "member": _proposed("member", v.members),
        "calendar": _listed("calendar", sorted(scope.calendars)),
        "step": _proposed("step", [*v.steps, "end"]),
        "journey": _proposed("journey", sorted(scope.journeys)),
        "since": _proposed("since", ["enter", *v.steps]),
        "plugin": _listed("plugin", v.actions),
        "path": _listed("path", paths),
        "number-path": _listed("number-path", [p for p, f in paths.items() if _counts(p, f)]),
        "to": _proposed("to", ["owner", *v.members]),
    }


def _counts(path: str, field: Field) -> bool:
    return field.family == "number" and not path.startswith("event.")


def _listed(name: str, known: Iterable[str]) -> Schema:
    names = list(dict.fromkeys(known))
    return choice(names, NAMES[name]) if names else text(NAMES[name])


def _proposed(name: str, known: Iterable[str]) -> Schema:
    names = list(dict.fromkeys(known))
    return text(NAMES[name], **({"examples": names} if names else {}))


def _events(v: Vocabulary) -> dict[str, Schema]:
    catalogue = v.scope.catalogue
    names = list(catalogue.heard)
    labels = [str(catalogue.events[name].label or name) for name in names]
    one = {**choice(names, "An event type (事件)."), "enumDescriptions": labels}
    or_any = choice([ANY, *names], "An event type, or any: whatever the lead does.")
    or_any["enumDescriptions"] = ["whatever the lead does (任何行为)", *labels]
    several = listing(one, "One of these events.", 1)
    return {"events": {"anyOf": [or_any, several]}}


def _bounds() -> dict[str, Schema]:
    """What the loader says itself, in words of its own, after the structure is found right."""
    return {
        "repeats": _words("once", "each"),
        "reenters": _words("never", "always"),
        "assigns": {
            "allOf": [
                {"minProperties": 1},
                _needs("strategy", "territory", "by"),
                _needs("strategy", "designated", "member"),
            ]
        },
        "climbs": _needs("do", "recycle", "to"),
        "waits": {"dependencies": {"event": ["within"]}},
    }


def _words(*words: str) -> Schema:
    return {"if": {"type": "string"}, "then": {"enum": list(words)}}


def _needs(key: str, value: str, needed: str) -> Schema:
    chosen = {"properties": {key: {"const": value}}, "required": [key]}
    return {"if": chosen, "then": {"required": [needed]}}


def _values(v: Vocabulary) -> Schema:
    given = {
        name: fields.shown(name, field, fields.value(field))
        for name, field in v.scope.catalogue.fields.items()
        if not field.derived and field.type != "consent"
    }
    return record(given, description="Fields of the lead to write, by name.")
