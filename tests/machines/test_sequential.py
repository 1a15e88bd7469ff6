"""The test behind `auto_winner`: right as SciPy sees it, and honest however often it is asked."""

from __future__ import annotations

import random

import pytest
from scipy.integrate import quad
from scipy.stats import chi2_contingency, norm

from engine.machines.sequential import (
    SPREAD,
    Arm,
    judge,
    likelihood_ratio,
    one_look_p_value,
    p_value,
)

PAIRS = [
    (Arm(1000, 250), Arm(1000, 180)),
    (Arm(400, 9), Arm(1600, 61)),
    (Arm(120, 60), Arm(80, 39)),
]


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_test_of_two_proportions_is_scipys(one: Arm, other: Arm) -> None:
    """The z-test of two proportions is the chi-square test of their table."""
    table = [[a.hits, a.leads - a.hits] for a in (one, other)]
    expected = chi2_contingency(table, correction=False).pvalue
    assert one_look_p_value(one, other) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("one", "other"), PAIRS)
def test_the_mixture_is_the_integral_that_it_stands_for(one: Arm, other: Arm) -> None:
    """The closed form equals SciPy's numeric integral over all differences."""
    rate = (one.hits + other.hits) / (one.leads + other.leads)
    error = (rate * (1 - rate) * (1 / one.leads + 1 / other.leads)) ** 0.5
    seen = one.rate - other.rate
    mixed, _ = quad(
        lambda d: norm.pdf(seen, d, error) * norm.pdf(d, 0, SPREAD), -1, 1, points=[0, seen]
    )
    assert likelihood_ratio(one, other) == pytest.approx(mixed / norm.pdf(seen, 0, error), rel=1e-6)


def run(chance: random.Random, rates: dict[str, float], leads: int, every: int) -> str | None:
    """Send leads through a split, looking all the time; returns the first winner."""
    hits = dict.fromkeys(rates, 0)
    for n in range(1, leads + 1):
        for name, rate in rates.items():
            hits[name] += chance.random() < rate
        if n % every == 0:
            verdict = judge({k: Arm(n, h) for k, h in hits.items()}, 0.95, 100)
            if verdict.winner is not None:
                return verdict.winner
    return None


@pytest.mark.parametrize("rates", [{"甲": 0.2, "乙": 0.2}, {"甲": 0.1, "乙": 0.1, "丙": 0.1}])
def test_looking_all_the_time_finds_no_winner_among_equals(rates: dict[str, float]) -> None:
    """Of 400 splits between equals, looked at after every tenth lead, at most 5 % have a winner."""
    chance = random.Random(20260302)
    wrong = sum(run(chance, rates, 2000, 10) is not None for _ in range(400))
    assert wrong / 400 <= 0.05


def test_the_usual_test_would_find_one_far_too_often() -> None:
    """Why all this is needed: the z-test, looked at as often, cries wolf in over 20 %."""
    chance = random.Random(20260302)
    wrong = 0
    for _ in range(200):
        a = b = 0
        for n in range(1, 2001):
            a += chance.random() < 0.2
            b += chance.random() < 0.2
            if n >= 100 and n % 10 == 0 and one_look_p_value(Arm(n, a), Arm(n, b)) < 0.05:
                wrong += 1
                break
    assert wrong / 200 > 0.2


def test_a_real_difference_is_found() -> None:
    """25 % against 18 %, the guide's own figures: nearly all find the better one in time."""
    chance = random.Random(7)
    found = [run(chance, {"案例类": 0.25, "行业平均": 0.18}, 4000, 20) for _ in range(60)]
    assert found.count("案例类") >= 57
    assert "行业平均" not in found


def test_nothing_is_said_before_the_sample_is_there() -> None:
    """However clear it looks."""
    arms = {"甲": Arm(99, 90), "乙": Arm(500, 5)}
    verdict = judge(arms, 0.95, 100)
    assert (verdict.winner, verdict.best) == (None, "甲")
    assert verdict.reason == "甲 has 99 leads of 100"


@pytest.mark.parametrize("arm", [Arm(0, 0), Arm(500, 0), Arm(500, 500)])
def test_where_nothing_differs_nothing_wins(arm: Arm) -> None:
    """No leads, no hits and nothing but hits are no evidence."""
    assert p_value(arm, arm) == 1.0
    assert judge({"甲": arm, "乙": arm}, 0.95, 1).winner is None


def test_without_leads_or_with_equal_fates_no_test_finds_a_difference() -> None:
    """Where nobody has come, none has acted or all have, both tests say 1."""
    for one, other in ((Arm(0, 0), Arm(9, 3)), (Arm(5, 0), Arm(9, 0)), (Arm(5, 5), Arm(9, 9))):
        assert one_look_p_value(one, other) == p_value(one, other) == 1.0
