"""Compiled conditions: what they read, when the clock changes them, and what they share."""

from __future__ import annotations

from typing import Any

import pytest

from engine.language.definitions import FieldRef
from engine.language.instants import DAY, HOUR
from engine.network.condition import ConditionCompiler, canonical
from tests.network.generated import CALENDARS
from tests.network.written import (
    NOW,
    absence,
    aggregate,
    compare,
    every,
    guard,
    no,
    some,
    view,
)

BORN = "2026-03-01T09:00:00+08:00"  # a day before NOW


def compiled(condition: Any) -> Any:
    """The compiled form of one condition."""
    return ConditionCompiler(CALENDARS).compile(condition)


def holds(condition: Any, **facts: Any) -> bool:
    """Whether a condition holds for a lead with these facts."""
    return bool(compiled(condition).holds(view(facts)))


A, B, C = (compare(name, "eq", 1) for name in "abc")


@pytest.mark.parametrize("size", [1, 2, 3])
def test_all_holds_when_each_part_does(size: int) -> None:
    """However many parts there are, one that fails is enough."""
    parts = (A, B, C)[:size]
    facts = dict.fromkeys("abc"[:size], 1)
    assert holds(every(*parts), **facts) is True
    assert [holds(every(*parts), **{**facts, name: 2}) for name in facts] == [False] * size


@pytest.mark.parametrize("size", [1, 2, 3])
def test_any_holds_when_one_part_does(size: int) -> None:
    """However many parts there are, one that holds is enough."""
    parts = (A, B, C)[:size]
    facts = dict.fromkeys("abc"[:size], 2)
    assert holds(some(*parts), **facts) is False
    assert [holds(some(*parts), **{**facts, name: 1}) for name in facts] == [True] * size


def test_not_is_the_opposite() -> None:
    """A missing fact makes a test false, and so its opposite true."""
    assert holds(no(A), a=2) is True
    assert holds(no(A), a=1) is False
    assert holds(no(A)) is True


def test_a_condition_knows_what_it_reads() -> None:
    """Facts of every part and of operands, never the event's properties; and its windows."""
    whole = every(
        some(compare("lead.amount", "gt", FieldRef(fact="lead.budget")), no(A)),
        compare("event.page", "eq", "pricing", "string"),
        absence("w1", DAY),
        no(aggregate("count", "w2", ("gte", 3))),
    )
    made = compiled(whole)
    assert made.reads == {"lead.amount", "lead.budget", "a"}
    assert made.windows == {"w1", "w2"}
    assert made.definition is whole
    assert [part.definition for part in made.parts] == list(whole.items)
    assert compiled(no(A)).reads == {"a"}
    assert compiled(no(aggregate("count", "w2", ("gte", 3)))).windows == {"w2"}
    assert compiled(A).windows == frozenset()
    assert compiled(A).parts == ()
    assert compiled(guard(540, 1080)).reads == frozenset()


def test_an_edge_anywhere_makes_an_edge() -> None:
    """What demands a crossing is true at an instant only."""
    assert compiled(every(A, compare("s", "rises_to", 50))).edge is True
    assert compiled(every(A, B)).edge is False


def test_equal_conditions_are_one_and_no_condition_is_none() -> None:
    """A compiler shares what means the same; `optional` passes None on."""
    compiler = ConditionCompiler(CALENDARS)
    assert compiler.compile(some(A, B)) is compiler.compile(some(B, A))
    assert compiler.compile(A) is compiler.optional(A)
    assert compiler.optional(None) is None
    assert compiler.shared[canonical(A)] is compiler.compile(A)


def test_what_means_another_thing_is_not_shared() -> None:
    """Every part of a condition counts in what makes it equal to another."""
    test = compare("a", "eq", 1)
    different = [
        test, compare("b", "eq", 1), compare("a", "ne", 1), compare("a", "eq", 2),
        compare("a", "eq", "1", "string"), compare("a", "eq", 1, "date"),
        compare("a", "at_least", "x", "enum", ("x", "y")),
        compare("a", "at_least", "x", "enum", ("y", "x")),
        every(test), some(test), no(test), no(no(test)), every(test, B), some(test, B),
        aggregate("count", "w", ("gte", 3)), aggregate("count", "v", ("gte", 3)),
        aggregate("sum", "w", ("gte", 3)), aggregate("count", "w", ("gt", 3)),
        aggregate("count", "w", ("gte", 4)), aggregate("count", "w", ("gte", 3), ("lt", 9)),
        absence("w", DAY), absence("v", DAY), absence("w", HOUR),
        guard(540, 1080), guard(541, 1080), guard(540, 1081), guard(540, 1080, days=(1,)),
        guard(540, 1080, calendar="cn"), guard(540, 1080, zone="UTC"),
    ]  # fmt: skip
    assert len({canonical(each) for each in different}) == len(different)
    one, two = (("gte", 3), ("lt", 9)), (("lt", 9), ("gte", 3))
    assert canonical(aggregate("count", "w", *one)) == canonical(aggregate("count", "w", *two))


