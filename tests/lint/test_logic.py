"""The logic behind the checks agrees with what the network really decides."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from itertools import product
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.definitions import All, AnyOf, Condition, FieldRef, Not, Route, Sla
from engine.language.definitions import Test as FactTest
from engine.language.diagnostic import Source
from engine.language.lint.candidates import Candidates
from engine.language.lint.checks import shadowed_route, shadowed_sla, unreachable_route
from engine.language.lint.context import Context
from engine.language.lint.logic import Logic
from engine.language.lint.values import Numbers, above, below, names, numbers, points
from engine.language.load import load_folder
from engine.network.condition import ConditionCompiler
from tests.lint.configs import HERE

AT = Source("x.yaml", 1, 1, 1, 2)
LEVELS = ("staff", "manager", "director", "vp", "c_level")
# Every class of values that the operands below can tell apart, and no value at all.
VALUES: dict[str, list[Any]] = {
    "lead.employees": [None, *range(-1, 5)],
    "lead.city": [None, "ab", "abc", "b", "zz"],
    "lead.title_level": [None, *LEVELS],
}


class Lead(msgspec.Struct):
    """A lead as a compiled condition reads it."""

    facts: dict[str, Any]
    properties: dict[str, Any] = {}
    before: dict[str, Any] = {}
    windows: dict[str, Any] = {}
    created_at: int = 0
    now: int = 0


@lru_cache(maxsize=1)
def logic() -> Logic:
    """Return the logic of the base configuration."""
    definitions = load_folder(HERE / "_base").definitions
    assert definitions is not None
    return Logic(definitions)


@lru_cache(maxsize=1)
def leads() -> tuple[Lead, ...]:
    """Return one lead of each kind."""
    found = []
    for values in product(*VALUES.values()):
        facts = {n: v for n, v in zip(VALUES, values, strict=True) if v is not None}
        found.append(Lead(facts))
    return tuple(found)


def holding(condition: Condition) -> list[bool]:
    """Return for each lead whether the compiled condition holds."""
    holds = ConditionCompiler({}).compile(condition).holds
    return [holds(lead) for lead in leads()]


def number_tests() -> Iterator[Any]:
    """Yield strategies of tests of a whole number."""
    bound = st.integers(0, 3)
    for op in ("eq", "ne", "gt", "gte", "lt", "lte"):
        yield st.tuples(st.just(op), bound)
    for op in ("in", "not_in"):
        yield st.tuples(st.just(op), st.lists(bound, min_size=1, max_size=3).map(tuple))
    yield st.tuples(st.just("between"), st.lists(bound, min_size=2, max_size=2).map(sorted))


def text_tests() -> Iterator[Any]:
    """Yield strategies of tests of a text."""
    word = st.sampled_from(["ab", "abc", "b"])
    for op in ("eq", "ne"):
        yield st.tuples(st.just(op), word)
    for op in ("in", "not_in", "contains_any"):
        yield st.tuples(st.just(op), st.lists(word, min_size=1, max_size=2).map(tuple))
    for op in ("starts_with", "ends_with", "contains"):
        yield st.tuples(st.just(op), word)


def level_tests() -> Iterator[Any]:
    """Yield strategies of tests of an ordered enum."""
    for op in ("eq", "ne", "at_least", "at_most"):
        yield st.tuples(st.just(op), st.sampled_from(LEVELS))


def any_test_of(fact: str, family: str, kinds: Iterator[Any], ranks: tuple[str, ...] = ()) -> Any:
    """Return the strategy of tests of one fact."""
    exists = st.tuples(st.just("exists"), st.booleans())
    return st.one_of(exists, *kinds).map(
        lambda t: FactTest(fact=fact, op=t[0], operand=t[1], family=family, ranks=ranks, source=AT)
    )


LEAF = st.one_of(
    any_test_of("lead.employees", "number", number_tests()),
    any_test_of("lead.city", "string", text_tests()),
    any_test_of("lead.title_level", "enum", level_tests(), LEVELS),
)
CONDITIONS = st.recursive(
    LEAF,
    lambda inner: st.one_of(
        st.lists(inner, min_size=1, max_size=3).map(lambda i: All(items=tuple(i), source=AT)),
        st.lists(inner, min_size=1, max_size=3).map(lambda i: AnyOf(items=tuple(i), source=AT)),
        inner.map(lambda i: Not(item=i, source=AT)),
    ),
    max_leaves=6,
)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS)
def test_what_is_said_about_a_condition_is_true(condition: Condition) -> None:
    """A condition said to be impossible holds for no lead, one said to be certain for all."""
    holds = holding(condition)
    assert logic().possible(condition) or not any(holds)
    assert not logic().always(condition) or all(holds)


@settings(max_examples=300, deadline=None)
@given(CONDITIONS, CONDITIONS)
def test_what_is_said_about_two_conditions_is_true(one: Condition, other: Condition) -> None:
    """Where one is said to imply another, no lead meets it without meeting the other."""
    if logic().implies(one, other):
        pairs = zip(holding(one), holding(other), strict=True)
        assert all(b for a, b in pairs if a)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.one_of(
            any_test_of("lead.employees", "number", number_tests()),
            any_test_of("lead.title_level", "enum", level_tests(), LEVELS),
        ),
        min_size=1,
        max_size=4,
    )
)
def test_numbers_and_enums_are_decided_completely(tests: list[FactTest]) -> None:
    """Of joined tests of numbers and enums, what holds for no lead is always noticed."""
    condition = All(items=tuple(tests), source=AT)
    assert logic().possible(condition) is any(holding(condition))


def test_too_many_alternatives_are_no_finding() -> None:
    """A condition that is too large to decide may hold, and is not said to hold always."""
    fork = AnyOf(
        items=tuple(
            FactTest(fact="lead.city", op="eq", operand=v, family="string", source=AT)
            for v in "abc"
        ),
        source=AT,
    )
    huge = All(items=(fork,) * 8, source=AT)
    assert logic().possible(huge)
    assert not logic().implies(huge, fork)
    wide = AnyOf(items=(Not(item=huge, source=AT), *(fork.items * 200)), source=AT)
    assert logic().possible(wide)


def test_a_comparison_of_fields_contradicts_only_its_negation() -> None:
    """Nothing is known about two fields but that they are there."""
    test = FactTest(
        fact="lead.amount",
        op="gt",
        operand=FieldRef(fact="lead.budget"),
        family="number",
        source=AT,
    )
    missing = FactTest(fact="lead.budget", op="exists", operand=False, family="number", source=AT)
    assert logic().possible(test)
    assert not logic().possible(test, Not(item=test, source=AT))
    assert not logic().possible(test, missing)


def test_an_unknown_operator_is_not_looked_into() -> None:
    """An operator that lint does not know contradicts only its own negation."""
    test = FactTest(fact="lead.city", op="sounds_like", operand="x", family="string", source=AT)
    assert logic().possible(test)
    assert logic().implies(test, test)


@pytest.mark.parametrize(
    ("values", "whole"), [(above(5).meet(below(6)), True), (numbers(1, 2).meet(above(2)), False)]
)
def test_empty_sets_of_numbers(values: Numbers, whole: bool) -> None:
    """Nothing lies between whole neighbours, nor beyond a bound that is included."""
    assert values.empty(whole)


def test_complements() -> None:
    """The complement of the complement is the set itself, for numbers and names."""
    for each in (numbers(), points([1, 2]), above(3), names("a"), names("a").complement()):
        assert each.complement().complement() == each
    assert numbers().complement().empty()


@settings(max_examples=200, deadline=None)
@given(st.lists(st.none() | CONDITIONS, min_size=1, max_size=8), CONDITIONS)
def test_candidates_leave_out_nothing_that_is_implied(
    conditions: list[Condition | None], condition: Condition
) -> None:
    """What a condition implies is among its candidates, which are fewer to compare with."""
    if not logic().possible(condition):
        return
    found = Candidates(logic(), conditions).implied_by(condition)
    implied = [i for i, other in enumerate(conditions) if logic().implies(condition, other)]
    assert set(implied) <= set(found)
    assert found == sorted(set(found))


class Everything:
    """The slow way: every condition is a candidate."""

    def __init__(self, logic: Logic, conditions: list[Condition | None]) -> None:
        self.count = len(conditions)

    def implied_by(self, condition: Condition | None) -> list[int]:
        return list(range(self.count))


def in_order(conditions: list[Condition | None], targets: list[str]) -> Context:
    """Return what the checks look at: routes and SLAs with these conditions, in this order."""
    definitions = load_folder(HERE / "_base").definitions
    assert definitions is not None
    routes, slas = [], []
    for i, (when, target) in enumerate(zip(conditions, targets, strict=True)):
        team, pool = (None, target) if target == "public" else (target, None)
        plain = {"by": None, "member": None, "source": AT}
        strategy = "round_robin" if team else None
        route = Route(id=f"路{i}", when=when, team=team, pool=pool, strategy=strategy, **plain)
        routes.append(route)
        slas.append(Sla(id=f"时{i}", when=when, clocks=(), calendar="always", rungs=(), source=AT))
    routing = msgspec.structs.replace(definitions.routing, rules=tuple(routes), slas=tuple(slas))
    return Context(msgspec.structs.replace(definitions, routing=routing), {}, {}, (), 0)


@settings(max_examples=150, deadline=None)
@given(
    st.lists(
        st.tuples(st.none() | CONDITIONS, st.sampled_from(["east", "west", "public"])), max_size=7
    )
)
def test_the_fast_way_finds_what_comparing_all_pairs_finds(
    rules: list[tuple[Condition | None, str]],
) -> None:
    """Shadowed routes and SLAs and unreachable routes, to the word and in the same order."""
    context = in_order([when for when, _ in rules], [target for _, target in rules])
    for check in (shadowed_route, shadowed_sla, unreachable_route):
        fast = list(check.check(context))
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(check, "Candidates", Everything)
            assert list(check.check(context)) == fast


def test_candidates_are_few() -> None:
    """Of a thousand conditions with one name each, only those with that name are compared."""
    tests = [named("lead.city", f"城市{i}") for i in range(1000)]
    wide = AnyOf(items=(tests[7], named("lead.source.name", "展会")), source=AT)
    large = FactTest(fact="lead.employees", op="gte", operand=5, family="number", source=AT)
    candidates = Candidates(logic(), [*tests, wide, large, None])
    assert candidates.implied_by(tests[7]) == [7, 1000, 1002]
    assert candidates.implied_by(All(items=(tests[7], large), source=AT)) == [7, 1000, 1001, 1002]
    assert candidates.implied_by(None) == [1002]


def named(fact: str, name: str) -> FactTest:
    """Return the test that a fact has a name."""
    return FactTest(fact=fact, op="eq", operand=name, family="string", source=AT)


def test_what_cannot_be_decided_has_no_candidates() -> None:
    """A condition of more ways than are looked at implies nothing, and nothing implies it."""
    many = All(
        items=tuple(
            AnyOf(items=(named(f"lead.a{i}", "甲"), named(f"lead.b{i}", "乙")), source=AT)
            for i in range(10)
        ),
        source=AT,
    )
    assert logic().ways(many, True) is None
    assert Candidates(logic(), [None, many]).implied_by(many) == []
    fails = Not(item=many, source=AT)
    assert Candidates(logic(), [fails, None]).implied_by(named("lead.a0", "丙")) == [1]
