"""Which variant of a split wins: a test of two proportions that may be looked at all the time.

A test for one look at the end, asked again after every lead, finds a winner between equals in
most splits sooner or later. This one is a mixture sequential probability ratio test (Robbins
1970; Johari, Koomen, Pekelis and Walsh, "Peeking at A/B tests", KDD 2017): the chance that it
*ever* calls equals different is at most 1 - confidence, however often it is asked. The
likelihood is the normal one, so every variant needs a sample first. With more than two variants
each pair counts (Bonferroni).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from itertools import combinations
from typing import Final

import msgspec

# The spread of differences that the mixture expects: of some per cent, as between two subjects.
SPREAD: Final = 0.05


class Arm(msgspec.Struct, frozen=True):
    """How many leads a variant has had, and with how many of them it reached its metric."""

    leads: int
    hits: int

    @property
    def rate(self) -> float:
        """The share that it reached, 0 to 1."""
        return self.hits / self.leads if self.leads else 0.0


class Verdict(msgspec.Struct, frozen=True):
    """What the figures say by now. ``winner`` None: nothing yet, ``reason`` says why.

    ``best`` leads; ``p_value`` is that of it against its closest rival, valid at every look and
    set right for the number of variants.
    """

    winner: str | None
    best: str
    p_value: float
    reason: str


def judge(arms: Mapping[str, Arm], confidence: float, sample: int) -> Verdict:
    """Return the winner among two variants or more, if it is certain by now.

    ``sample`` is how many leads each of them needs before anything is said.
    """
    best = max(arms, key=lambda name: (arms[name].rate, arms[name].leads))
    pairs = len(list(combinations(arms, 2)))
    rivals = [p_value(arms[best], arm) for name, arm in arms.items() if name != best]
    p = min(1.0, pairs * max(rivals, default=1.0))
    small = [name for name, arm in arms.items() if arm.leads < sample]
    if small:
        return Verdict(None, best, p, f"{small[0]} has {arms[small[0]].leads} leads of {sample}")
    if p > 1 - confidence:
        return Verdict(None, best, p, f"p = {p:.3g} is not below {1 - confidence:.3g}")
    return Verdict(best, best, p, f"p = {p:.3g}, {pairs} comparisons")


def p_value(one: Arm, other: Arm, spread: float = SPREAD) -> float:
    """Return the p-value of two equal proportions that is valid at every look."""
    return min(1.0, 1 / likelihood_ratio(one, other, spread))


def likelihood_ratio(one: Arm, other: Arm, spread: float = SPREAD) -> float:
    """Return how much better a difference, normal with this spread, explains what is seen."""
    variance = _variance(one, other)
    if variance == 0:
        return 1.0
    wide = variance + spread**2
    difference = one.rate - other.rate
    exponent = spread**2 * difference**2 / (2 * variance * wide)
    return math.sqrt(variance / wide) * math.exp(min(exponent, 700.0))  # e**709 is the last


def one_look_p_value(one: Arm, other: Arm) -> float:
    """Return the two-sided p-value of the z-test, which is valid for one look only."""
    variance = _variance(one, other)
    if variance == 0:
        return 1.0
    return math.erfc(abs(one.rate - other.rate) / math.sqrt(2 * variance))


def _variance(one: Arm, other: Arm) -> float:
    """Return the variance of the difference if both have the same rate; 0 where none is known."""
    if not (one.leads and other.leads):
        return 0.0
    rate = (one.hits + other.hits) / (one.leads + other.leads)
    return rate * (1 - rate) * (1 / one.leads + 1 / other.leads)
