"""Turns: between two numbers that matter nobody needs to look."""

from __future__ import annotations

from typing import Any

import pytest

from engine.language.definitions import FieldRef
from engine.network.condition import ConditionCompiler
from engine.network.turns import Turns
from tests.network.written import absence, compare, every, no


def quiet(turns: Turns, before: Any, now: Any, name: str = "s") -> bool:
    """Whether a change of one fact from ``before`` to ``now`` needs no look."""
    return turns.quiet({name: before}, {name: now})


def turns(*conditions: Any, **more: Any) -> Turns:
    """Turns of these conditions."""
    compiler = ConditionCompiler({})
    return Turns(map(compiler.compile, conditions), more.get("bounds", {}), more.get("loud", ()))


@pytest.mark.parametrize(
    ("op", "operand", "loud", "still"),
    [
        ("gte", 50, [(49, 50), (50, 49.9), (10, 90)], [(50, 90), (1, 49.9)]),
        ("lt", 50, [(49, 50), (50, 49)], [(50, 51), (1, 49)]),
        ("rises_to", 50, [(49, 50)], [(50, 51), (1, 49)]),
        ("falls_below", 50, [(50, 49)], [(60, 50), (1, 49)]),
        ("gt", 50, [(50, 51), (50.5, 50)], [(49, 50), (51, 90)]),
        ("lte", 50, [(50, 51), (51, 50)], [(49, 50), (51, 90)]),
        ("eq", 50, [(49, 50), (50, 51)], [(10, 49), (51, 90)]),
        ("in", (10, 50), [(49, 50), (10, 11), (9, 10)], [(11, 49), (51, 90), (1, 9)]),
        ("between", (10, 50), [(9, 10), (50, 51)], [(11, 49), (51, 90)]),
        ("exists", True, [], [(1, 90)]),
    ],
)
def test_a_number_between_two_bounds_is_quiet(
    op: str, operand: Any, loud: list[Any], still: list[Any]
) -> None:
    """Each operator has the numbers at which it turns, and is quiet on either side of them."""
    made = turns(compare("s", op, operand))
    assert [pair for pair in loud if quiet(made, *pair)] == []
    assert [pair for pair in still if not quiet(made, *pair)] == []


def test_what_appears_or_goes_is_looked_at() -> None:
    """A number that a condition reads is never quiet when it was not there or is no more."""
    made = turns(compare("s", "gte", 50))
    assert not quiet(made, None, 60)
    assert not quiet(made, 60, None)
    assert not turns(compare("s", "exists", True)).quiet({"s": None}, {"s": 1})


@pytest.mark.parametrize("op", ["gte", "gt", "rises_to", "falls_below", "eq"])
def test_what_is_not_there_is_below_every_bound(op: str) -> None:
    """Where being there makes nothing hold, a number that appears below the bounds is quiet."""
    made = turns(compare("s", op, 50))
    assert quiet(made, None, 49)
    assert quiet(made, 49, None)
    assert not quiet(made, None, 51)


@pytest.mark.parametrize("op", ["lt", "lte", "ne"])
def test_what_appears_is_looked_at_where_being_there_may_make_it_hold(op: str) -> None:
    """A missing number fails these tests, one below the bound does not; one bound is enough."""
    made = turns(compare("s", op, 50), compare("s", "gte", 9))
    assert not quiet(made, None, 1)
    assert not quiet(made, 1, None)
    assert quiet(turns(compare("t", op, 50), compare("s", "gte", 9)), None, 1)


def test_what_nobody_reads_is_quiet() -> None:
    """A fact of no condition may change as it likes, whatever it is."""
    made = turns(compare("s", "gte", 50))
    assert quiet(made, None, "上海", name="lead.city")
    assert made.quiet({"lead.city": None, "s": 1}, {"s": 2})
    assert not made.quiet({"lead.city": None, "s": 1}, {"s": 50})
    assert made.quiet({}, {})


def test_what_is_compared_otherwise_is_looked_at_each_time() -> None:
    """Text, other fields, time and windows make what their condition reads loud."""
    other = compare("s", "gte", FieldRef(fact="t"))
    assert not quiet(turns(other), 1, 2)
    assert not quiet(turns(other), 1, 2, name="t")
    assert not quiet(turns(compare("s", "eq", "A", "string")), "B", "C")
    beside = every(compare("s", "gte", 50), no(absence("w", 5)))
    assert not quiet(turns(beside), 1, 2)
    assert not turns(beside).quiet({"w": None}, {})
    assert quiet(turns(every(compare("s", "gte", 50), compare("t", "lt", 3))), 1, 2)


def test_bounds_and_loud_facts_may_be_given() -> None:
    """The floors of grades are bounds too, and what points are multiplied by is loud."""
    made = turns(compare("s", "gte", 50), bounds={"s": [80, 20]}, loud=("t",))
    assert not quiet(made, 19, 20)
    assert not quiet(made, 79, 80)
    assert not quiet(made, 49, 50)
    many = turns(compare("x", "eq", "A", "string"), compare("y", "eq", "A", "string"), loud=("z",))
    assert [quiet(many, "B", "C", name) for name in "sxyz"] == [True, False, False, False]
    assert quiet(made, 50, 79)
    assert quiet(made, 80, 300)
    assert not quiet(made, 1, 2, name="t")
