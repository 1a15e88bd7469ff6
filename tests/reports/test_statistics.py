"""Wilson's interval and the middles."""

from __future__ import annotations

import pytest

from engine.reports.statistics import mean, median, quantile, wilson


@pytest.mark.parametrize(
    ("hits", "cases", "interval"),
    # Newcombe, R. G. (1998), Statistics in Medicine 17, table I, method 3.
    [(81, 263, (0.2553, 0.3662)), (15, 148, (0.0624, 0.1605)), (0, 20, (0.0, 0.1611)),
     (1, 29, (0.0061, 0.1718))],
)  # fmt: skip
def test_the_interval_is_the_published_one(
    hits: int, cases: int, interval: tuple[float, float]
) -> None:
    """Newcombe's examples come out to the last of his digits."""
    assert wilson(hits, cases) == interval


def test_what_is_no_share_has_no_interval() -> None:
    """Nothing of nothing, and more hits than cases, have none."""
    assert wilson(0, 0) is None
    assert wilson(3, 2) is None


def test_middles() -> None:
    """The median of an even number is the lower one, a quantile is one of the values."""
    assert median([4, 1, 3, 2]) == 2
    assert quantile(list(range(1, 11)), 0.9) == 9
    assert quantile([5], 0.9) == 5
    assert (mean([]), median([]), quantile([], 0.5)) == (None, None, None)
    assert mean([1, 2]) == 1
