"""One vocabulary for several configurations that share their schemas."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import TypeVar

import msgspec

from engine.errors import LeadrulesError
from engine.language.catalogue import Catalogue, EventType, Field
from engine.language.schemas.vocabulary import Vocabulary
from engine.language.scope import Scope
from engine.language.taxonomy import Taxonomy

K = TypeVar("K")


class Clash(LeadrulesError):
    """Two configurations give one name to different things."""

    code = "schema-clash"


def together(vocabularies: Iterable[Vocabulary]) -> Vocabulary:
    """Return the names of all; raises Clash where a field or property has two types."""
    return reduce(_joined, vocabularies)


def _joined(a: Vocabulary, b: Vocabulary) -> Vocabulary:
    lists = ("rules", "steps", "messages", "topics", "templates", "teams", "members", "pools")
    return msgspec.structs.replace(
        a,
        scope=_scope(a.scope, b.scope),
        **{name: _both(getattr(a, name), getattr(b, name)) for name in lists},
        connections={**a.connections, **b.connections},
        actions={**a.actions, **b.actions},
        channels={**a.channels, **b.channels},
    )


def _scope(a: Scope, b: Scope) -> Scope:
    return Scope(
        catalogue=_catalogue(a.catalogue, b.catalogue),
        models=_lists(a.models, b.models),
        grades=_lists(a.grades, b.grades),
        stages=_both(a.stages, b.stages),
        journeys=a.journeys | b.journeys,
        named={**a.named, **b.named},
        calendars=a.calendars | b.calendars,
    )


def _catalogue(a: Catalogue, b: Catalogue) -> Catalogue:
    events = {**a.events, **b.events}
    for name in a.events.keys() & b.events.keys():
        events[name] = _event(a.events[name], b.events[name])
    sources = Taxonomy([*{**a.sources.nodes, **b.sources.nodes}.values()])
    return Catalogue(_fields(a.fields, b.fields, "lead"), events, sources)


def _event(a: EventType, b: EventType) -> EventType:
    return msgspec.structs.replace(a, properties=_fields(a.properties, b.properties, a.name))


def _fields(a: Mapping[str, Field], b: Mapping[str, Field], owner: str) -> dict[str, Field]:
    return {**a, **b, **{n: _field(a[n], b[n], owner) for n in a.keys() & b.keys()}}


def _field(a: Field, b: Field, owner: str) -> Field:
    if (a.type, a.of) != (b.type, b.of):
        raise Clash(
            f'"{a.name}" of {owner} is of type {a.type} in one configuration and of type '
            f"{b.type} in another; write their schemas into different folders"
        )
    return msgspec.structs.replace(a, values=_both(a.values, b.values))


def _lists(a: Mapping[K, Sequence[str]], b: Mapping[K, Sequence[str]]) -> dict[K, Sequence[str]]:
    return {key: _both(a.get(key, ()), b.get(key, ())) for key in {**a, **b}}


def _both(a: Iterable[str], b: Iterable[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys((*a, *b)))
