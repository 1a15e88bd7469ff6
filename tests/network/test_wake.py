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
from engine.network.wake import EventIndex, FactIndex

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


@given(
    st.lists(st.sets(st.sampled_from("abcd")), max_size=10),
    st.sets(st.sampled_from("abcdef")),
)
def test_changed_facts_wake_exactly_their_readers(reads: list[set[str]], changed: set[str]) -> None:
    """A rule wakes if and only if it reads something that changed, once, in order."""
    rules = [Rule(order, (), None) for order in range(len(reads))]
    index = FactIndex(zip(rules, reads, strict=True))
    wanted = [r for r, names in zip(rules, reads, strict=True) if names & changed]
    assert list(index.woken(changed)) == wanted


def test_equal_conditions_are_compiled_once() -> None:
    """Rules that say the same share one node, whatever the order of their entries."""
    compiler = ConditionCompiler({})
    one, two = on_event("page", "eq", "a"), on_event("kind", "eq", "b")
    first = compiler.compile(All(items=(one, two), source=HERE))
    second = compiler.compile(All(items=(two, one), source=Source("other.yaml", 9, 9)))
    assert first is second
