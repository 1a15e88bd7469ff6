"""How much one transaction takes on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from engine.host.batching import LEAST, LONGEST_S, MOST_EVENTS, Batching


def settled(commit: float, turn: float) -> Batching:
    """Sizes after a while on a machine where these are the seconds of a commit and of a turn."""
    batching = Batching()
    for _ in range(100):
        batching.learn(1, commit + turn)
        batching.learn(batching.events, commit + turn * batching.events)
    return batching


def test_a_batch_lasts_as_long_as_whoever_comes_may_wait() -> None:
    """At 0.5 ms a turn and 10 ms a commit, a full batch takes what it may."""
    batching = settled(0.010, 0.0005)
    assert 0.8 * LONGEST_S <= 0.010 + 0.0005 * batching.events <= LONGEST_S


def test_a_quick_machine_takes_a_thousand_and_a_slow_one_gets_on() -> None:
    """Sizes stay within their bounds, whatever the pace."""
    assert settled(0.0005, 0.00001).events == MOST_EVENTS
    slow = settled(0.05, 0.1)
    assert (slow.events, slow.wakes(0), slow.wakes(1)) == (LEAST, LEAST, LEAST)


def test_beside_events_fewer_leads_are_woken_but_some() -> None:
    """What comes while leads are woken is not kept waiting by a second crowd of them."""
    batching = settled(0.002, 0.0002)
    assert LEAST <= batching.wakes(1) < batching.wakes(0) < batching.events


def test_short_transactions_do_not_make_themselves_shorter() -> None:
    """A slow commit is no reason for small batches: it is the same for large ones."""
    batching = Batching()
    for _ in range(200):
        batching.learn(1, 0.0302)
        batching.learn(LEAST, 0.030 + 0.0002 * LEAST)
    assert batching.events >= 250


@given(st.lists(st.tuples(st.integers(0, 2_000), st.floats(0, 100))))
def test_sizes_keep_their_bounds(taken: list[tuple[int, float]]) -> None:
    """After any transactions, batches are neither empty nor without end."""
    batching = Batching()
    for turns, seconds in taken:
        batching.learn(turns, seconds)
    assert LEAST <= batching.events <= MOST_EVENTS
    assert LEAST <= batching.wakes(3) <= MOST_EVENTS
