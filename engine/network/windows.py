"""The state behind aggregates and absence: what a lead remembers of its events.

Without ``within`` a window is one number: how many, what sum, the largest, or the instant of
the latest. With it, a list of [instant, amount] in order of the events' own time. However
many events come, a list keeps at most LIMIT entries: then those of one slot, a FINENESS-th
of the window, are added up at the latest instant among them, so that what leaves the window
leaves at most that much late.
"""

from __future__ import annotations

from bisect import bisect_right, insort
from collections.abc import Callable, Sequence
from math import fsum
from typing import Any, Final

LIMIT: Final = 1024  # entries a window is exact to
FINENESS: Final = 512
DECIMALS: Final = 6  # of sums, so that the order of events does not show in the last digit

Entry = list[Any]  # [instant, amount]
State = list[Entry] | int | float
Take = Callable[[Any, int, dict[str, Any], int], Any]


class Window:
    """Which events a window takes in, and what it keeps of them for its kind of aggregate.

    ``kind`` is count, sum, max or last; absence reads ``last``. ``of`` names the property
    that is summed up or compared; an event without it does not count there.

    ``take(state, at, properties, now)`` returns the state with one more event; late ones go
    where they belong.
    """

    __slots__ = ("events", "key", "kind", "of", "take", "where", "within")

    def __init__(
        self,
        key: str,
        kind: str,
        events: tuple[str, ...],
        where: Callable[[Any], bool] | None = None,
        of: str | None = None,
        within: int | None = None,
    ) -> None:
        self.key = key
        self.kind = kind
        self.events = events
        self.where = where
        self.of = of if kind in ("sum", "max") else None
        self.within = within
        self.take: Take = self._insert if within is not None else self._plain()

    def _plain(self) -> Take:
        """Return how a window that is one number takes an event in."""
        return {"last": _latest, "count": _counted}.get(self.kind, self._reckon)

    def _reckon(self, state: Any, at: int, properties: dict[str, Any], now: int) -> Any:
        value = properties.get(self.of or "")
        if value is None or state is None:
            return value if value is not None else state
        return round(state + value, DECIMALS) if self.kind == "sum" else max(state, value)

    def _insert(
        self, state: list[Entry] | None, at: int, properties: dict[str, Any], now: int
    ) -> list[Entry] | None:
        assert self.within is not None
        start = now - self.within
        amount = properties.get(self.of) if self.of else 1
        if amount is None or at <= start:
            return state
        kept = state[_after(state, start) :] if state else []
        if not kept or kept[-1][0] <= at:
            kept.append([at, amount])
        else:
            insort(kept, [at, amount], key=_instant)
        if self.kind in ("max", "last"):
            kept = _leading(kept, self.kind, now)
        return _merged(kept, self.kind, self.within) if len(kept) > LIMIT else kept

    def read(self, state: Any, now: int) -> Any:
        """Return the count, sum, max or last (an instant) at ``now``.

        The window is half-open: (now - within, now]. An empty one counts and sums to 0;
        its max and last are None.
        """
        if self.within is None:
            return 0 if state is None and self.kind in ("count", "sum") else state
        inside = self._inside(state, now) if state else ()
        if self.kind == "count":
            return sum(map(_amount, inside))
        if self.kind == "sum":
            return _total(inside)
        if self.kind == "last":
            return inside[-1][0] if inside else None
        return max(map(_amount, inside), default=None)

    def _inside(self, entries: list[Entry], now: int) -> list[Entry]:
        assert self.within is not None
        if entries[0][0] > now - self.within and entries[-1][0] <= now:
            return entries
        return entries[_after(entries, now - self.within) : _after(entries, now)]

    def next_change(self, state: Any, now: int, counts: Sequence[int] | None = None) -> int | None:
        """Return when time alone may next change what conditions make of the window.

        That is when an event enters (one dated ahead) or leaves. ``counts`` are the numbers
        that a count is compared with: then only the leaving of the event counts by which it
        sinks below one of them.
        """
        if not state or self.within is None:
            return None
        future = _after(state, now)
        edges = [state[future][0]] if future < len(state) else []
        inside = state[_after(state, now - self.within) : future]
        if counts is None:
            edges += [inside[0][0] + self.within] if inside else []
        else:
            edges += [at + self.within for at in _sinking(inside, counts)]
        return min(edges, default=None)


def _latest(state: Any, at: int, properties: dict[str, Any], now: int) -> int:
    found: int = at if state is None or at > state else state
    return found


def _counted(state: Any, at: int, properties: dict[str, Any], now: int) -> int:
    return (state or 0) + 1


def _instant(entry: Entry) -> int:
    at: int = entry[0]
    return at


def _amount(entry: Entry) -> Any:
    return entry[1]


def _after(entries: list[Entry], at: int) -> int:
    """Return the place of the first entry later than ``at``."""
    if not entries or entries[0][0] > at:
        return 0
    return bisect_right(entries, at, key=_instant)


def _total(entries: Sequence[Entry]) -> int | float:
    amounts = [entry[1] for entry in entries]
    if all(isinstance(amount, int) for amount in amounts):
        return int(sum(amounts))
    return round(fsum(amounts), DECIMALS)


def _sinking(entries: list[Entry], counts: Sequence[int]) -> list[int]:
    """Return the instants of the events with which a count sinks below each of ``counts``."""
    found, wanted, total = [], sorted(c for c in counts if c > 0), 0
    for at, amount in reversed(entries):
        total += amount
        while wanted and total >= wanted[0]:
            found.append(at)
            wanted.pop(0)
        if not wanted:
            break
    return found


def _leading(entries: list[Entry], kind: str, now: int) -> list[Entry]:
    """Leave out what can never again be the largest, or the latest.

    That is an entry after which one as large has come; one dated ahead has not come yet.
    """
    kept: list[Entry] = []
    for entry in reversed(entries):
        leader = kept[-1] if kept else None
        if leader is None or leader[0] > now or (kind == "max" and leader[1] < entry[1]):
            kept.append(entry)
    kept.reverse()
    return kept


def _merged(entries: list[Entry], kind: str, within: int) -> list[Entry]:
    """Add up (or take the largest of) the entries of each slot, at the latest instant."""
    slot = max(1, within // FINENESS)
    found: list[Entry] = []
    for at, amount in entries:
        if found and found[-1][0] // slot == at // slot:
            last = found[-1][1]
            both = max(last, amount) if kind == "max" else round(last + amount, DECIMALS)
            found[-1] = [at, both]
        else:
            found.append([at, amount])
    return found
