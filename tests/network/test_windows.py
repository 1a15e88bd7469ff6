"""Windows: what a lead remembers of its events, against a list of all of them."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.network.windows import LIMIT, Window

DAY = 86_400_000


def window(kind: str, within: int | None = None, of: str | None = None) -> Window:
    """A window of one event type."""
    return Window("w", kind, ("order_placed",), of=of, within=within)


def taken(of: Window, *events: tuple[int, Any], now: int | None = None) -> Any:
    """The state after events of [instant, amount], each taken in as it happens or at ``now``."""
    state = None
    for at, amount in events:
        properties = {} if amount is None else {"amount": amount}
        state = of.take(state, at, properties, at if now is None else now)
    return state


def test_what_a_window_is_made_of_can_be_read() -> None:
    """A window knows its events, its filter and its kind; only sums and maxima have an amount."""
    made = Window("w", "sum", ("a", "b"), bool, "amount", DAY)
    assert (made.key, made.kind, made.events, made.where) == ("w", "sum", ("a", "b"), bool)
    assert (made.of, made.within) == ("amount", DAY)
    assert Window("w", "max", ("a",), None, "amount").of == "amount"
    assert [Window("w", kind, ("a",), None, "amount").of for kind in ("count", "last")] == [
        None,
        None,
    ]


def test_counting_for_ever_is_one_number() -> None:
    """Without `within` a count is a number that grows by one; nothing has come at first."""
    count = window("count")
    assert count.read(None, 5) == 0
    assert [taken(count, *[(n, None)] * n) for n in (1, 2, 3)] == [1, 2, 3]
    assert count.read(3, 5) == 3


def test_a_sum_for_ever_is_exact_to_six_decimals() -> None:
    """0.1 + 0.2 is 0.3, and what has no amount adds nothing."""
    total = window("sum", of="amount")
    assert total.read(None, 5) == 0
    assert taken(total, (1, 0.1), (2, 0.2)) == 0.3
    assert taken(total, (1, 0.000_001), (2, 0.000_000_4)) == 0.000_001
    assert taken(total, (1, None)) is None
    assert taken(total, (1, 5), (2, None), (3, 7)) == 12
    assert total.read(12, 5) == 12


def test_the_largest_for_ever() -> None:
    """The largest amount stays; there is none before the first."""
    most = window("max", of="amount")
    assert most.read(None, 5) is None
    assert taken(most, (1, -3)) == -3
    assert taken(most, (1, 3), (2, 9), (3, 4), (4, None)) == 9


def test_the_latest_for_ever() -> None:
    """The latest instant stays, in whatever order the events come."""
    latest = window("last")
    assert latest.read(None, 5) is None
    assert taken(latest, (7, None), (3, None)) == 7
    assert taken(latest, (3, None), (7, None)) == 7
    assert latest.read(7, 5) == 7


@pytest.mark.parametrize(("age", "inside"), [(0, 1), (DAY - 1, 1), (DAY, 0), (-1, 0)])
def test_a_window_is_half_open(age: int, inside: int) -> None:
    """(now - within, now]: an event exactly as old as the window is out, one of now is in."""
    count = window("count", DAY)
    at = 10 * DAY
    state = count.take(None, at, {}, at)
    assert count.read(state, at + age) == inside


def test_what_is_too_old_is_not_kept() -> None:
    """An event that has left the window when it arrives changes nothing."""
    count = window("count", DAY)
    now = 10 * DAY
    assert count.take(None, now - DAY, {}, now) is None
    assert count.take(None, now - DAY + 1, {}, now) == [[now - DAY + 1, 1]]
    state = taken(count, (now, None))
    assert count.take(state, now - DAY, {}, now) == [[now, 1]]


def test_what_has_left_is_forgotten() -> None:
    """Taking an event in drops those that are out of the window, and only those."""
    count = window("count", DAY)
    state = taken(count, (0, None), (1, None), (DAY, None), (DAY + 1, None))
    assert state == [[DAY, 1], [DAY + 1, 1]]


def test_a_late_event_goes_where_it_belongs() -> None:
    """Entries stand in the order of the events' own time, equal instants beside each other."""
    total = window("sum", DAY, "amount")
    state = taken(total, (50, 9), (70, 2), (60, 3), (70, 1), (10, 5), (50, 4), now=100)
    assert state == [[10, 5], [50, 9], [50, 4], [60, 3], [70, 2], [70, 1]]
    assert total.read(state, 100) == 24


