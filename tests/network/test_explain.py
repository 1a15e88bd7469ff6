"""Explanations: the tree says what the closure says, at every node."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec import UNSET

from engine.language import definitions
from engine.language.definitions import All, Guard, Not
from engine.language.diagnostic import Source
from engine.language.instants import DAY, HOUR
from engine.network.condition import ConditionCompiler
from engine.network.explain import Explanation, explain
from tests.network import written as w
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
def test_every_node_is_judged_and_stands_as_it_is_written(data: Any, condition: Any) -> None:
    """Equal conditions share one compiled form; each is explained at its own place and order.

    Each node holds when the closure does that is compiled of this node alone.
    """
    compiler = ConditionCompiler(CALENDARS)
    elsewhere = moved(condition)
    compiler.compile(elsewhere)
    compiled = compiler.compile(condition)
    view = data.draw(views(compiler))
    for written in (condition, elsewhere):
        tree = explain(compiled, view, written)
        nodes, parts = list(tree.nodes()), list(parts_of(written))
        assert [node.source for node in nodes] == [part.source for part in parts]
        alone = [ConditionCompiler(CALENDARS).compile(part).holds(view) for part in parts]
        assert [node.holds for node in nodes] == alone


def moved(condition: Any) -> Any:
    """The same condition in another file, its items in another order."""
    changes: dict[str, Any] = {"source": msgspec.structs.replace(condition.source, file="b.yaml")}
    if isinstance(condition, Not):
        changes["item"] = moved(condition.item)
    elif hasattr(condition, "items"):
        changes["items"] = tuple(moved(item) for item in reversed(condition.items))
    return msgspec.structs.replace(condition, **changes)


def parts_of(condition: Any) -> Iterator[Any]:
    """A condition and all below it, each before what it is made of."""
    yield condition
    inner = [condition.item] if isinstance(condition, Not) else getattr(condition, "items", ())
    for item in inner:
        yield from parts_of(item)


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


def explained(condition: Any, view: View, prefix: str = "") -> Explanation:
    """Explain one condition."""
    return explain(ConditionCompiler(CALENDARS).compile(condition), view, condition, prefix)


def test_a_test_on_a_property_shows_what_the_event_has() -> None:
    """The value is the event's, not a fact of the same name; a `where` is written without event."""
    test = w.compare("event.page", "eq", "pricing", "string")
    view = w.view({"page": "home", "event.page": "home"}, properties={"page": "pricing"})
    node = explained(test, view, "event.")
    assert (node.holds, node.actual, node.text) == (True, "pricing", "page: pricing")
    assert (node.field, node.wanted, node.other, node.before) == (
        "event.page",
        "pricing",
        UNSET,
        None,
    )
    assert explained(test, view).text == "event.page: pricing"
    group = explained(w.every(test, w.no(test)), view, "event.")
    assert [item.text for item in group.items] == ["page: pricing", "not: {page: pricing}"]
    assert group.items[1].items[0].text == "page: pricing"
    assert "event." not in group.text


def test_a_comparison_of_fields_shows_both() -> None:
    """What is compared with is told beside what is compared."""
    test = w.compare("score.default.total", "gt", definitions.FieldRef(fact="lead.employees"))
    node = explained(test, w.view({"score.default.total": 5, "lead.employees": 7}))
    assert (node.holds, node.actual, node.other) == (False, 5, 7)
    other = w.compare("lead.employees", "gt", definitions.FieldRef(fact="event.n"))
    node = explained(other, w.view({"lead.employees": 7, "n": 9}, properties={"n": 2}))
    assert (node.holds, node.other) == (True, 2)
    node = explained(other, w.view({"lead.employees": 7}))
    assert (node.holds, node.other) == (False, None)


def test_only_an_edge_shows_what_was_before() -> None:
    """A level looks at the present alone."""
    before = {"lead.employees": 3}
    facts = {"lead.employees": 7}
    level = explained(w.compare("lead.employees", "gte", 5), w.view(facts, before=before))
    assert level.before is None
    for op in ("rises_to", "falls_below"):
        edge = explained(w.compare("lead.employees", op, 5), w.view(facts, before=before))
        assert edge.before == 3


def test_a_test_of_age_says_when_it_turns() -> None:
    """Its next change is the compiled deadline."""
    node = explained(
        w.compare("lead.birthday", "older_than", 2 * DAY, "date"),
        w.view({"lead.birthday": "2026-03-02"}),
    )
    assert node.next_change == NOW - 9 * HOUR + 2 * DAY
    assert node.wanted == "2d"


