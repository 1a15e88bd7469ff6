"""``sources`` of ``catalog.yaml``: the tree of sources, and the lead fields that it fills."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.language.catalogue import Field
from engine.language.diagnostic import Diagnostics
from engine.language.nearest import did_you_mean
from engine.language.sections.part import Part
from engine.language.taxonomy import PATH, UNCLASSIFIED, Node, Taxonomy

# What stands below a channel, below a kind of it, and below a detail of that.
_BELOW: Final = ("kinds", "details", None)
_SINGLE: Final = ("label", "en", "origin", "free")
_LISTS: Final = ("names", "mediums", "events")
TOUCHES: Final = ("first_touch", "last_touch")
_TOLD: Final = {"first_touch": "首次触点", "last_touch": "末次触点"}


def build(parts: Sequence[Part], base: Taxonomy | None = None) -> Taxonomy:
    """Return the tree that ``parts`` write on top of ``base``; a node said again is added to."""
    nodes = dict(base.nodes) if base else {}
    for part in parts:
        for node, _ in _nodes(part):
            nodes[node.path] = _joined(nodes.get(node.path), node)
    return Taxonomy(list(nodes.values()))


def check(parts: Sequence[Part], events: Collection[str], found: Diagnostics) -> None:
    """Say which events of the tree there are not."""
    for part in parts:
        for node, written in _nodes(part):
            for index, name in enumerate(node.events):
                if name not in events:
                    hint = did_you_mean(name, events)
                    place = written.child("events").child(index).source
                    found.error("unknown-event", f'"{name}" is no event; {hint}', place, hint=hint)


def completed(fields: Mapping[str, Field], tree: Taxonomy) -> dict[str, Field]:
    """Return the fields with the values that the tree has, and those of touches.

    A touch has all that a source has, when it was (``at``), how it came in (``via``) and the form.
    """
    whole = dict(fields)
    for depth, name in enumerate(PATH):
        whole[name] = replace(fields[name], values=(*tree.level(depth), UNCLASSIFIED))
    for touch in TOUCHES:
        for field in list(_touch(whole, touch)):
            whole[field.name] = field
    return whole


def _touch(fields: Mapping[str, Field], touch: str) -> Iterator[Field]:
    label = _TOLD[touch]
    for name, type, told in (("at", "datetime", "时间"), ("via", "string", "渠道插件")):
        yield Field(f"{touch}.{name}", type, f"{label}{told}", derived=True)
    yield Field(f"{touch}.form", "string", f"{label}表单", derived=True)
    for name, field in fields.items():
        if name.startswith("source."):
            part = name.removeprefix("source.")
            called = f"{label}{field.label or part}"
            yield replace(field, name=f"{touch}.{part}", label=called, derived=True)


def _nodes(part: Part) -> Iterator[tuple[Node, Part]]:
    yield from _level(part, "sources", ())


def _level(part: Part, key: str, above: tuple[str, ...]) -> Iterator[tuple[Node, Part]]:
    for id, member in part.entries(key):
        path = (*above, id)
        yield msgspec.convert({**_flat(member.data or {}), "path": path}, Node), member
        below = _BELOW[len(path) - 1]
        if below is not None and member.data:
            yield from _level(member, below, path)


def _flat(data: Mapping[str, Any]) -> dict[str, Any]:
    return {name: data[name] for name in (*_SINGLE, *_LISTS) if name in data}


def _joined(old: Node | None, new: Node) -> Node:
    if old is None:
        return new
    told = {name: given for name in _SINGLE if (given := getattr(new, name)) is not None}
    lists = {name: dict.fromkeys((*getattr(old, name), *getattr(new, name))) for name in _LISTS}
    return replace(old, **told, **{name: tuple(both) for name, both in lists.items()})
