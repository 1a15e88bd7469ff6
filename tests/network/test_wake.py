"""The wake index finds every rule that may match, and no order but the configuration's."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from engine.language import definitions
from engine.language.definitions import All, Condition
from engine.language.diagnostic import Source
from engine.network.condition import ConditionCompiler
from engine.network.turns import Turns
from engine.network.wake import EventIndex, FactIndex, Watch

HERE = Source("scoring.yaml", 1, 1)
NAMES = ("page", "kind")
VALUES = ("a", "b", "c")


class Rule(msgspec.Struct, frozen=True):
    """Something with a place in the order."""

    order: int
    types: tuple[str, ...]
    where: Condition | None


def on_event(name: str, op: str, operand: Any) -> definitions.Test:
    """A test on an event's property."""
    return definitions.Test(
        fact=f"event.{name}", op=op, operand=operand, family="string", source=HERE
    )


TESTS = st.one_of(
    st.builds(lambda n, v: on_event(n, "eq", v), st.sampled_from(NAMES), st.sampled_from(VALUES)),
    st.builds(
        lambda n, v: on_event(n, "in", tuple(v)),
        st.sampled_from(NAMES),
        st.lists(st.sampled_from(VALUES), min_size=1, unique=True),
    ),
    st.builds(lambda n, v: on_event(n, "ne", v), st.sampled_from(NAMES), st.sampled_from(VALUES)),
)
WHERES = st.one_of(
    st.none(),
    TESTS,
    st.builds(
        lambda items: All(items=tuple(items), source=HERE), st.lists(TESTS, min_size=1, max_size=3)
    ),
)
TYPES = st.lists(st.sampled_from(("x", "y")), min_size=1, unique=True).map(tuple)


class Facts:
    """An event as conditions read it."""

    def __init__(self, properties: dict[str, Any]) -> None:
        self.properties = properties
        self.facts: dict[str, Any] = {}


@given(
    st.lists(st.tuples(TYPES, WHERES), max_size=12),
    st.sampled_from(("x", "y", "z")),
    st.dictionaries(st.sampled_from(NAMES), st.sampled_from((*VALUES, "d"))),
)
def test_no_rule_that_matches_is_missed(
    drawn: list[Any], kind: str, properties: dict[str, str]
) -> None:
    """Trying only the woken rules gives the same as trying all of them, in the same order."""
    rules = [Rule(order, types, where) for order, (types, where) in enumerate(drawn)]
    index = EventIndex((r, r.types, r.where) for r in rules)
    compiler = ConditionCompiler({})
    facts = Facts(properties)

    def matches(rule: Rule) -> bool:
        compiled = compiler.optional(rule.where)
        return kind in rule.types and (compiled is None or compiled.holds(facts))

    woken = list(index.woken(kind, properties))
    assert [r for r in woken if matches(r)] == [r for r in rules if matches(r)]
    assert [r.order for r in woken] == sorted({r.order for r in woken})


class Lead:
    """A lead as the index sees it: what it is, what it was, and which rules hold."""

    def __init__(self, was: dict[str, Any], facts: dict[str, Any]) -> None:
        self.properties: dict[str, Any] = {}
        self.facts = facts
        names = was.keys() | facts.keys()
        self.before = {n: was.get(n) for n in names if was.get(n) != facts.get(n)}
        self.holds: dict[str, int] = {}

    def held(self) -> tuple[dict[str, int]]:
        """Return the rules that held before."""
        return (self.holds,)


def on_number(name: str, op: str, operand: Any) -> definitions.Test:
    """A test on a number of a lead."""
    return definitions.Test(fact=name, op=op, operand=operand, family="number", source=HERE)