def test_an_aggregate_shows_what_it_comes_to() -> None:
    """The count there is, the comparison that is wanted, and when an event leaves."""
    asked = w.aggregate("count", "x", ("gte", 1), ("lt", 5), within=DAY)
    node = explained(asked, w.view(windows={"x": [[NOW - HOUR, 1]]}))
    assert node == Explanation(
        kind="count",
        text="count: {event: page_viewed, within: 1d, gte: 1, lt: 5}",
        holds=True,
        source=w.HERE,
        wanted="gte 1, lt 5",
        actual=1,
        next_change=NOW - HOUR + DAY,
    )
    total = explained(w.aggregate("sum", "x", ("gte", 9), of="amount"), w.view(windows={"x": 8}))
    assert (total.kind, total.actual, total.holds, total.next_change) == ("sum", 8, False, None)


def test_the_latest_event_is_wanted_by_its_age() -> None:
    """`last` compares durations, and writes them so."""
    node = explained(w.aggregate("last", "x", ("lte", DAY)), w.view(windows={"x": NOW - HOUR}))
    assert (node.kind, node.wanted, node.actual) == ("last", "lte 1d", NOW - HOUR)
    assert (node.holds, node.next_change) == (True, NOW - HOUR + DAY)


def test_an_absence_shows_the_latest_event() -> None:
    """How long none must have come, the latest that did, and when it will have been so long."""
    node = explained(w.absence("x", DAY), w.view(windows={"x": NOW - HOUR}))
    assert node == Explanation(
        kind="absent",
        text="absent: {event: page_viewed, for: 1d}",
        holds=False,
        source=w.HERE,
        wanted="for 1d",
        actual=NOW - HOUR,
        next_change=NOW - HOUR + DAY,
    )


def test_groups_are_named_after_what_joins_them() -> None:
    """all, any and not, with their parts in the order in which they are written."""
    a, b = w.compare("a", "eq", 1), w.compare("b", "eq", 2)
    view = w.view({"a": 1})
    both, either = explained(w.every(b, a), view), explained(w.some(b, a), view)
    assert (both.kind, both.holds, either.kind, either.holds) == ("all", False, "any", True)
    assert [item.text for item in both.items] == ["b: 2", "a: 1"]
    assert [item.holds for item in either.items] == [False, True]
    negated = explained(w.no(a), view)
    assert (negated.kind, negated.holds, len(negated.items)) == ("not", False, 1)
    assert both.next_change is None
    there = Source("other.yaml", 7, 3)
    moved_a = msgspec.structs.replace(a, source=there)
    again = msgspec.structs.replace(w.every(b, moved_a), source=there)
    compiler = ConditionCompiler(CALENDARS)
    compiler.compile(w.every(b, a))
    tree = explain(compiler.compile(again), view, again)
    assert (tree.source, [item.source for item in tree.items]) == (there, [w.HERE, there])
    assert [node.kind for node in both.nodes()] == ["all", "test", "test"]


def test_a_guard_shows_the_time_of_day_in_its_zone() -> None:
    """The weekday and the minute there, and when it opens or closes next; no deadline."""
    view = w.view(now=NOW + 5 * 60_000)
    node = explained(w.guard(540, 1080, days=(0, 1)), view)
    assert (node.kind, node.holds, node.actual) == ("time", True, "mon 09:05")
    assert node.source == w.HERE
    assert node.next_change == NOW + 9 * HOUR
    assert node.text == 'time: {between: ["09:00", "18:00"], days: [mon, tue]}'
    there = explained(w.guard(540, 1080, zone="UTC"), view)
    assert (there.holds, there.actual) == (False, "mon 01:05")
    assert there.next_change == NOW + 8 * HOUR
    west = w.view(now=w.parse_instant("2026-03-02T21:00:00-05:00"))  # already Tuesday in UTC
    late = explained(w.guard(540, 1320, zone="America/New_York"), west)
    assert (late.actual, late.next_change) == ("mon 21:00", west.now + HOUR)


def test_a_guard_flips_at_midnight_or_at_its_bounds() -> None:
    """Days change at midnight, hours at theirs; a guard that never changes says so."""
    assert explained(w.guard(days=(0,)), w.view()).next_change == NOW + 15 * HOUR
    assert explained(w.guard(days=(6,)), w.view()).next_change == NOW - 9 * HOUR + 6 * DAY
    evening = w.view(now=NOW + 10 * HOUR)
    assert explained(w.guard(540, 1080), evening).next_change == NOW + DAY
    at_bound = w.view(now=NOW + 9 * HOUR)
    assert explained(w.guard(540, 1080), at_bound).next_change == NOW + DAY
    assert explained(w.guard(1320, 360), w.view()).next_change == NOW + 13 * HOUR
    monday_night = w.view(now=NOW + 14 * HOUR)
    assert explained(w.guard(1320, 360, days=(0,)), monday_night).next_change == NOW + 15 * HOUR
    assert explained(w.guard(), w.view()).next_change is None
    holiday = explained(
        w.guard(calendar="cn"), w.view(now=w.parse_instant("2026-10-01T12:00:00+08:00"))
    )
    assert holiday.next_change == w.parse_instant("2026-10-08T00:00:00+08:00")