def test_an_event_without_the_amount_does_not_count_in_a_sum() -> None:
    """Nothing is added for it, and nothing is kept."""
    total = window("sum", DAY, "amount")
    assert taken(total, (5, None)) is None
    assert taken(total, (5, 2), (6, None)) == [[5, 2]]
    assert total.read(None, 10) == 0
    assert window("max", DAY, "amount").read(None, 10) is None
    assert window("last", DAY).read(None, 10) is None
    assert window("count", DAY).read(None, 10) == 0


def test_a_windowed_sum_is_exact() -> None:
    """Decimals are added without error, whole numbers stay whole."""
    total = window("sum", DAY, "amount")
    exact = total.read(taken(total, *[(n, 0.1) for n in range(10)]), 10)
    assert exact == 1.0
    whole = total.read(taken(total, (1, 2), (2, 3)), 10)
    assert whole == 5
    assert isinstance(whole, int)
    tiny = total.read(taken(total, (1, 0.000_001), (2, 0.000_000_4)), 10)
    assert tiny == 0.000_001


def test_the_largest_gives_way_to_the_next() -> None:
    """When the largest leaves, the largest of what came after it counts."""
    most = window("max", DAY, "amount")
    state = taken(most, (0, 9), (10, 5), (20, 7), (30, 7))
    assert [most.read(state, at) for at in (30, DAY - 1, DAY, DAY + 29, DAY + 30)] == [
        9, 9, 7, 7, None,
    ]  # fmt: skip


def test_only_what_may_lead_again_is_kept() -> None:
    """An amount after which one as large came is not remembered; of the latest only that one."""
    most, latest = window("max", DAY, "amount"), window("last", DAY)
    assert taken(most, (0, 5), (10, 9), (20, 7), (30, 7)) == [[10, 9], [30, 7]]
    assert taken(latest, (0, None), (10, None), (20, None)) == [[20, 1]]


def test_one_dated_ahead_leads_when_its_time_has_come() -> None:
    """Until then the largest and the latest are those of what has happened."""
    most, latest = window("max", DAY, "amount"), window("last", DAY)
    state = taken(most, (10, 5), (100, 9), now=50)
    assert [most.read(state, at) for at in (50, 99, 100)] == [5, 5, 9]
    state = taken(latest, (10, None), (100, None), now=50)
    assert [latest.read(state, at) for at in (50, 99, 100)] == [10, 10, 100]
    state = taken(latest, (10, None), (50, None), now=50)
    assert state == [[50, 1]]  # one of this instant has come


def test_a_full_window_is_still_exact() -> None:
    """Up to its limit each event leaves by itself."""
    count = window("count", DAY)
    state = taken(count, *[(n, None) for n in range(LIMIT)])
    assert len(state) == LIMIT
    assert [count.read(state, DAY + n) for n in (-1, 0, 1)] == [LIMIT, LIMIT - 1, LIMIT - 2]


