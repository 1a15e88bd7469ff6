"""What wakes a rule: indexes by changed fact, by event type and by an event's property."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from typing import Any, Generic, Protocol, TypeVar

from engine.language.definitions import All, Condition, Test


class Ordered(Protocol):
    """Anything that has a place in the order of the configuration."""

    @property
    def order(self) -> int:
        """Its place; rules woken together run in this order."""
        ...


Item = TypeVar("Item", bound=Ordered)


class FactIndex(Generic[Item]):
    """Finds the rules that read any of the facts or windows that changed."""

    def __init__(self, items: Iterable[tuple[Item, Iterable[str]]]) -> None:
        index: dict[str, list[Item]] = {}
        for item, names in items:
            for name in names:
                index.setdefault(name, []).append(item)
        self.by_name: Mapping[str, tuple[Item, ...]] = {k: tuple(v) for k, v in index.items()}
        self.names = set(self.by_name)

    def woken(self, changed: Set[str]) -> Sequence[Item]:
        """Return the rules to look at, each once, in the order of the configuration."""
        names = self.names & changed
        if not names:
            return ()
        if len(names) == 1:
            return self.by_name[names.pop()]
        found = {item.order: item for name in names for item in self.by_name[name]}
        return [found[order] for order in sorted(found)]


class EventIndex(Generic[Item]):
    """Finds the rules that an event may fire: by its type, then hashed on one property.

    Of rules with the same event type, those that demand a property to equal a constant,
    or one of several, are found by that property's value; the others are always tried.
    """

    def __init__(self, items: Iterable[tuple[Item, Iterable[str], Condition | None]]) -> None:
        rest: dict[str, list[Item]] = {}
        hashed: dict[str, dict[str, dict[Any, list[Item]]]] = {}
        for item, types, where in items:
            pivot = _pivot(where)
            for kind in types:
                if pivot is None:
                    rest.setdefault(kind, []).append(item)
                    continue
                name, values = pivot
                by_value = hashed.setdefault(kind, {}).setdefault(name, {})
                for value in values:
                    by_value.setdefault(value, []).append(item)
        self.rest = {kind: tuple(found) for kind, found in rest.items()}
        self.hashed = {
            kind: tuple(
                (name, {v: tuple(i) for v, i in values.items()}) for name, values in p.items()
            )
            for kind, p in hashed.items()
        }
        self.types = frozenset((*rest, *hashed))

    def woken(self, kind: str, properties: Mapping[str, Any]) -> Sequence[Item]:
        """Return the rules that may match, in the order of the configuration."""
        hashed = self.hashed.get(kind)
        rest = self.rest.get(kind, ())
        if hashed is None:
            return rest
        if not rest and len(hashed) == 1:
            name, values = hashed[0]
            value = properties.get(name)
            return () if isinstance(value, list) else values.get(value, ())
        found = list(rest)
        for name, values in hashed:
            value = properties.get(name)
            if value is not None and not isinstance(value, list):
                found += values.get(value, ())
        if len(found) > 1:
            found.sort(key=_order)
        return found


def _order(item: Ordered) -> int:
    return item.order


def _pivot(where: Condition | None) -> tuple[str, tuple[Any, ...]] | None:
    """Return the property to hash on, and the values that may match; None if there is none."""
    tests = where.items if isinstance(where, All) else (where,)
    for test in tests:
        if isinstance(test, Test) and test.family != "list" and test.fact.startswith("event."):
            name = test.fact.removeprefix("event.")
            if test.op == "eq" and not hasattr(test.operand, "fact"):
                return name, (test.operand,)
            if test.op == "in":
                return name, test.operand
    return None
