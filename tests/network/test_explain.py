"""Explanations: the tree says what the closure says, at every node."""

from __future__ import annotations

from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language import definitions
from engine.language.definitions import All, Guard, Not
from engine.language.diagnostic import Source
from engine.language.instants import DAY, HOUR
from engine.network.condition import ConditionCompiler
from engine.network.explain import Explanation, explain
from tests.network.generated import CALENDARS, CONDITIONS, GUARDS, LEAVES, NOW, View, views

HERE = Source("a.yaml", 1, 1)


def combined(node: Explanation) -> bool:
    """What a node's items come to by its own logic."""
    held = [item.holds for item in node.items]
    if node.kind == "not":
        return not held[0]
    return all(held) if node.kind == "all" else any(held)


@settings(max_examples=200, deadline=None)
@given(st.data(), CONDITIONS)
def test_the_tree_agrees_with_the_closure(data: Any, condition: Any) -> None:
    """The root holds when the engine says so, and each node when its items come to that."""
    compiler = ConditionCompiler(CALENDARS)
    compiled = compiler.compile(condition)
    view = data.draw(views(compiler))
    tree = explain(compiled, view, condition)
    assert tree.holds is compiled.holds(view)
    for node in tree.nodes():
        if node.items:
            assert node.holds is combined(node)
    assert tree.source == condition.source


@settings(max_examples=200, deadline=None)
@given(st.data(), CONDITIONS)
def test_every_node_stands_where_it_is_written(data: Any, condition: Any) -> None:
    """Equal conditions share one compiled form; each is explained at its own place."""
    compiler = ConditionCompiler(CALENDARS)
    elsewhere = moved(condition)
    compiler.compile(elsewhere)
    compiled = compiler.compile(condition)
    view = data.draw(views(compiler))
    assert places(explain(compiled, view, condition)) == written(condition)
    assert places(explain(compiled, view, elsewhere)) == written(elsewhere)


def moved(condition: Any) -> Any:
    """The same condition in another file, its items in another order."""
    changes: dict[str, Any] = {"source": msgspec.structs.replace(condition.source, file="b.yaml")}
    if isinstance(condition, Not):
        changes["item"] = moved(condition.item)
    elif hasattr(condition, "items"):
        changes["items"] = tuple(moved(item) for item in reversed(condition.items))
    return msgspec.structs.replace(condition, **changes)


def places(node: Explanation) -> list[Any]:
    """The places of a tree's nodes."""
    return [node.source, *(places(item) for item in node.items)]


def written(condition: Any) -> list[Any]:
    """The places of a condition's parts."""
    inner = [condition.item] if isinstance(condition, Not) else getattr(condition, "items", ())
    return [condition.source, *(written(item) for item in inner)]


@settings(max_examples=200, deadline=None)
@given(st.data(), LEAVES)
def test_nothing_changes_before_its_next_change(data: Any, condition: Any) -> None:
    """Up to the instant named a condition keeps its truth, if only time passes."""
    compiler = ConditionCompiler(CALENDARS)
    compiled = compiler.compile(condition)
    view = data.draw(views(compiler))
    node = explain(compiled, view)
    until = node.next_change if node.next_change is not None else view.now + 90 * DAY
    assert until > view.now
    for later in (view.now + 1, (view.now + until) // 2, until - 1):
        if later < until:
            passed = msgspec.structs.replace(view, now=later)
            assert compiled.holds(passed) is node.holds


@settings(max_examples=60, deadline=None)
@given(GUARDS, st.integers(0, 14 * 24))
def test_a_guard_flips_when_it_says(guard: Guard, hours: int) -> None:
    """At the instant named a time guard opens or closes."""
    compiler = ConditionCompiler(CALENDARS)
    compiled = compiler.compile(guard)
    view = View({}, {}, {}, {}, NOW, NOW + hours * HOUR)
    node = explain(compiled, view)
    if node.next_change is not None:
        after = explain(compiled, msgspec.structs.replace(view, now=node.next_change))
        assert after.holds is not node.holds


def test_a_node_has_the_value_that_was_compared() -> None:
    """A test's node names the field, the operator, what is wanted and what there is."""
    test = definitions.Test(
        fact="lead.employees", op="gte", operand=500, family="number", source=HERE
    )
    view = View({"lead.employees": 120}, {}, {}, {}, NOW, NOW)
    node = explain(ConditionCompiler({}).compile(test), view)
    assert node == Explanation(
        kind="test",
        text="lead.employees: {gte: 500}",
        holds=False,
        source=HERE,
        field="lead.employees",
        operator="gte",
        wanted="500",
        actual=120,
    )


def test_an_edge_shows_what_was_before() -> None:
    """A crossing names both sides of it."""
    test = definitions.Test(
        fact="score.default.total", op="rises_to", operand=80, family="number", source=HERE
    )
    compiled = ConditionCompiler({}).compile(test)
    facts = {"score.default.total": 85}
    crossing = View(facts, {}, {"score.default.total": 72}, {}, NOW, NOW)
    node = explain(compiled, crossing)
    assert (node.holds, node.before, node.actual) == (True, 72, 85)
    assert node.text == "score.total: {rises_to: 80}"
    assert not explain(compiled, View(facts, {}, {}, {}, NOW, NOW)).holds


def test_a_group_changes_with_the_first_of_its_parts() -> None:
    """A group's next change is the earliest one below it; a plain test has none."""
    plain = definitions.Test(
        fact="lead.employees", op="gte", operand=500, family="number", source=HERE
    )
    late, soon = (
        definitions.Test(
            fact="lead.birthday", op="older_than", operand=span, family="date", source=HERE
        )
        for span in (3 * DAY, 2 * DAY)
    )
    group = All(items=(plain, late, Not(item=soon, source=HERE)), source=HERE)
    view = View({"lead.birthday": "2026-03-02"}, {}, {}, {}, NOW, NOW)
    tree = explain(ConditionCompiler({}).compile(group), view)
    assert [item.next_change for item in tree.items] == [
        None,
        NOW - 9 * HOUR + 3 * DAY,
        NOW - 9 * HOUR + 2 * DAY,
    ]
    assert tree.next_change == NOW - 9 * HOUR + 2 * DAY
