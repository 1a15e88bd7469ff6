"""The numbers at which a score matters: between two of them no rule has to look at it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping
from math import inf, nextafter
from typing import Any, Final

from engine.language.definitions import FieldRef, Test
from engine.network.condition import Compiled

_HOLD_WHEN_THERE: Final = frozenset({"lt", "lte", "ne", "not_in", "exists"})


class Turns:
    """Tells whether changes can have turned any condition, without asking one of them.

    A fact that conditions only compare with constant numbers has ``bounds``: while it stays
    between two of them, all those conditions stay as they were. A fact that is read in
    another way, or beside time or windows, is ``loud``: each change of it has to be looked at.
    ``looks`` has the bounds of both, None for what is loud.
    A missing fact is below every bound, save where being there makes a test hold, or where it
    is among the ``missed`` that a new lead is asked about.
    """

    def __init__(
        self,
        conditions: Iterable[Compiled],
        bounds: Mapping[str, Iterable[float]],
        loud: Iterable[str],
        missed: Iterable[str] = (),
    ) -> None:
        numbers = {name: set(found) for name, found in bounds.items()}
        marked, present = set(loud), set(missed)
        for condition in conditions:
            read = [(test, _bounds(test)) for test in _leaves(condition)]
            if any(found is None for _, found in read):
                marked |= condition.reads | condition.windows
            for test, found in read:
                if found is not None:
                    numbers.setdefault(test.fact, set()).update(found)
                    if test.op in _HOLD_WHEN_THERE:
                        present.add(test.fact)
        self.loud = frozenset(marked)
        self.present = frozenset(present)
        self.bounds = {name: sorted(found) for name, found in numbers.items()}
        # What has to be looked at, and between which numbers it has not; None: each time.
        self.looks: dict[str, list[float] | None] = {**self.bounds, **dict.fromkeys(marked)}
        self._names = frozenset(self.looks)

    def quiet(self, before: Mapping[str, Any], facts: Mapping[str, Any]) -> bool:
        """Return whether nobody needs to look at what changed; ``before`` is that, as it was."""
        for name in self._names.intersection(before):
            bounds, old, new = self.looks[name], before[name], facts.get(name)
            if bounds is None:
                return False
            if old is not None and new is not None:
                if bisect_right(bounds, old) != bisect_right(bounds, new):
                    return False
            elif name in self.present:
                return False
            else:  # what is missing is below every bound
                there = old if new is None else new
                if there is not None and bisect_right(bounds, there):
                    return False
        return True


def _leaves(condition: Compiled) -> Iterator[Any]:
    if condition.parts:
        for part in condition.parts:
            yield from _leaves(part)
    else:
        yield condition.definition


def _bounds(leaf: Any) -> tuple[float, ...] | None:
    """Return the numbers from which on a test may answer otherwise; None if it has no such."""
    if not isinstance(leaf, Test) or leaf.family != "number" or isinstance(leaf.operand, FieldRef):
        return None
    if leaf.op in ("gte", "lt", "rises_to", "falls_below"):
        return (leaf.operand,)
    if leaf.op in ("gt", "lte"):
        return (nextafter(leaf.operand, inf),)
    if leaf.op == "exists":
        return ()
    numbers = leaf.operand if isinstance(leaf.operand, tuple) else (leaf.operand,)
    return tuple(edge for n in numbers for edge in (n, nextafter(n, inf)))
