"""``sources`` of ``catalog.yaml``: the tree of sources, and the lead fields that it fills."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Final

from msgspec.structs import replace

from engine.language.catalogue import Field
from engine.language.diagnostic import Diagnostics
from engine.language.label import LANGUAGES, Label, Text, in_language, label_of
from engine.language.nearest import did_you_mean
from engine.language.sections.part import Part
from engine.language.taxonomy import PATH, UNCLASSIFIED, Node, Taxonomy

# What stands below a channel, below a kind of it, and below a detail of that.
_BELOW: Final = ("kinds", "details", None)
_SINGLE: Final = ("label", "origin", "free")
_LISTS: Final = ("names", "mediums", "events")
TOUCHES: Final = ("first_touch", "last_touch")
_TOLD: Final = {
    "first_touch": {"zh": "首次触点：", "en": "First touch: "},
    "last_touch": {"zh": "末次触点：", "en": "Last touch: "},
}
_OWN: Final = {
    "at": ("datetime", {"zh": "时间", "en": "when"}),
    "via": ("string", {"zh": "渠道插件", "en": "channel plugin"}),
    "form": ("string", {"zh": "表单", "en": "form"}),
}


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
        called = {path[depth]: tree.label(path) for path in tree.nodes if len(path) == depth + 1}
        called[UNCLASSIFIED] = fields[name].called[UNCLASSIFIED]
        values = (*tree.level(depth), UNCLASSIFIED)
        whole[name] = replace(fields[name], values=values, called=called)
    for touch in TOUCHES:
        for field in list(_touch(whole, touch)):
            whole[field.name] = field
    return whole


def _touch(fields: Mapping[str, Field], touch: str) -> Iterator[Field]:
    def called(part: Text) -> Label:
        told = {each: in_language(part, each) or "" for each in LANGUAGES}
        return Label({each: f"{_TOLD[touch][each]}{text}" for each, text in told.items()})

    for name, (type, told) in _OWN.items():
        yield Field(f"{touch}.{name}", type, called(Label(told)), derived=True)
    for name, field in fields.items():
        if name.startswith("source."):
            part = name.removeprefix("source.")
            label = called(field.label or part)
            yield replace(field, name=f"{touch}.{part}", label=label, derived=True)


def _nodes(part: Part) -> Iterator[tuple[Node, Part]]:
    yield from _level(part, "sources", ())


def _level(part: Part, key: str, above: tuple[str, ...]) -> Iterator[tuple[Node, Part]]:
    for id, member in part.entries(key):
        path = (*above, id)
        yield _node(member.data or {}, path), member
        below = _BELOW[len(path) - 1]
        if below is not None and member.data:
            yield from _level(member, below, path)


def _node(data: Mapping[str, Any], path: tuple[str, ...]) -> Node:
    lists = {name: tuple(data.get(name, ())) for name in _LISTS}
    origin, free = data.get("origin"), data.get("free")
    return Node(path, label_of(data.get("label")), origin, free, **lists)


def _joined(old: Node | None, new: Node) -> Node:
    if old is None:
        return new
    told = {name: given for name in _SINGLE if (given := getattr(new, name)) is not None}
    lists = {name: dict.fromkeys((*getattr(old, name), *getattr(new, name))) for name in _LISTS}
    return replace(old, **told, **{name: tuple(both) for name, both in lists.items()})