def test_windows_are_shared_by_name_and_know_their_filter() -> None:
    """Two conditions on the same events read one state; its filter is compiled."""
    compiler = ConditionCompiler(CALENDARS)
    where = compare("event.page", "eq", "pricing", "string")
    events = ("page_viewed", "form_submitted")
    asked = aggregate("sum", "w", ("gt", 3), events=events, where=where, of="amount", within=DAY)
    compiler.compile(asked)
    compiler.compile(aggregate("sum", "w", ("gt", 9), events=events, where=where, within=DAY))
    compiler.compile(absence("v", DAY))
    window = compiler.windows["w"]
    assert (window.key, window.kind, window.events) == ("w", "sum", events)
    assert (window.of, window.within) == ("amount", DAY)
    assert window.where is not None
    assert window.where(view(properties={"page": "pricing"})) is True
    assert window.where(view(properties={"page": "home"})) is False
    silence = compiler.windows["v"]
    assert (silence.kind, silence.where, silence.of, silence.within) == ("last", None, None, None)
    assert set(compiler.windows) == {"w", "v"}


def test_an_aggregate_compares_what_its_window_comes_to() -> None:
    """A count of nothing is 0, a largest of nothing is no number at all."""
    count = compiled(aggregate("count", "w", ("lt", 3)))
    assert count.holds(view()) is True
    assert count.holds(view(windows={"w": 2})) is True
    assert count.holds(view(windows={"w": 3})) is False
    assert count.actual(view(windows={"w": 2})) == 2
    assert count.deadline is None
    assert count.definition == aggregate("count", "w", ("lt", 3))
    most = compiled(aggregate("max", "w", ("lt", 3), of="amount"))
    assert most.holds(view()) is False
    assert most.holds(view(windows={"w": -1})) is True
    both = compiled(aggregate("sum", "w", ("gte", 3), ("lt", 9), of="amount"))
    assert [both.holds(view(windows={"w": n})) for n in (2, 3, 8, 9)] == [False, True, True, False]


@pytest.mark.parametrize(
    ("tests", "due"),
    [
        ([("gte", 3)], 30),
        ([("gte", 2.5)], 30),
        ([("lt", 3)], 30),
        ([("gt", 3)], 20),
        ([("gt", 3.5)], 20),
        ([("lte", 3)], 20),
        ([("eq", 3)], 20),
        ([("ne", 5)], 10),
        ([("in", (1, 2))], 30),
        ([("between", (2, 3))], 20),
        ([("between", (2, 7))], 30),
        ([("gte", 6)], None),
        ([("gte", 5), ("lt", 9)], 10),
    ],
)
def test_a_count_is_woken_when_the_event_leaves_that_matters(tests: Any, due: int | None) -> None:
    """Five events at 10 to 50 in a window of an hour: the clock counts down to each bound."""
    start = NOW - 50
    state = {"w": [[start + n, 1] for n in (10, 20, 30, 40, 50)]}
    made = compiled(aggregate("count", "w", *tests, within=HOUR))
    expected = None if due is None else start + due + HOUR
    assert made.deadline(view(windows=state)) == expected
    before = made.holds(view(windows=state))
    if expected is not None:
        assert made.holds(view(windows=state, now=expected - 1)) is before


@pytest.mark.parametrize("test", [("gt", 3), ("lte", 3), ("gte", 4), ("lt", 4)])
def test_a_count_below_its_bound_is_woken_by_no_leaving(test: Any) -> None:
    """Of three events, fewer make no difference to whether there are more than three."""
    state = {"w": [[NOW - n, 1] for n in (3, 2, 1)]}
    assert (
        compiled(aggregate("count", "w", test, within=HOUR)).deadline(view(windows=state)) is None
    )


def test_a_sum_is_woken_by_whatever_leaves_first() -> None:
    """What an amount does to a sum is not foreseen."""
    made = compiled(aggregate("sum", "w", ("gte", 3), of="amount", within=HOUR))
    state = {"w": [[NOW - 5, 1], [NOW - 2, 9]]}
    assert made.deadline(view(windows=state)) == NOW - 5 + HOUR
    assert made.actual(view(windows=state)) == 10
    assert made.actual(view(windows=state, now=NOW - 5 + HOUR)) == 9


