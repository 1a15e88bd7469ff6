"""What wakes a rule: indexes by event type and changed fact, then by value, range and edge."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence, Set
from operator import attrgetter
from typing import Any, Generic, Protocol, TypeVar

from engine.language.definitions import Condition
from engine.network.pivot import Pivot, pivot


class Ordered(Protocol):
    """Anything that has a place in the order of the configuration."""

    @property
    def order(self) -> int:
        """Its place; rules woken together run in this order."""
        ...


class Memory(Protocol):
    """A lead as the index sees it."""

    facts: dict[str, Any]
    before: dict[str, Any]

    def held(self) -> tuple[Mapping[str, Any], ...]:
        """Maps whose keys are the rules that hold at present."""
        ...


Item = TypeVar("Item", bound=Ordered)
Find = Callable[[Mapping[str, Any]], Sequence[Item]]
_order = attrgetter("order")


class Watch(Generic[Item]):
    """A rule to be found by what it reads; ``key`` is how a lead remembers that it holds, if
    it does.
    """

    def __init__(
        self, item: Item, key: str | None, condition: Condition | None, reads: Collection[str]
    ) -> None:
        self.item = item
        self.key = key
        self.condition = condition
        self.reads = reads


class Ranges(Generic[Item]):
    """Finds the ranges that a number lies in."""

    def __init__(self, items: Iterable[tuple[Pivot, Item]]) -> None:
        found = list(items)
        self.by_low = sorted(found, key=lambda each: each[0].low)
        self.by_high = sorted(found, key=lambda each: each[0].high)
        self.lows = [p.low for p, _ in self.by_low]
        self.highs = [p.high for p, _ in self.by_high]

    def around(self, value: Any) -> list[Item]:
        """Return what ``value`` lies in, searching from the side on which there is less."""
        below = bisect_right(self.lows, value)
        above = bisect_left(self.highs, value)
        if below <= len(self.highs) - above:
            return [item for p, item in self.by_low[:below] if value <= p.high]
        return [item for p, item in self.by_high[above:] if p.low <= value]


class Lookup(Generic[Item]):
    """Finds the rules that may match some values: by hash, by range; the others always.

    ``find(values)`` returns what may match, in the order of the configuration.
    """

    def __init__(self, items: Iterable[tuple[Item, Pivot | None]]) -> None:
        always: list[Item] = []
        hashed: dict[str, dict[Any, list[Item]]] = {}
        ranges: dict[str, list[tuple[Pivot, Item]]] = {}
        for item, found in items:
            if found is None:
                always.append(item)
            elif found.values:
                table = hashed.setdefault(found.fact, {})
                for value in found.values:
                    table.setdefault(value, []).append(item)
            else:
                ranges.setdefault(found.fact, []).append((found, item))
        self.always = tuple(always)
        self.hashed = tuple(
            (name, {value: tuple(each) for value, each in table.items()})
            for name, table in hashed.items()
        )
        self.ranges = tuple((name, Ranges(each)) for name, each in ranges.items())
        # Most indexes need less than `_several` does.
        self.find: Find[Item] = self._several
        if not (hashed or ranges):
            self.find = self._any
        elif len(hashed) == 1 and not (always or ranges):
            self.find = _single(*self.hashed[0])

    def _any(self, values: Mapping[str, Any]) -> Sequence[Item]:
        return self.always

    def _several(self, values: Mapping[str, Any]) -> Sequence[Item]:
        found = list(self.always)
        for name, table in self.hashed:
            value = values.get(name)
            if value is not None and value.__class__ is not list:
                found += table.get(value, ())
        for name, ranges in self.ranges:
            value = values.get(name)
            if value is not None and value.__class__ is not list:
                found += ranges.around(value)
        if len(found) > 1:
            found.sort(key=_order)
        return found


def _single(name: str, table: Mapping[Any, Sequence[Item]]) -> Find[Item]:
    """Return what finds the rules that a value of one name may match."""

    def find(values: Mapping[str, Any]) -> Sequence[Item]:
        try:
            return table.get(values.get(name), ())
        except TypeError:  # a list has no hash
            return ()

    return find


class Edges(Generic[Item]):
    """Finds the bounds that a number has crossed."""

    def __init__(self, items: Iterable[tuple[Pivot, Item]]) -> None:
        found = sorted(items, key=lambda each: each[0].edge or 0)
        self.rising = [item for p, item in found if p.rising]
        self.falling = [item for p, item in found if not p.rising]
        self.upward = [p.edge for p, _ in found if p.rising]
        self.downward = [p.edge for p, _ in found if not p.rising]

    def crossed(self, old: Any, new: Any) -> list[Item]:
        """Return the edges between ``old`` and ``new``; None is below every bound."""
        if new is None:
            return []
        if old is None:
            return self.rising[: bisect_right(self.upward, new)]
        if old < new:
            return self.rising[bisect_right(self.upward, old) : bisect_right(self.upward, new)]
        return self.falling[bisect_right(self.downward, new) : bisect_right(self.downward, old)]


class EventIndex(Generic[Item]):
    """Finds the rules that an event may fire: by its type, then by its properties."""

    def __init__(self, items: Iterable[tuple[Item, Iterable[str], Condition | None]]) -> None:
        found: dict[str, list[tuple[Item, Pivot | None]]] = {}
        for item, types, where in items:
            on = pivot(where, properties=True)
            for kind in types:
                found.setdefault(kind, []).append((item, on))
        self.by_type = {kind: Lookup(each) for kind, each in found.items()}
        self.types = frozenset(found)

    def woken(self, kind: str, properties: Mapping[str, Any]) -> Sequence[Item]:
        """Return the rules that may match, in the order of the configuration."""
        lookup = self.by_type.get(kind)
        return () if lookup is None else lookup.find(properties)


class FactIndex(Generic[Item]):
    """Finds the rules whose truth may have changed with the facts or windows they read.

    A rule with a pivot is found while its pivot holds, or while the rule itself held until
    now; so of a thousand rules on a thousand cities two are looked at when a city changes.
    """

    def __init__(self, watches: Iterable[Watch[Item]]) -> None:
        readers: dict[str, list[tuple[Item, Pivot | None]]] = {}
        edges: dict[str, list[tuple[Pivot, Item]]] = {}
        everything: list[tuple[Item, Pivot | None]] = []
        self.held: dict[str, tuple[Item, frozenset[str]]] = {}
        for watch in watches:
            on = pivot(watch.condition, properties=False)
            if on is not None and on.edge is not None:
                edges.setdefault(on.fact, []).append((on, watch.item))
            else:
                everything.append((watch.item, on))
                for name in watch.reads:
                    readers.setdefault(name, []).append((watch.item, on))
            if on is not None and watch.key is not None:
                self.held[watch.key] = watch.item, frozenset(watch.reads)
        self.everything = Lookup(everything)
        watched = frozenset[str]().union(*(reads for _, reads in self.held.values()))
        self.names = frozenset((*readers, *edges, *watched))
        # Who reads a name, whose bounds it may cross, and whether it may end what holds.
        self.by_name = {
            name: (
                Lookup(readers[name]) if name in readers else None,
                Edges(edges[name]) if name in edges else None,
                name in watched,
            )
            for name in self.names
        }

    def woken(self, changed: Set[str], lead: Memory) -> Sequence[Item]:
        """Return the rules to look at, each once, in the order of the configuration."""
        if self.names.isdisjoint(changed):
            return ()
        found: list[Item] = []
        is_watched = False
        for name in self.names.intersection(changed):
            readers, edges, watched = self.by_name[name]
            if readers is not None:
                found += readers.find(lead.facts)
            if edges is not None and name in lead.before:
                found += edges.crossed(lead.before[name], lead.facts.get(name))
            if watched:
                is_watched = True
        if is_watched:
            held = self.held
            for memory in lead.held():
                for key in memory:
                    if key in held and not held[key][1].isdisjoint(changed):
                        found.append(held[key][0])
        return _once(found) if len(found) > 1 else found

    def possible(self, lead: Memory) -> Sequence[Item]:
        """Return every rule that holds or might hold by what the lead is, edges aside."""
        held = self.held
        holding = (held[key][0] for memory in lead.held() for key in memory if key in held)
        return _once([*self.everything.find(lead.facts), *holding])


def _once(found: list[Item]) -> Sequence[Item]:
    return sorted({item.order: item for item in found}.values(), key=_order)
