"""Pivots: the one test by which an index finds a condition."""

from __future__ import annotations

from math import inf
from typing import Any

import pytest

from engine.language.definitions import FieldRef
from engine.network.pivot import Pivot, is_pivot, pivot
from tests.network.written import absence, compare, every, no, some

RANKS = ("staff", "manager", "director")


@pytest.mark.parametrize(
    ("op", "operand", "family", "found"),
    [
        ("eq", "制造业", "string", Pivot("x", ("制造业",))),
        ("in", ["制造业", "金融业"], "string", Pivot("x", ("制造业", "金融业"))),
        ("at_least", "manager", "enum", Pivot("x", ("manager", "director"))),
        ("at_most", "manager", "enum", Pivot("x", ("staff", "manager"))),
        ("gt", 5, "number", Pivot("x", low=5)),
        ("gte", 5, "number", Pivot("x", low=5)),
        ("lt", 5, "number", Pivot("x", high=5)),
        ("lte", 5, "number", Pivot("x", high=5)),
        ("between", (1, 3), "number", Pivot("x", low=1, high=3)),
        ("rises_to", 50, "number", Pivot("x", edge=50)),
        ("falls_below", 50, "number", Pivot("x", edge=50, rising=False)),
        ("between", (1, 3), "date", None),
        ("eq", "vip", "list", None),
        ("ne", 5, "number", None),
        ("exists", True, "string", None),
        ("starts_with", "制", "string", None),
    ],
)
def test_each_operator_is_found_by_its_values_range_or_edge(
    op: str, operand: Any, family: str, found: Pivot | None
) -> None:
    """What cannot be looked up by value or number has no pivot."""
    ranks = RANKS if family == "enum" else ()
    assert pivot(compare("x", op, operand, family, ranks), properties=False) == found


def test_an_index_of_events_asks_properties_and_one_of_facts_asks_facts() -> None:
    """A condition on both is found by the side that is asked for, without its prefix."""
    both = every(
        compare("event.page", "eq", "pricing", "string"),
        compare("lead.city", "eq", "上海", "string"),
    )
    assert pivot(both, properties=True) == Pivot("page", ("pricing",))
    assert pivot(both, properties=False) == Pivot("lead.city", ("上海",))
    assert pivot(compare("lead.city", "eq", "上海", "string"), properties=True) is None


def test_what_need_not_hold_is_no_pivot() -> None:
    """Only what a condition demands finds it: nothing under any, not or an absence."""
    test = compare("x", "eq", 5)
    assert pivot(None, properties=False) is None
    assert pivot(some(test), properties=False) is None
    assert pivot(no(test), properties=False) is None
    assert pivot(absence("w", 5), properties=False) is None
    assert pivot(every(no(test), every(test)), properties=False) == Pivot("x", (5,))
    assert pivot(compare("x", "eq", FieldRef(fact="y")), properties=False) is None


def test_the_most_selective_test_is_chosen() -> None:
    """Edges before values, few values before many, values before ranges, closed before open."""
    edge = compare("a", "rises_to", 50)
    one, two = compare("b", "eq", 1), compare("c", "in", (1, 2))
    closed, below = compare("d", "between", (1, 9)), compare("e", "lt", 5)
    above = compare("f", "gt", 5)
    order = [below, closed, two, one, edge]
    for size, fact in enumerate("edcba", 1):
        found = pivot(every(*order[:size]), properties=False)
        assert found is not None
        assert found.fact == fact
        found = pivot(every(*reversed(order[:size])), properties=False)
        assert found is not None
        assert found.fact == fact
    found = pivot(every(above, closed), properties=False)
    assert found == Pivot("d", low=1, high=9)


def test_ranges_of_one_fact_are_one_range() -> None:
    """The bounds that a condition sets on a fact are taken together, other facts' left out."""
    found = pivot(
        every(
            compare("x", "gt", 1), compare("x", "gte", 3), compare("x", "lt", 9),
            compare("x", "lte", 7), compare("y", "gt", 8),
        ),
        properties=False,
    )  # fmt: skip
    assert found == Pivot("x", low=3, high=7)
    assert pivot(compare("x", "gt", 1), properties=False) == Pivot("x", low=1, high=inf)


def test_a_condition_may_be_nothing_but_its_pivot() -> None:
    """One equality on a property needs not be asked again once the index has found it."""
    page = compare("event.page", "eq", "pricing", "string")
    assert is_pivot(page) is True
    assert is_pivot(compare("event.page", "in", ("a", "b"), "string")) is True
    assert is_pivot(every(page, page)) is False
    assert is_pivot(compare("event.minutes", "gt", 5)) is False
    assert is_pivot(compare("lead.city", "eq", "上海", "string")) is False
    assert is_pivot(None) is False
