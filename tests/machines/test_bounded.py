"""However many points of one lead fade, what it remembers of them stays bounded, and right."""

from __future__ import annotations

import random
from collections.abc import Callable
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from engine.language.instants import DAY, HOUR, MINUTE
from engine.machines.lead import decide
from engine.machines.scoring import FINENESS, LIMIT
from engine.machines.state import Event
from engine.network.ruleset import Ruleset
from tests.machines.generators import Data
from tests.machines.rulesets import compiled, one_model
from tests.machines.test_properties_scoring import Life, check_ledger
from tests.play import START

SPAN = 30 * DAY
SLOT = SPAN // FINENESS
EXPIRES: Data = {"expires": "30d"}
DECAYS: Data = {"decay": {"half_life": "30d"}}
VALUED: Data = {"points": {"field": "event.amount", "times": 0.5}, "event": "order_placed"}


@cache
def _rules(kind: str) -> Ruleset:
    base = {"dimension": "互动", "event": "page_viewed", "repeat": "each", "points": 12}
    more = {"expires": EXPIRES, "decays": DECAYS, "valued": {**EXPIRES, **VALUED}}[kind]
    return compiled(one_model([{"id": "看过", **base, **more}]))


class Unpruned:
    """Every occurrence kept for ever, and the score worked out from all of them each time."""

    def __init__(self, kind: str) -> None:
        self.given: list[tuple[int, float]] = []
        self.left: Callable[[float, int], float] = _halved if kind == "decays" else _lasting

    def score(self, now: int, late: int = 0) -> float:
        """The points left at ``now``, had each been taken back ``late`` after its time."""
        return sum(self.left(points, now - at - late) for at, points in self.given)


def _lasting(points: float, age: int) -> float:
    return points if age < SPAN else 0


def _halved(points: float, age: int) -> float:
    for _ in range(age // SPAN):
        points = points / 2 if points / 2 >= 1 else 0
    return points


def _event(kind: str, number: int, life: Life, amount: int) -> Event:
    if kind == "valued":
        return Event(f"e{number}", "order_placed", life.now, properties={"amount": amount})
    return Event(f"e{number}", "page_viewed", life.now, properties={"page": "定价"})


def _points(kind: str, amount: int) -> float:
    return amount / 2 if kind == "valued" else 12


@pytest.mark.parametrize("kind", ["expires", "valued", "decays"])
@pytest.mark.parametrize("busiest", [MINUTE, 10 * MINUTE])
def test_ten_thousand_fading_points_take_bounded_state(kind: str, busiest: int) -> None:
    """A score lags behind that of a machine that forgets nothing by a 512th of the span at most.

    Each halving may lag by as much again. In the end nothing is left on either side.
    """
    life, whole, chance = Life(_rules(kind)), Unpruned(kind), random.Random(f"{kind}:{busiest}")
    late = SLOT * (4 if kind == "decays" else 1)  # 12 points become 6, 3, 1.5 and 0
    largest = 0
    for number in range(10_000):
        life.now += chance.randrange(1, 2 * busiest)
        amount = chance.randrange(1, 2000)
        life.take(_event(kind, number, life, amount))
        whole.given.append((life.now, _points(kind, amount)))
        if number % 199 == 0:
            largest = max(largest, len(msgspec.json.encode(life.lead)))
            assert len(life.lead.grants) <= 4 * LIMIT
            assert whole.score(life.now) <= life.lead.facts["score.default.total"]
            assert life.lead.facts["score.default.total"] <= whole.score(life.now, late)
    assert len(whole.given) == 10_000
    assert largest < 400_000, "JSON bytes of the lead; unpruned it would be beyond a megabyte"
    check_ledger(life)
    life.reach(life.now + 5 * SPAN)
    life.wake()
    assert life.lead.grants == []
    assert life.lead.facts["score.default.total"] == 0 == whole.score(life.now, late)
    check_ledger(life)


@settings(deadline=None, max_examples=60)
@given(
    kind=st.sampled_from(["expires", "valued", "decays"]),
    steps=st.lists(
        st.tuples(
            st.sampled_from([0, 1, MINUTE, HOUR, DAY, 13 * DAY, SPAN - 1, SPAN]),
            st.integers(1, 2000),
        ),
        max_size=40,
    ),
)
def test_few_fading_points_are_exact(kind: str, steps: list[tuple[int, int]]) -> None:
    """Up to the limit a score is to the millisecond that of a machine that forgets nothing."""
    life, whole = Life(_rules(kind)), Unpruned(kind)
    for number, (gap, amount) in enumerate(steps):
        life.reach(life.now + gap)
        life.take(_event(kind, number, life, amount))
        whole.given.append((life.now, _points(kind, amount)))
        assert life.lead.facts["score.default.total"] == whole.score(life.now)
        assert len(life.lead.grants) <= len(steps) < LIMIT
    check_ledger(life)


def test_what_has_expired_is_forgotten_at_once() -> None:
    """Forty days of one view an hour are never more than the last thirty days of them."""
    life = Life(_rules("expires"))
    for hour in range(24 * 40):
        life.now = START + hour * HOUR
        life.take(_event("expires", hour, life, 0))
        assert all(due > life.now for due, *_ in life.lead.grants)
        assert len(life.lead.grants) <= 24 * 30
    assert life.lead.facts["score.default.total"] == 24 * 30 * 12


def test_points_of_a_vanished_rule_are_taken_back_apart() -> None:
    """Where a rule with more than the limit is gone, each of its points goes at its own time."""
    life = Life(_rules("expires"))
    other = compiled(
        one_model([{"id": "问过", "dimension": "互动", "event": "rep_consulted", "points": 20,
                    "repeat": "each", "expires": "30d"}])
    )  # fmt: skip
    for number in range(LIMIT - 1):
        life.now += 1
        life.take(_event("expires", number, life, 0))
    life.ruleset = other
    for number in range(2):
        life.now += 1
        life.take(Event(f"q{number}", "rep_consulted", life.now))
    assert len(life.lead.grants) == LIMIT + 1
    life.reach(life.now + SPAN)
    assert life.lead.grants == []
    assert sum(line.points for line in life.ledger) == 0
    check_ledger(life)


def test_losses_and_gains_are_not_added_up() -> None:
    """A rule whose points follow the occurrence keeps what it took apart from what it gave."""
    life = Life(_rules("valued"))
    for number in range(LIMIT):
        life.now += 1
        life.take(_event("valued", number, life, 100 if number % 2 else -100))
    assert sorted(grant[2:] for grant in life.lead.grants) == [
        [-50 * LIMIT // 2, LIMIT // 2],
        [50 * LIMIT // 2, LIMIT // 2],
    ]
    later = decide(life.ruleset, life.lead, Event("x", "timer_due", life.now), life.now)
    assert not later.ledger
