"""A piece of a document with its place, and what every section's builder needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from typing import Any

from engine.language.conditions import ConditionParser
from engine.language.diagnostic import Diagnostics, Source
from engine.language.instants import parse_duration, parse_working
from engine.language.label import Text, label_of
from engine.language.nearest import did_you_mean
from engine.language.reader import Document, Path
from engine.language.rules import Condition, Span
from engine.language.scope import Scope


class Part:
    """The value at one path of one document. Its structure has passed the schema."""

    __slots__ = ("bad", "data", "document", "path")

    def __init__(
        self, document: Document, data: Any, path: Path = (), bad: frozenset[Path] = frozenset()
    ) -> None:
        self.document = document
        self.data = data
        self.path = path
        self.bad = bad

    @property
    def source(self) -> Source:
        """Where the value stands."""
        return self.document.at(self.path)

    @property
    def key_source(self) -> Source:
        """Where the key stands that leads to the value."""
        return self.document.key(self.path)

    def places(self) -> dict[Path, Source]:
        """Return where the keys of all that is below stand, by their path from here."""
        length = len(self.path)
        below = (path for path in self.document.values if path[:length] == self.path)
        return {path[length:]: self.document.key(path) for path in below if len(path) > length}

    @property
    def sound(self) -> bool:
        """Whether the schema found nothing wrong in or under this value."""
        length = len(self.path)
        return all(path[:length] != self.path for path in self.bad)

    def holds_up(self, own: Collection[str], inner: Collection[str]) -> bool:
        """Whether what is wrong in this map leaves the rest of it to be looked at.

        ``own`` are the keys without which it means nothing; members of what is under
        ``inner`` are judged one by one, so that one of them never hides another's mistakes.
        """
        length = len(self.path)
        under = [path[length:] for path in self.bad if path[:length] == self.path]
        return all(
            rest and rest[0] not in own and (len(rest) > 1 or rest[0] not in inner)
            for rest in under
        )

    def child(self, key: str | int) -> Part:
        """Return the part below; its data is None when there is none."""
        try:
            data = self.data[key]
        except (KeyError, IndexError, TypeError):
            data = None
        return Part(self.document, data, (*self.path, key), self.bad)

    def get(self, key: str, default: Any = None) -> Any:
        """Return the plain value below, or ``default`` where it is absent."""
        found = self.data.get(key) if isinstance(self.data, dict) else None
        return default if found is None else found

    def label(self) -> Text | None:
        """Return what people read, a `Label` where it is written in several languages."""
        return label_of(self.get("label"))

    def entries(
        self, key: str | None = None, own: Collection[str] = (), inner: Collection[str] = ()
    ) -> Iterator[tuple[str, Part]]:
        """Yield (name, part) of the members of a map that are sound, or with ``inner`` hold up."""
        part = self if key is None else self.child(key)
        if isinstance(part.data, dict):
            for name in part.data:
                member = part.child(name)
                if member.holds_up(own, inner) if inner else member.sound:
                    yield name, member

    def items(
        self, key: str, own: Collection[str] = (), inner: Collection[str] = ()
    ) -> Iterator[Part]:
        """Yield the items of a list that are sound, or with ``inner`` hold up."""
        part = self.child(key)
        if isinstance(part.data, list):
            for index in range(len(part.data)):
                item = part.child(index)
                if item.holds_up(own, inner) if inner else item.sound:
                    yield item


class Builder:
    """Shared by the sections: conditions, durations, references and duplicates."""

    def __init__(self, scope: Scope, found: Diagnostics) -> None:
        self.scope = scope
        self.found = found

    def parser(self, part: Part, rule: str | None, events: Sequence[str] = ()) -> ConditionParser:
        """Return a parser of conditions for ``part``'s document."""
        return ConditionParser(self.scope, part.document, self.found, rule, events)

    def condition(
        self, part: Part, key: str, rule: str | None, events: Sequence[str] = ()
    ) -> Condition | None:
        """Return the condition under ``key``, None when there is none."""
        if part.get(key) is None:
            return None
        child = part.child(key)
        return self.parser(part, rule, events).parse(child.data, child.path)

    def events(self, part: Part, rule: str | None, key: str = "event") -> tuple[str, ...]:
        """Return the event types under ``key``; empty when there are none."""
        if part.get(key) is None:
            return ()
        child = part.child(key)
        return self.parser(part, rule).event_types(child.data, child.path)

    def where(self, part: Part, rule: str | None, events: Sequence[str]) -> Condition | None:
        """Return the condition on an event's properties under ``where``."""
        if part.get("where") is None:
            return None
        child = part.child("where")
        if not events:
            if part.get("event") is None:
                text = "where looks at an event, and there is none"
                self.error("where-without-event", child, text, rule, "add event:, or write when:")
            return None
        return self.parser(part, rule, events).where(child.data, child.path, events)

    def known(self, part: Part, name: str, names: Any, what: str, rule: str | None) -> bool:
        """Whether ``name`` is declared; writes a finding when it is not."""
        if name in names:
            return True
        if self.scope.unseen(what, name):
            return False
        hint = did_you_mean(name, names)
        self.error(f"unknown-{what}", part, f'there is no {what} "{name}"; {hint}', rule, hint)
        return False

    def error(self, code: str, part: Part, message: str, rule: str | None, hint: str) -> None:
        """Write an error at ``part``."""
        self.found.error(code, message, part.source, rule=rule, hint=hint)

    def unique(self, parts: Sequence[Part], what: str) -> None:
        """Refuse ids that stand twice."""
        seen: dict[str, Part] = {}
        for part in parts:
            name = part.data["id"]
            if name in seen:
                first = seen[name].source
                self.error(
                    "duplicate-id",
                    part.child("id"),
                    f'the {what} "{name}" stands here twice; first at {first}',
                    name,
                    "give one of the two another id",
                )
            seen.setdefault(name, part)

    def once(self, parts: Iterable[tuple[str, Part]], what: str) -> None:
        """Refuse names that stand in two files, as one file refuses a key that stands twice."""
        refuse_twice(self.found, parts, what)


def refuse_twice(found: Diagnostics, parts: Iterable[tuple[str, Part]], what: str) -> None:
    """Write an error for every name that stands twice."""
    seen: dict[str, Source] = {}
    for name, part in parts:
        first = seen.setdefault(name, part.key_source)
        if first != part.key_source:
            text = f'the {what} "{name}" stands here twice; first at {first}'
            hint = "give one of the two another name, or remove it"
            found.error("duplicate-id", text, part.key_source, rule=name, hint=hint)


def ids(items: Any) -> list[str]:
    """Return the ids in a list of maps, those of unsound ones too; none of what is no list."""
    maps = [item for item in items if isinstance(item, dict)] if isinstance(items, list) else []
    return [item["id"] for item in maps if isinstance(item.get("id"), str)]


def minute_of_day(text: str) -> int:
    """Return the minutes since midnight of a time whose form the schema has checked."""
    hour, minute = text.split(":")
    return int(hour) * 60 + int(minute)


def span(text: str) -> Span:
    """Return a duration or working time whose form the schema has checked."""
    working = parse_working(text)
    if working is not None:
        return Span(working=working[0], unit=working[1])
    return Span(ms=parse_duration(text))
