"""The names of one configuration, as its schemas list them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from engine.language.scope import Scope
from engine.language.sections.part import Part

Parts = Mapping[str, Sequence[Part]]


class ActionForms(msgspec.Struct, frozen=True):
    """JSON Schemas of an action plugin: of a step's ``with``, and of a connection's settings."""

    params: Mapping[str, Any]
    connection: Mapping[str, Any]


class Vocabulary(msgspec.Struct, frozen=True, kw_only=True):
    """Every name that a configuration declares, also in files with mistakes.

    ``connections`` maps each to its plugin, ``actions`` each action plugin to its forms,
    ``channels`` each channel plugin to the JSON Schema of its settings,
    ``rules`` are scoring rules, routes and journeys: what a test may expect to fire.
    """

    scope: Scope
    rules: tuple[str, ...] = ()
    steps: tuple[str, ...] = ()
    messages: tuple[str, ...] = ()
    topics: tuple[str, ...] = ()
    templates: tuple[str, ...] = ()
    teams: tuple[str, ...] = ()
    members: tuple[str, ...] = ()
    pools: tuple[str, ...] = ()
    connections: Mapping[str, str] = {}
    actions: Mapping[str, ActionForms] = {}
    channels: Mapping[str, Mapping[str, Any]] = {}


def vocabulary_of(scope: Scope, parts: Parts, templates: Sequence[str]) -> Vocabulary:
    """Return the names that ``parts`` declare, by kind of file."""
    journeys = [j for p in parts["journeys"] for j in _maps(p.data, "journeys")]
    messages = [m for p in parts["messages"] for m in _members(p.data, "messages")]
    teams = [t for p in parts["routing"] for t in _members(p.data, "teams")]
    connections = [c for p in parts["server"] for c in _members(p.data, "connections")]
    return Vocabulary(
        scope=scope,
        rules=_distinct((*_rules(parts), *_named(journeys, "id"))),
        steps=_distinct(s for j in journeys for s in _named(_maps(j, "steps"), "id")),
        messages=_distinct(name for name, _ in messages),
        topics=_distinct(_named([m for _, m in messages], "topic")),
        templates=tuple(sorted(templates)),
        teams=_distinct(name for name, _ in teams),
        members=_distinct(m for _, t in teams for m in _named(_maps(t, "members"), "id")),
        pools=_distinct(n for p in parts["routing"] for n, _ in _members(p.data, "pools")),
        connections={name: str(c.get("plugin", "")) for name, c in connections},
    )


def _rules(parts: Parts) -> Iterator[str]:
    for part in parts["scoring"]:
        for _, model in _members(part.data, "models"):
            yield from _named(_maps(model, "rules"), "id")
    for part in parts["routing"]:
        yield from _named(_maps(part.data, "rules"), "id")


def _members(data: Any, key: str) -> list[tuple[str, dict[str, Any]]]:
    """Return (name, map) of the members of a map; a member that is no map counts as empty."""
    found = data.get(key) if isinstance(data, dict) else None
    if not isinstance(found, dict):
        return []
    return [(name, value if isinstance(value, dict) else {}) for name, value in found.items()]


def _maps(data: Any, key: str) -> list[dict[str, Any]]:
    """Return the maps in a list."""
    found = data.get(key) if isinstance(data, dict) else None
    return [item for item in found if isinstance(item, dict)] if isinstance(found, list) else []


def _named(maps: Sequence[dict[str, Any]], key: str) -> list[str]:
    return [m[key] for m in maps if isinstance(m.get(key), str)]


def _distinct(names: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(names))
