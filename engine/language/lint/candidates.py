"""Of many conditions the few that another one may imply, found without comparing all pairs.

What a condition implies contradicts it when negated: each way in which the one fails
contradicts each way in which the other holds. Two ways contradict each other about some fact
only, and about lists of names only where they have a name in common. So conditions are filed
by the facts and names of the ways in which they fail.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence

from engine.language.lint.literals import Bound, Literal, Opaque
from engine.language.lint.logic import Logic, Way
from engine.language.lint.values import Names
from engine.language.rules import Condition

Card = tuple[int, int]  # the position of a condition, and the number of a way in which it fails


class Candidates:
    """Conditions by what they ask; None is a condition that always holds."""

    def __init__(self, logic: Logic, conditions: Sequence[Condition | None]) -> None:
        self._logic = logic
        self._always: list[int] = []
        self._ways: dict[int, int] = {}
        self._named: dict[tuple[str, Hashable], list[Card]] = defaultdict(list)
        self._about: dict[str, list[Card]] = defaultdict(list)
        self._about_otherwise: dict[str, list[Card]] = defaultdict(list)
        for position, condition in enumerate(conditions):
            self._file(position, condition)

    def implied_by(self, condition: Condition | None) -> list[int]:
        """Return the positions of what ``condition`` may imply, in order; no other is implied.

        A condition that cannot hold implies everything, and is not to be asked about.
        """
        ways = self._logic.ways(condition, True)
        if ways is None:
            return []
        contradicted: dict[int, int] = defaultdict(int)
        for position, _ in self._cards(ways[0]):
            contradicted[position] += 1
        found = [i for i, count in contradicted.items() if count == self._ways[i]]
        return sorted([*self._always, *found])

    def _cards(self, way: Way) -> set[Card]:
        """Return the ways of failing that may contradict a way of holding."""
        found: set[Card] = set()
        for fact, names in _asked(way).items():
            if names is None:
                found.update(self._about.get(fact, ()))
                continue
            found.update(self._about_otherwise.get(fact, ()))
            for name in names:
                found.update(self._named.get((fact, name), ()))
        return found

    def _file(self, position: int, condition: Condition | None) -> None:
        fails = self._logic.ways(condition, False)
        if fails is None:
            return  # it cannot be decided, so nothing is said to imply it
        if not fails:
            self._always.append(position)
        self._ways[position] = len(fails)
        for number, way in enumerate(fails):
            for literal in way:
                self._file_under((position, number), literal)

    def _file_under(self, card: Card, literal: Literal) -> None:
        names = _names(literal, positive=False)
        for fact in _facts(literal):
            self._about[fact].append(card)
            if names is None:
                self._about_otherwise[fact].append(card)
            for name in names or ():
                self._named[fact, name].append(card)


def _asked(way: Way) -> dict[str, frozenset[Hashable] | None]:
    """Return the facts in a way to hold, each with the names that it may have, if it has few."""
    found: dict[str, frozenset[Hashable] | None] = {}
    for literal in way:
        names = _names(literal, positive=True)
        for fact in _facts(literal):
            if found.get(fact) is None:
                found[fact] = names
    return found


def _names(literal: Literal, positive: bool) -> frozenset[Hashable] | None:
    """Return the names of a literal that is about names and of this sign, else None."""
    if not isinstance(literal, Bound) or literal.positive is not positive:
        return None
    values = literal.values
    return values.values if isinstance(values, Names) and not values.negated else None


def _facts(literal: Literal) -> Iterator[str]:
    if isinstance(literal, Opaque):
        yield literal.key
        yield from literal.facts
    else:
        yield literal.fact