def test_the_age_of_the_latest_event() -> None:
    """`last` compares how long ago the latest event was; without one it is false."""
    made = compiled(aggregate("last", "w", ("lte", DAY)))
    assert made.holds(view()) is False
    assert made.actual(view(windows={"w": NOW - 7})) == NOW - 7
    assert made.holds(view(windows={"w": NOW - DAY})) is True
    assert made.holds(view(windows={"w": NOW - DAY - 1})) is False
    assert made.windows == {"w"}
    assert made.definition == aggregate("last", "w", ("lte", DAY))


def test_the_age_of_the_latest_event_wakes_at_its_bounds() -> None:
    """At the bound and one millisecond after it, whichever is still to come."""
    made = compiled(aggregate("last", "w", ("gte", HOUR), ("lt", DAY)))
    assert made.deadline(view()) is None
    assert made.deadline(view(windows={"w": NOW})) == NOW + HOUR
    assert made.deadline(view(windows={"w": NOW - HOUR})) == NOW + 1
    assert made.deadline(view(windows={"w": NOW - HOUR - 1})) == NOW - HOUR - 1 + DAY
    assert made.deadline(view(windows={"w": NOW - DAY - 1})) is None


def test_the_latest_within_a_window_wakes_when_one_dated_ahead_comes() -> None:
    """What enters the window is waited for, beside the bounds of the age."""
    made = compiled(aggregate("last", "w", ("lte", HOUR), within=DAY))
    assert made.deadline(view(windows={"w": [[NOW + 5, 1]]})) == NOW + 5
    assert made.deadline(view(windows={"w": [[NOW - HOUR, 1], [NOW + 5, 1]]})) == NOW + 1
    assert made.deadline(view(windows={"w": [[NOW - 7, 1], [NOW + 5, 1]]})) == NOW + 5
    assert made.holds(view(windows={"w": [[NOW + 5, 1]]})) is False
    assert made.holds(view(windows={"w": [[NOW + 5, 1]]}, now=NOW + 5)) is True


def test_absence_counts_from_the_latest_event_or_from_creation() -> None:
    """True from last + span on; its deadline is that instant until it has come."""
    made = compiled(absence("w", DAY))
    fresh = view(created_at=NOW - HOUR)
    assert made.holds(fresh) is False
    assert made.deadline(fresh) == NOW - HOUR + DAY
    assert made.holds(view(created_at=NOW - DAY)) is True
    assert made.deadline(view(created_at=NOW - DAY)) is None
    assert made.holds(view(created_at=NOW - DAY + 1)) is False
    seen = view(created_at=0, windows={"w": NOW - 5})
    assert made.holds(seen) is False
    assert made.deadline(seen) == NOW - 5 + DAY
    assert made.actual(seen) == NOW - 5
    assert made.actual(fresh) is None
    assert made.windows == {"w"}
    assert made.reads == frozenset()


def test_the_age_of_a_date_wakes_at_its_bound() -> None:
    """A day old exactly now: `older_than` turns a millisecond later; a missing date never does."""
    made = compiled(compare("lead.birthday", "older_than", DAY, "date"))
    facts = {"lead.birthday": BORN}
    assert made.deadline(view(facts, now=NOW - 1)) == NOW
    assert made.deadline(view(facts)) == NOW + 1
    assert made.deadline(view(facts, now=NOW + 1)) is None
    assert made.deadline(view()) is None
    assert compiled(compare("lead.birthday", "newer_than", DAY, "date")).deadline is not None
    assert compiled(compare("lead.birthday", "before", NOW, "date")).deadline is None


def test_a_group_wakes_with_the_first_of_its_parts() -> None:
    """The earliest deadline below, also through `not`; none if no part has one."""
    old = compare("lead.birthday", "older_than", 3 * DAY, "date")
    group = compiled(every(A, no(old), absence("w", DAY)))
    assert group.deadline(view({"lead.birthday": BORN})) == NOW + DAY
    assert group.deadline(view({"lead.birthday": BORN}, created_at=0)) == NOW + 2 * DAY
    assert group.deadline(view(created_at=0)) is None
    assert compiled(every(A, B)).deadline is None
    assert compiled(no(A)).deadline is None


def test_a_guard_asks_the_calendar_that_it_names() -> None:
    """A Sunday is no working day in China; without a calendar it is a day like any."""
    sunday = view(now=NOW - DAY)
    assert compiled(guard(calendar="cn")).holds(sunday) is False
    assert compiled(guard()).holds(sunday) is True
    assert compiled(guard()).deadline is None