@pytest.mark.parametrize("kind", ["count", "sum", "max"])
def test_however_many_come_memory_is_bounded(kind: str) -> None:
    """Beyond the limit a slot is one entry: nothing is lost, and it leaves a slot late at most."""
    many, within = 4000, 1000 * 512  # a slot of a thousand milliseconds
    of = window(kind, within, "amount")
    state = taken(of, *[(n * 100, many - n) for n in range(many)])
    assert len(state) <= LIMIT
    amounts = [many - n for n in range(many)]
    whole = {"count": many, "sum": sum(amounts), "max": many}[kind]
    assert of.read(state, many * 100) == whole
    half = many * 50 + within
    exact = {"count": many // 2 - 1, "sum": sum(amounts[many // 2 + 1 :]), "max": many // 2 - 1}
    assert exact[kind] <= of.read(state, half) <= exact[kind] * 1.02


def test_slots_are_summed_at_their_latest_instant() -> None:
    """Each slot keeps its latest instant with the sum, or the largest, of its amounts."""
    within = 512 * 10 + 300  # not a whole number of slots: the last one is shorter
    total, most = window("sum", within, "amount"), window("max", within, "amount")
    state = taken(total, *[(n * 4, 0.1) for n in range(LIMIT + 1)])
    slots = {n * 4 // 10 for n in range(LIMIT + 1)}
    assert [at // 10 for at, _ in state] == sorted(slots)
    assert state[0] == [8, 0.3]  # 0, 4 and 8
    assert state[1] == [16, 0.2]  # 12 and 16
    state = taken(most, *[(n * 4, 5000 - n) for n in range(LIMIT + 1)])
    assert state[:2] == [[8, 5000], [16, 4997]]


def test_a_window_shorter_than_its_slots_still_works() -> None:
    """The smallest slot is one millisecond, however short the window."""
    count = window("count", 100)
    state = taken(count, (4, None), *[(5, None)] * LIMIT)
    assert state == [[4, 1], [5, LIMIT]]


def test_time_alone_changes_a_window_when_an_event_leaves_or_enters() -> None:
    """Next the first inside leaves, or the first dated ahead enters, whichever is sooner."""
    count = window("count", 100)
    assert count.next_change(None, 50) is None
    assert count.next_change([], 50) is None
    assert window("count").next_change(7, 50) is None
    assert count.next_change([[10, 1], [20, 1]], 50) == 110
    assert count.next_change([[10, 1], [60, 1]], 50) == 60
    assert count.next_change([[10, 1], [50, 1]], 50) == 110
    assert count.next_change([[10, 1], [200, 1]], 50) == 110
    assert count.next_change([[10, 1], [20, 1]], 110) == 120
    assert count.next_change([[10, 1], [20, 1]], 120) is None
    assert count.next_change([[60, 1]], 50) == 60


def test_a_count_wakes_nobody_until_it_sinks_below_what_it_is_compared_with() -> None:
    """Of five, the third from the end leaves when fewer than three remain."""
    count = window("count", 100)
    state = [[at, 1] for at in (10, 20, 30, 40, 50)]
    assert count.next_change(state, 50, (3,)) == 130
    assert count.next_change(state, 50, (1,)) == 150
    assert count.next_change(state, 50, (5,)) == 110
    assert count.next_change(state, 50, (6,)) is None
    assert count.next_change(state, 50, (0, -1)) is None
    assert count.next_change(state, 50, (3, 1)) == 130
    assert count.next_change(state, 50, (1, 4)) == 120
    assert count.next_change([[10, 2], [20, 3]], 50, (3,)) == 120
    assert count.next_change([[10, 2], [20, 3]], 50, (4,)) == 110
    assert count.next_change([[10, 1], [60, 1]], 50, (3,)) == 60


def oracle(kind: str, events: list[tuple[int, int]], now: int, within: int) -> Any:
    """What a window comes to by looking at every event."""
    inside = [(at, amount) for at, amount in events if now - within < at <= now]
    amounts = [amount for _, amount in inside]
    return {
        "count": len(inside),
        "sum": sum(amounts),
        "max": max(amounts, default=None),
        "last": max((at for at, _ in inside), default=None),
    }[kind]


EVENTS = st.lists(st.tuples(st.integers(0, 30), st.integers(-3, 9)), max_size=12)


@settings(max_examples=150, deadline=None)
@given(
    st.sampled_from(("count", "sum", "max", "last")), EVENTS, st.integers(1, 20), st.integers(0, 9)
)
def test_a_window_is_what_looking_at_every_event_gives(
    kind: str, events: list[tuple[int, int]], within: int, ahead: int
) -> None:
    """At the instant of the last arrival and at every later one, whatever the order of events."""
    of = window(kind, within, "amount")
    arrival = max((at for at, _ in events), default=0) - min(ahead, 5)
    state = taken(of, *events, now=arrival)
    for now in range(arrival, arrival + 60):
        assert of.read(state, now) == oracle(kind, events, now, within)


@settings(max_examples=150, deadline=None)
@given(EVENTS, st.integers(1, 20), st.integers(1, 6))
def test_a_count_crosses_its_bound_when_it_says(
    events: list[tuple[int, int]], within: int, bound: int
) -> None:
    """Before the next change a count stays on its side of the bound; it is never in the past."""
    count = window("count", within)
    now = max((at for at, _ in events), default=0) - 3
    state = taken(count, *events, now=now)
    due = count.next_change(state, now, (bound,))
    until = 80 if due is None else due
    assert until > now
    side = count.read(state, now) >= bound
    assert all((count.read(state, t) >= bound) is side for t in range(now, until))
