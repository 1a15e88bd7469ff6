"""Explanations and closures say the same as the independent judge, for every operator there is."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.operators import OPERATORS
from engine.network.condition import Compiled
from engine.network.explain import Explanation, explain
from tests.machines.generators import (
    BIRTHDAYS,
    CITIES,
    GAPS,
    LASTING,
    LEVELS,
    NAMED,
    NUMBERS,
    SPANS,
    TAGS,
    WITH_GUARDS,
    Data,
    Step,
    streams,
)
from tests.machines.oracle import Past
from tests.machines.rulesets import behaviour, compiled, one_model
from tests.machines.test_oracle import Match
from tests.play import START

CITY, TAG, LEVEL = st.sampled_from(CITIES), st.sampled_from(TAGS), st.sampled_from(LEVELS)
# The field that stands for each family, what values it may have, and a constant to compare with.
FIELDS: dict[str, tuple[str, Any, Any]] = {
    "string": ("lead.city", st.sampled_from([*CITIES, "上海市", "", "ABC"]), CITY),
    "number": ("lead.employees", NUMBERS, NUMBERS),
    "enum": ("lead.title_level", LEVEL, LEVEL),
    "boolean": ("lead.phone.valid", st.booleans(), st.booleans()),
    "date": ("lead.birthday", st.sampled_from(BIRTHDAYS), st.sampled_from(BIRTHDAYS)),
    "list": ("lead.tags", st.lists(TAG, min_size=1, max_size=3, unique=True), TAG),
}
MANY = frozenset({"in", "not_in", "contains_any", "includes_any", "includes_all"})


class View(msgspec.Struct):
    """A lead at one instant, as conditions read it."""

    facts: Data
    now: int
    properties: Data = {}
    before: Data = {}
    windows: Data = {}
    created_at: int = START


def operands(op: str, constant: Any) -> Any:
    """What an operator takes, made of the constants of its field."""
    if op == "exists":
        return st.booleans()
    if op in ("older_than", "newer_than"):
        return st.sampled_from(SPANS)
    if op == "matches":
        return st.sampled_from(["^上", "海$", "[一-龥]{2}", "(?i)b", "^$", "苏|广"])
    if op == "between":
        return st.lists(constant, min_size=2, max_size=2).map(sorted)
    return st.lists(constant, min_size=1, max_size=3) if op in MANY else constant


def rule_of(condition: Data) -> Compiled:
    """Compile a condition that may cross a bound: that of a rule with an event."""
    rule = {"id": "r", "dimension": "d", "event": "chat_started", "points": 1, "repeat": "each"}
    when = compiled(one_model([{**rule, "when": condition}]), named=NAMED).rules["default.d.r"].when
    assert when is not None
    return when


@pytest.mark.parametrize(
    ("family", "op"),
    [(family, op) for family, ops in OPERATORS.items() for op in ops if family != "consent"],
)
@settings(deadline=None, max_examples=12)
@given(data=st.data())
def test_every_operator_means_what_the_judge_says(family: str, op: str, data: Any) -> None:
    """Closure, tree and judge agree on every operator, for values there and missing, old and new."""
    name, values, constant = FIELDS[family]
    condition = {name: {op: data.draw(operands(op, constant))}}
    old, new = (data.draw(st.one_of(st.none(), values)) for _ in range(2))
    now = START + data.draw(GAPS)
    when = rule_of(condition)
    view = View({} if new is None else {name: new}, now)
    if old != new:
        view.before = {name: old}
    past = Past(START, behaviour())
    past.facts = view.facts
    past.before = {k: v for k, v in {name: old}.items() if v is not None}
    tree = explain(when, view)
    assert when.holds(view) is tree.holds is past.holds(condition, now)
    assert (tree.operator, tree.actual) == (op, new)


@pytest.mark.parametrize("op", ["eq", "ne", "gt", "gte", "lt", "lte"])
@settings(deadline=None, max_examples=20)
@given(amount=st.one_of(st.none(), NUMBERS), budget=st.one_of(st.none(), NUMBERS))
def test_comparing_two_fields(op: str, amount: Any, budget: Any) -> None:
    """Neither field is zero because it is missing: without one of them nothing compares."""
    condition = {"lead.amount": {op: {"field": "lead.budget"}}}
    said = {"lead.amount": amount, "lead.budget": budget}
    view = View({k: v for k, v in said.items() if v is not None}, START)
    past = Past(START, behaviour())
    past.facts = view.facts
    when = rule_of(condition)
    tree = explain(when, view)
    assert when.holds(view) is tree.holds is past.holds(condition, START)
    assert (tree.actual, tree.other) == (amount, budget)


def consistent(node: Explanation) -> bool:
    """Whether a node holds when its own items say so."""
    held = [item.holds for item in node.items]
    if not held:
        return True
    if node.kind == "not":
        return node.holds is not held[0]
    return node.holds is (all(held) if node.kind == "all" else any(held))


@settings(deadline=None, max_examples=150)
@given(said=st.lists(LASTING, min_size=1, max_size=3), stream=streams(), ahead=GAPS)
def test_the_tree_of_a_lead_with_a_past_agrees_with_the_judge(
    said: list[Data], stream: list[Step], ahead: int
) -> None:
    """Also between two wakes, and nothing changes before the instant at which it says so."""
    match = Match(said, [])
    match.play(stream)
    lead, past = match.lead, match.past
    for index, condition in enumerate(said):
        when = match.ruleset.rules[f"default.l{index}.level-{index}"].when
        assert when is not None
        view = View(lead.facts, match.now, windows=lead.windows, created_at=lead.created_at)
        tree = explain(when, view)
        assert all(consistent(node) for node in tree.nodes())
        assert tree.holds is when.holds(view) is past.holds(condition, match.now)
        view.now += ahead
        later = explain(when, view)
        assert later.holds is when.holds(view) is past.holds(condition, view.now)
        if tree.next_change is None or tree.next_change > view.now:
            assert later.holds is tree.holds


@settings(deadline=None, max_examples=100)
@given(condition=WITH_GUARDS, ahead=GAPS)
def test_the_tree_with_time_guards_agrees_with_the_judge(condition: Data, ahead: int) -> None:
    """Hours and days beside everything else, for a lead to whom nothing has happened."""
    when = rule_of(condition)
    view = View({}, START + ahead)
    tree = explain(when, view)
    assert all(consistent(node) for node in tree.nodes())
    past = Past(START, behaviour(), NAMED)
    assert tree.holds is when.holds(view) is past.holds(condition, view.now)
