"""How many of a connection's deliveries may begin now: slots, rates and the breaker together."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Mapping
from typing import Final

from engine.host.attempt import Attempt
from engine.host.breaker import LONGEST_REST_S, REST_S, Breaker
from engine.host.limits import Bounds, bounds_of
from engine.host.throttle import Throttle
from engine.language.definitions import Limits
from engine.language.instants import SECOND
from engine.network.ruleset import Ruleset
from engine.plugin import Misconfigured, Retry

logger = logging.getLogger("leadrules.delivery")

RESTING_S: Final = 2.0  # so soon a lane that rests notices a reload
LONGEST_IDLE_S: Final = 30.0
_AHEAD: Final = 4  # so many for each slot are leased before it is free
_MOST_AHEAD: Final = 100


class Pace:
    """One connection's pace by the rules of the moment; times are of the monotonic clock.

    ``busy`` everywhere maps the keys that hold a slot to whether they have a deadline.
    """

    def __init__(self, name: str, rest_s: float = REST_S) -> None:
        self.name = name
        self.bounds = Bounds()
        self.breaker = Breaker()
        self._rest_s = rest_s
        self._loads = -1
        self._limits: Limits | None = None
        self._reserved = 0
        self._throttle = Throttle((), 0.0)

    def refresh(self, ruleset: Ruleset, loads: int) -> None:
        """Go by these rules; a reload is a chance for what was stopped, also of the same rules."""
        if loads == self._loads:
            return
        self._loads = loads
        definitions = ruleset.definitions
        connection = definitions.server.connections.get(self.name)
        limits = connection.limits if connection is not None else Limits()
        urgent = any(
            m.deadline is not None and m.action == self.name for m in definitions.messages.values()
        )
        self.bounds = bounds_of(limits)
        self._reserved = int(urgent and self.bounds.concurrency > 1)
        if limits == self._limits:
            self.breaker.reset()
            return
        self._limits = limits
        self._throttle = Throttle(self.bounds.rates, time.monotonic())
        # A rest must not outlast what waits: a quarter of its time is soon enough.
        patience = (limits.deadline or math.inf) / SECOND / 4
        self.breaker = Breaker(rest_s=self._rest_s, longest_rest_s=min(LONGEST_REST_S, patience))

    def room(self, busy: Mapping[str, bool], now: float) -> tuple[int, int]:
        """Return how many may begin, and how many of these without a deadline.

        One slot stays free for those with a deadline where there are both.
        """
        free = max(0, self.bounds.concurrency - len(busy))
        room = self.breaker.room(self._throttle.available(free, now), now)
        patient = sum(not urgent for urgent in busy.values())
        return room, max(0, min(room, self.bounds.concurrency - self._reserved - patient))

    def appetite(self, busy: Mapping[str, bool], held: int, now: float) -> int:
        """Return how many more to lease; ``held`` are leased already and have not begun.

        Nothing until half of it is used up, so that several are leased in one transaction.
        """
        if self.breaker.state != "closed":
            return max(0, self.breaker.room(1, now) - held)
        slowest = min((rate for rate, _ in self.bounds.rates), default=math.inf)
        ahead = min(self.bounds.concurrency * _AHEAD, _MOST_AHEAD, math.ceil(min(slowest, 1e6)))
        if held > ahead // 2:
            return 0
        return ahead - held + max(0, self.bounds.concurrency - len(busy))

    def began(self, key: str, now: float) -> None:
        """Note that a delivery begins."""
        self._throttle.take(1, now)
        self.breaker.began(key)

    def wait(self, busy: Mapping[str, bool], now: float) -> float:
        """Return the seconds until there may be room by itself; what ends makes room, too."""
        wait = LONGEST_IDLE_S
        if self.breaker.until is not None:
            rest = self.breaker.until - now
            wait = min(rest, RESTING_S) if rest > 0 else RESTING_S
        if len(busy) < self.bounds.concurrency:
            wait = min(wait, self._throttle.wait(now) or wait)
        return wait

    def judge(self, key: str, attempt: Attempt, now: float) -> None:
        """Let the breaker know what an attempt says of the connection."""
        result, before = attempt.result, self.breaker.state
        if isinstance(result, Misconfigured):
            self.breaker.faulted(key, result.reason, now)
        elif isinstance(result, Retry) and result.about == "connection":
            self.breaker.failed(key, result.reason, now, (result.after or 0) / SECOND)
        elif attempt.asked:  # the provider has answered, whatever it thinks of this one
            self.breaker.succeeded(key)
        after = self.breaker.state
        if before != after and after in ("open", "stopped"):
            logger.warning("the connection %s is %s: %s", self.name, after, self.breaker.reason)
