"""The state behind aggregates and absence: what a lead remembers of its events.

Without ``within`` a window is four numbers, [count, sum, largest, latest instant], or just
the latest instant where nothing else is asked for; with it, a list of [instant, value] in
order of the events' own time, pruned as the window moves.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Callable
from typing import Any

State = list[Any] | int


class Window:
    """Which events a window takes in, and how it keeps them."""

    __slots__ = ("events", "key", "latest_only", "of", "where", "within")

    def __init__(
        self,
        key: str,
        events: tuple[str, ...],
        where: Callable[[Any], bool] | None,
        of: str | None,
        within: int | None,
        latest_only: bool = False,
    ) -> None:
        self.key = key
        self.events = events
        self.where = where
        self.of = of
        self.within = within
        self.latest_only = latest_only and within is None

    def take(self, state: State | None, at: int, properties: dict[str, Any], now: int) -> State:
        """Return a new state with one more event; late ones go where they belong."""
        if self.latest_only:
            assert not isinstance(state, list)
            return at if state is None or at > state else state
        assert not isinstance(state, int)
        value = properties.get(self.of) if self.of else None
        if self.within is None:
            return _total(state, at, value)
        kept = [e for e in state or () if e[0] > now - self.within]
        if at > now - self.within:
            insort(kept, [at, value], key=lambda e: e[0])
        return kept

    def next_change(self, state: State | None, now: int) -> int | None:
        """Return when the next event enters (one dated ahead) or leaves the window."""
        if not state or self.within is None or isinstance(state, int):
            return None
        edges = (edge for at, _ in state for edge in (at, at + self.within))
        return min((e for e in edges if e > now), default=None)


def _total(state: list[Any] | None, at: int, value: Any) -> State:
    count, total, largest, latest = state or (0, 0, None, None)
    if value is not None:
        total += value
        largest = value if largest is None else max(largest, value)
    return [count + 1, total, largest, at if latest is None else max(latest, at)]


def read_window(window: Window, state: State | None, kind: str, now: int) -> Any:
    """Return the count, sum, max or last (an instant) of a window at ``now``.

    The window is half-open: (now - within, now]. An empty one counts and sums to 0;
    its max and last are None.
    """
    if isinstance(state, int):
        return state if kind == "last" else None
    if window.within is None:
        values = state or (0, 0, None, None)
        return values[("count", "sum", "max", "last").index(kind)]
    start = now - window.within
    inside = [e for e in state or () if start < e[0] <= now]
    if kind == "count":
        return len(inside)
    if kind == "last":
        return inside[-1][0] if inside else None
    numbers = [value for _, value in inside if value is not None]
    return sum(numbers) if kind == "sum" else max(numbers, default=None)
