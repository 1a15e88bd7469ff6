"""How fast a connection may go: token buckets."""

from __future__ import annotations

from collections.abc import Iterable


class Bucket:
    """Gains ``rate`` tokens a second, up to ``burst``; times are seconds of a monotonic clock.

    In any ``t`` seconds at most ``burst + rate * t`` tokens are taken.
    """

    def __init__(self, rate: float, burst: int, now: float) -> None:
        self._rate = rate
        self._burst = burst
        self._tokens = float(burst)
        self._at = now

    def available(self, now: float) -> int:
        """Return how many whole tokens there are."""
        self._fill(now)
        return int(self._tokens)

    def take(self, count: int, now: float) -> None:
        """Take tokens that are available."""
        self._fill(now)
        self._tokens -= count

    def wait(self, now: float) -> float:
        """Return the seconds until there is a whole token, 0 when there is one."""
        self._fill(now)
        return max(0.0, (1 - self._tokens) / self._rate)

    def _fill(self, now: float) -> None:
        gained = (now - self._at) * self._rate
        self._tokens = min(self._burst, self._tokens + gained)
        self._at = now


class Throttle:
    """All rates of one connection together; without any it lets everything pass."""

    def __init__(self, rates: Iterable[tuple[float, int]], now: float) -> None:
        self._buckets = [Bucket(rate, burst, now) for rate, burst in rates]

    def available(self, most: int, now: float) -> int:
        """Return how many deliveries may begin now, ``most`` at most."""
        return min([most, *(bucket.available(now) for bucket in self._buckets)])

    def take(self, count: int, now: float) -> None:
        """Note that so many begin."""
        for bucket in self._buckets:
            bucket.take(count, now)

    def wait(self, now: float) -> float:
        """Return the seconds until the next may begin."""
        return max((bucket.wait(now) for bucket in self._buckets), default=0.0)
