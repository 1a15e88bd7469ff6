"""Alarms: who is woken, when, and in what order."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.host.alarms import Alarms


def test_leads_come_in_order_of_instant_then_id() -> None:
    """The order in which leads are woken depends on nothing but their deadlines and ids."""
    alarms = Alarms()
    alarms.fill([(20, "b"), (10, "c"), (20, "a"), (99, "far")], horizon=50)
    assert [alarms.pop(50) for _ in range(4)] == [(10, "c"), (20, "a"), (20, "b"), None]


def test_a_lead_set_anew_is_woken_at_the_new_instant_only() -> None:
    """Setting replaces; None and instants beyond the horizon clear."""
    alarms = Alarms()
    alarms.fill([(10, "a"), (10, "b"), (10, "c")], horizon=50)
    alarms.set("a", 30)
    alarms.set("b", None)
    alarms.set("c", 60)
    assert alarms.pop(29) is None
    assert alarms.next_due() == 30
    assert alarms.pop(30) == (30, "a")
    assert alarms.next_due() is None


@given(st.lists(st.tuples(st.integers(0, 9), st.none() | st.integers(0, 99))))
def test_alarms_agree_with_a_plain_map(steps: list[tuple[int, int | None]]) -> None:
    """After any settings, what comes out is each lead's latest deadline, in order."""
    alarms, plain = Alarms(), dict[str, int]()
    alarms.fill([], horizon=80)
    for lead, due in steps:
        alarms.set(str(lead), due)
        plain.pop(str(lead), None)
        if due is not None and due < 80:
            plain[str(lead)] = due
    found = []
    while (alarm := alarms.pop(100)) is not None:
        found.append(alarm)
    assert found == sorted((due, lead) for lead, due in plain.items())


def test_the_heap_does_not_grow_with_settings() -> None:
    """A lead whose deadline moves all the time takes the room of one deadline."""
    alarms = Alarms()
    alarms.fill([], horizon=10**9)
    for due in range(50_000):
        alarms.set("busy", due)
    assert len(alarms._heap) < 20_000
    assert alarms.pop(10**8) == (49_999, "busy")


def test_a_stream_looks_farther_ahead_while_it_sees_few() -> None:
    """Days pass in moments there: each look reaches twice as far, up to eight days; a clock on
    the wall always looks one day ahead.
    """
    alarms, day = Alarms(), 24 * 60 * 60 * 1_000
    reached = []
    for _ in range(5):
        reached.append(alarms.horizon_from(1_000, driven=True) - 1_000)
        alarms.fill([(7, "王")], horizon=reached[-1])
    assert reached == [day, 2 * day, 4 * day, 8 * day, 8 * day]
    assert alarms.horizon_from(1_000, driven=False) == 1_000 + day


def test_a_stream_looks_a_day_ahead_where_it_sees_many() -> None:
    """Memory stays flat, however many leads wait."""
    alarms, day = Alarms(), 24 * 60 * 60 * 1_000
    alarms.fill([], horizon=day)
    alarms.fill(((n, f"客户{n}") for n in range(10_000)), horizon=2 * day)
    assert alarms.horizon_from(0, driven=True) == day