NUMBERS = st.integers(0, 6)
FIELDS = st.sampled_from(("a", "b", "c"))
ON_FACTS = st.one_of(
    st.builds(on_number, FIELDS, st.sampled_from(("eq", "ne", "gt", "gte", "lt", "lte")), NUMBERS),
    st.builds(on_number, FIELDS, st.just("between"), st.tuples(NUMBERS, NUMBERS)),
    st.builds(on_number, FIELDS, st.just("in"), st.tuples(NUMBERS, NUMBERS)),
    st.builds(on_number, FIELDS, st.just("exists"), st.booleans()),
    st.builds(on_number, FIELDS, st.sampled_from(("rises_to", "falls_below")), NUMBERS),
)
CONDITIONS = st.recursive(
    ON_FACTS,
    lambda inner: st.one_of(
        st.builds(
            lambda items: All(items=tuple(items), source=HERE),
            st.lists(inner, min_size=1, max_size=3),
        ),
        st.builds(lambda item: definitions.Not(item=item, source=HERE), inner),
    ),
    max_leaves=4,
)
PROFILES = st.dictionaries(FIELDS, NUMBERS)


@given(st.lists(CONDITIONS, max_size=8), PROFILES, PROFILES)
def test_every_rule_that_turned_is_woken(
    conditions: list[Condition], was: dict[str, Any], now: dict[str, Any]
) -> None:
    """A rule that holds now or held before, and reads what changed, is looked at, in order."""
    compiler = ConditionCompiler({})
    rules = [Rule(order, (), c) for order, c in enumerate(conditions)]
    compiled = [compiler.compile(c) for c in conditions]
    index = FactIndex(
        Watch(r, str(r.order), r.where, c.reads) for r, c in zip(rules, compiled, strict=True)
    )
    old, lead = Lead({}, was), Lead(was, now)
    lead.holds = {str(n): 1 for n, c in enumerate(compiled) if c.holds(old) and not c.edge}
    woken = [rule.order for rule in index.woken(lead.before.keys(), lead)]
    turned = [
        n
        for n, c in enumerate(compiled)
        if c.reads & lead.before.keys() and (c.holds(lead) or str(n) in lead.holds)
    ]
    assert set(turned) <= set(woken)
    assert woken == sorted(set(woken))
    assert all(compiled[n].reads & lead.before.keys() for n in woken)


@given(st.lists(CONDITIONS, max_size=8), PROFILES)
def test_every_rule_that_may_hold_is_possible(
    conditions: list[Condition], now: dict[str, Any]
) -> None:
    """A new lead is judged by every rule that holds for it, edges aside."""
    compiler = ConditionCompiler({})
    rules = [Rule(order, (), c) for order, c in enumerate(conditions)]
    compiled = [compiler.compile(c) for c in conditions]
    index = FactIndex(
        Watch(r, str(r.order), r.where, c.reads) for r, c in zip(rules, compiled, strict=True)
    )
    lead = Lead(now, now)
    possible = {rule.order for rule in index.possible(lead)}
    assert possible >= {n for n, c in enumerate(compiled) if c.holds(lead)}


@given(st.lists(CONDITIONS, min_size=1, max_size=6), PROFILES, PROFILES)
def test_a_quiet_change_turns_nothing(
    conditions: list[Condition], was: dict[str, Any], now: dict[str, Any]
) -> None:
    """What Turns calls quiet leaves every condition as it was, edges included."""
    compiler = ConditionCompiler({})
    compiled = [compiler.compile(c) for c in conditions]
    before, after = Lead(was, was), Lead(was, now)
    if Turns(compiled, {}, ()).quiet(after.before, now):
        assert [c.holds(before) for c in compiled] == [c.holds(after) for c in compiled]


def test_a_thousand_cities_wake_two_rules() -> None:
    """A changed city wakes the rules of the new city and those that held, and no others."""
    tests = [on_number("a", "eq", n) for n in range(1000)]
    index = FactIndex(
        Watch(Rule(n, (), test), str(n), test, ("a",)) for n, test in enumerate(tests)
    )
    lead = Lead({"a": 7}, {"a": 900})
    lead.holds = {"7": 1}
    assert [rule.order for rule in index.woken({"a"}, lead)] == [7, 900]


def test_equal_conditions_are_compiled_once() -> None:
    """Rules that say the same share one node, whatever the order of their entries."""
    compiler = ConditionCompiler({})
    one, two = on_event("page", "eq", "a"), on_event("kind", "eq", "b")
    first = compiler.compile(All(items=(one, two), source=HERE))
    second = compiler.compile(All(items=(two, one), source=Source("other.yaml", 9, 9)))
    assert first is second
