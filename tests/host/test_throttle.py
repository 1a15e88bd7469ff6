"""Token buckets and the circuit breaker, on a clock of the test's own."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.host.breaker import FAULT_REST_S, LONGEST_REST_S, REST_S, TROUBLES, Breaker
from engine.host.limits import Bounds, bounds_of
from engine.host.throttle import Bucket, Throttle
from engine.language.definitions import Limits

STEPS = st.lists(st.floats(0, 5), min_size=1, max_size=60)


@given(rate=st.floats(0.1, 50), burst=st.integers(1, 20), steps=STEPS)
def test_a_bucket_never_gives_more_than_it_may(rate: float, burst: int, steps: list[float]) -> None:
    """Whoever takes all there is, whenever, gets at most the burst and what the time brings."""
    now, taken = 100.0, 0
    bucket = Bucket(rate, burst, now)
    for step in steps:
        now += step
        free = bucket.available(now)
        bucket.take(free, now)
        taken += free
    assert taken <= burst + rate * (now - 100) + 1e-6


@given(rate=st.floats(0.1, 50), steps=STEPS)
def test_whoever_waits_as_told_gets_one(rate: float, steps: list[float]) -> None:
    """After the wait that a bucket names there is a token, and before it there is none."""
    now = 0.0
    bucket = Bucket(rate, 1, now)
    for _ in steps:
        bucket.take(bucket.available(now), now)
        wait = bucket.wait(now)
        assert bucket.available(now + wait * 0.9) == 0
        now += wait * 1.000001 + 1e-9
        assert bucket.available(now) == 1


def test_the_slowest_rate_counts() -> None:
    """With a rate a second and one a minute, both hold."""
    bounds = bounds_of(Limits(per_second=5, per_minute=20, burst=2))
    throttle = Throttle(bounds.rates, 0.0)
    assert throttle.available(10, 0.0) == 2
    throttle.take(2, 0.0)
    assert throttle.available(10, 1.0) == 0
    assert throttle.wait(1.0) == pytest.approx(2.0)
    assert throttle.available(10, 6.1) == 2


def test_without_rates_everything_passes() -> None:
    """A connection without rates is bounded by its slots alone."""
    throttle = Throttle((), 0.0)
    assert (throttle.available(7, 0.0), throttle.wait(0.0)) == (7, 0.0)
    assert bounds_of(Limits()) == Bounds()


def fail(breaker: Breaker, times: int, now: float = 0.0) -> None:
    """Let so many deliveries fail one after the other."""
    for n in range(times):
        breaker.began(f"k{n}")
        breaker.failed(f"k{n}", "系统繁忙", now)


def test_it_opens_after_troubles_in_a_row() -> None:
    """Single troubles are nothing; several in a row open it, and a success in between counts."""
    breaker = Breaker()
    fail(breaker, TROUBLES - 1)
    breaker.succeeded("k")
    fail(breaker, TROUBLES - 1)
    assert (breaker.state, breaker.room(9, 0.0)) == ("closed", 9)
    fail(breaker, 1)
    assert (breaker.state, breaker.room(9, 0.0), breaker.reason) == ("open", 0, "系统繁忙")


def test_one_probe_at_a_time_decides() -> None:
    """After its rest one delivery may try; trouble doubles the rest, success closes it."""
    breaker = Breaker()
    fail(breaker, TROUBLES)
    now, rest = 0.0, REST_S
    for _ in range(8):
        assert breaker.room(9, now + rest - 0.1) == 0
        now += rest
        assert breaker.room(9, now) == 1
        breaker.began("probe")
        assert (breaker.state, breaker.room(9, now)) == ("probing", 0)
        breaker.failed("probe", "still", now)
        rest = min(rest * 2, LONGEST_REST_S)
    now += rest
    breaker.began("probe")
    breaker.succeeded("probe")
    assert (breaker.state, breaker.room(9, now)) == ("closed", 9)
    fail(breaker, TROUBLES, now)
    assert breaker.room(9, now + REST_S) == 1


def test_a_probe_that_says_nothing_lets_another_try() -> None:
    """When the probe's lead is gone, say, the next one is the probe."""
    breaker = Breaker()
    fail(breaker, TROUBLES)
    breaker.began("probe")
    breaker.ended("probe")
    assert breaker.room(9, REST_S) == 1


def test_others_under_way_do_not_prolong_the_rest() -> None:
    """Deliveries that were with the provider when it opened do not count as probes."""
    breaker = Breaker()
    fail(breaker, TROUBLES)
    until = breaker.until
    breaker.failed("late", "timeout", 5.0)
    assert breaker.until == until


def test_the_provider_may_ask_for_a_longer_rest() -> None:
    """Retry-After counts when it is longer, up to the longest rest."""
    breaker = Breaker()
    fail(breaker, TROUBLES - 1)
    breaker.failed("k", "45009", 0.0, after_s=60)
    assert (breaker.room(1, 59.0), breaker.room(1, 60.0)) == (0, 1)
    breaker.began("k")
    breaker.failed("k", "45009", 60.0, after_s=10**6)
    assert breaker.until == 60 + LONGEST_REST_S


def test_a_fault_stops_it_until_something_changes() -> None:
    """A wrong password stops at once; a reset, or after ten minutes a probe, tries again."""
    breaker = Breaker()
    breaker.began("k")
    breaker.faulted("k", "密码错误", 0.0)
    assert (breaker.state, breaker.room(9, FAULT_REST_S - 1)) == ("stopped", 0)
    assert breaker.room(9, FAULT_REST_S) == 1
    breaker.reset()
    assert (breaker.state, breaker.reason, breaker.room(9, 1.0)) == ("closed", "", 9)
