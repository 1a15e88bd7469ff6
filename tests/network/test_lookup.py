"""The parts of the wake index: ranges, tables, edges, events and facts."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from engine.language.definitions import Condition
from engine.network.pivot import Pivot
from engine.network.wake import Edges, EventIndex, FactIndex, Lookup, Ranges, Watch
from tests.network.written import compare, every, some


class Item(msgspec.Struct, frozen=True):
    """Something with a place in the order."""

    order: int


ITEMS = [Item(n) for n in range(20)]


def orders(items: Any) -> list[int]:
    """The places of what was found."""
    return [item.order for item in items]


def test_a_number_finds_the_ranges_around_it() -> None:
    """Ranges are closed on both sides, and may be open to either end."""
    bounds = [(1, 5), (3, 9), (5, 5), (float("-inf"), 4), (6, float("inf"))]
    made = Ranges(
        (Pivot("x", low=a, high=b), item) for (a, b), item in zip(bounds, ITEMS, strict=False)
    )
    found = {
        n: sorted(orders(made.around(n))) for n in (-1, 1, 3, 4, 4.5, 5, 5.5, 6, 9, 9.5)
    }  # fmt: skip
    assert found == {
        n: [place for place, (low, high) in enumerate(bounds) if low <= n <= high] for n in found
    }
    assert found[5] == [0, 1, 2]


@pytest.mark.parametrize("value", [0, 1, 2, 8, 9, 10])
def test_ranges_are_found_from_either_side(value: int) -> None:
    """Whether most of them lie below the number or above it, the answer is the same."""
    low = [(n, n + 1) for n in range(10)]
    made = Ranges((Pivot("x", low=a, high=b), ITEMS[a]) for a, b in low)
    assert sorted(orders(made.around(value))) == [a for a, b in low if a <= value <= b]


def test_a_table_of_one_property_is_asked_by_its_value() -> None:
    """What no rule names finds nothing; a list is no value that a table could have."""
    made = Lookup([(ITEMS[0], Pivot("page", ("a", "b"))), (ITEMS[1], Pivot("page", ("b",)))])
    assert orders(made.find({"page": "a"})) == [0]
    assert orders(made.find({"page": "b"})) == [0, 1]
    assert orders(made.find({"page": "c"})) == []
    assert orders(made.find({"page": ["a"]})) == []
    assert orders(made.find({})) == []


def test_what_has_no_pivot_is_always_found() -> None:
    """Whatever the values are, and in its place among those that are found by them."""
    made = Lookup(
        [
            (ITEMS[3], Pivot("page", ("a",))), (ITEMS[2], None), (ITEMS[1], Pivot("kind", ("x",))),
            (ITEMS[0], Pivot("n", low=5)), (ITEMS[4], Pivot("m", high=5)),
        ]
    )  # fmt: skip
    assert orders(made.find({})) == [2]
    assert orders(made.find({"page": "a", "kind": "x", "n": 5, "m": 5})) == [0, 1, 2, 3, 4]
    assert orders(made.find({"page": "b", "kind": "x", "n": 4.9, "m": 5.1})) == [1, 2]
    assert orders(made.find({"page": ["a"], "kind": ["x"], "n": [5], "m": [5]})) == [2]
    assert orders(made.find({"kind": None, "n": None})) == [2]
    assert orders(made.always) == [2]
    plain = Lookup([(ITEMS[1], None), (ITEMS[0], None)])
    assert orders(plain.find({"page": "a"})) == [1, 0]
    assert orders(Lookup([]).find({"page": "a"})) == []


@pytest.mark.parametrize(
    "more", [(ITEMS[9], None), (ITEMS[9], Pivot("n", low=5)), (ITEMS[9], Pivot("kind", ("x",)))]
)
def test_a_table_beside_others_finds_as_much(more: Any) -> None:
    """One table is asked in a shorter way than one beside ranges, others, or what has no pivot."""
    made = Lookup([(ITEMS[0], Pivot("page", ("a",))), more])
    assert orders(made.find({"page": "a", "n": 9, "kind": "x"})) == [0, 9]


def test_edges_are_crossed_in_their_direction() -> None:
    """Upwards the bounds in (old, new], downwards those in (new, old]; None is below them all."""
    bounds = [(30, True), (10, True), (20, True), (20, False), (10, False), (32, False)]
    made = Edges(
        (Pivot("s", edge=bound, rising=rising), ITEMS[n])
        for n, (bound, rising) in enumerate(bounds)
    )
    assert orders(made.crossed(5, 35)) == [1, 2, 0]
    assert orders(made.crossed(10, 30)) == [2, 0]
    assert orders(made.crossed(None, 20)) == [1, 2]
    assert orders(made.crossed(35, 5)) == [4, 3, 5]
    assert orders(made.crossed(32, 10)) == [3, 5]
    assert orders(made.crossed(31, 10)) == [3]
    assert orders(made.crossed(20, 19)) == [3]
    assert orders(made.crossed(20, 20)) == []
    assert orders(made.crossed(9, None)) == []
    assert orders(made.crossed(None, 9)) == []


def test_an_edge_at_nought_is_in_its_place() -> None:
    """A bound of 0 is a bound like any."""
    made = Edges((Pivot("s", edge=b), ITEMS[n]) for n, b in enumerate((0.5, 0, -5)))
    assert orders(made.crossed(-1, 0.2)) == [1]
    assert orders(made.crossed(None, 0)) == [2, 1]


def test_an_event_finds_the_rules_of_its_type() -> None:
    """By its type first, by its properties then; an unknown type finds none."""
    page = compare("event.page", "eq", "pricing", "string")
    index = EventIndex(
        [(ITEMS[0], ("a", "b"), None), (ITEMS[1], ("b",), page), (ITEMS[2], ("c",), page)]
    )
    assert index.types == {"a", "b", "c"}
    assert orders(index.woken("a", {})) == [0]
    assert orders(index.woken("b", {"page": "pricing"})) == [0, 1]
    assert orders(index.woken("b", {"page": "home"})) == [0]
    assert orders(index.woken("c", {"page": "home"})) == []
    assert orders(index.woken("d", {"page": "pricing"})) == []


class Lead:
    """A lead as the index sees it."""

    def __init__(self, facts: dict[str, Any], before: dict[str, Any], *held: str) -> None:
        self.facts = facts
        self.before = before
        self.maps = [{key: 1} for key in held]

    def held(self) -> tuple[dict[str, int], ...]:
        """Return a map for each key that is held."""
        return tuple(self.maps)


def watch(order: int, condition: Condition | None, *reads: str, key: str | None = None) -> Any:
    """A rule that is watched for what it reads."""
    return Watch(ITEMS[order], key, condition, reads)


@pytest.fixture
def index() -> FactIndex[Item]:
    """An index of rules of each kind."""
    return FactIndex(RULES)


RULES = [
    watch(0, compare("city", "eq", "上海", "string"), "city", key="east"),
    watch(1, compare("city", "eq", "成都", "string"), "city", key="west"),
    watch(2, compare("amount", "gte", 500), "amount", key="large"),
    watch(3, compare("score", "rises_to", 50), "score"),
    watch(4, some(compare("city", "ne", "上海", "string")), "city", "window", key="any"),
    watch(5, every(compare("city", "eq", "上海", "string"), compare("n", "ne", 1)), "city", "n", key="two"),
    watch(6, compare("score", "falls_below", 50), "score"),
    watch(7, every(compare("score", "rises_to", 80), compare("city", "ne", "x", "string")), "score", "city"),
]  # fmt: skip


def test_the_index_knows_all_that_is_read(index: FactIndex[Item]) -> None:
    """Facts and windows that wake something, those of edges among them."""
    assert index.names == {"city", "amount", "score", "window", "n"}


@pytest.mark.parametrize(
    ("changed", "lead", "found"),
    [
        ({"city"}, Lead({"city": "上海"}, {"city": None}), [0, 4, 5]),
        ({"city"}, Lead({"city": "上海"}, {"city": "成都"}, "west"), [0, 1, 4, 5]),
        ({"city"}, Lead({"city": "北京"}, {"city": "上海"}, "east", "two"), [0, 4, 5]),
        ({"city"}, Lead({}, {"city": "上海"}, "east", "nobody's"), [0, 4]),
        ({"amount"}, Lead({"amount": 500, "city": "上海"}, {"amount": 1}), [2]),
        ({"amount"}, Lead({"amount": 499}, {"amount": 500}, "large", "east"), [2]),
        ({"amount"}, Lead({"amount": 499}, {"amount": 498}), []),
        ({"n"}, Lead({"city": "上海", "n": 2}, {"n": 1}), [5]),
        ({"window"}, Lead({"city": "上海"}, {}), [4]),
        ({"score"}, Lead({"score": 90}, {"score": 10}), [3, 7]),
        ({"score"}, Lead({"score": 60}, {"score": 10}), [3]),
        ({"score"}, Lead({"score": 10}, {"score": 60}), [6]),
        ({"score"}, Lead({"score": 90}, {}), []),
        ({"score"}, Lead({}, {"score": 90}), []),
        ({"other"}, Lead({"city": "上海"}, {}, "east"), []),
        ({"city", "score", "other"}, Lead({"city": "上海", "score": 55}, {"score": 1, "city": None}), [0, 3, 4, 5]),
    ],
)  # fmt: skip
def test_what_may_have_turned_is_looked_at(
    index: FactIndex[Item], changed: set[str], lead: Lead, found: list[int]
) -> None:
    """Rules found by the new value and those that held, each once and in order."""
    assert orders(index.woken(changed, lead)) == found


def test_what_may_hold_is_found_without_any_change(index: FactIndex[Item]) -> None:
    """By what the lead is, and what it held; an edge is over and is not among them."""
    assert orders(index.possible(Lead({"city": "上海", "amount": 900}, {}))) == [0, 2, 4, 5]
    assert orders(index.possible(Lead({"city": "北京"}, {}, "large", "two", "gone"))) == [2, 4, 5]
    assert orders(index.possible(Lead({}, {}))) == [4]
    assert orders(index.possible(Lead({"amount": 900}, {}, "large"))) == [2, 4]
    assert orders(index.everything.always) == [4]


def test_a_rule_without_a_pivot_or_a_key_is_not_remembered(index: FactIndex[Item]) -> None:
    """Only what is found by value has to be looked for by what it held."""
    assert index.held.keys() == {"east", "west", "large", "two"}
