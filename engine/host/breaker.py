"""The circuit breaker of one connection: a provider in trouble is left alone for a while."""

from __future__ import annotations

from typing import Final, Literal

State = Literal["closed", "open", "probing", "stopped"]

TROUBLES: Final = 5  # in a row
REST_S: Final = 10.0
LONGEST_REST_S: Final = 300.0
# A fault of the configuration may be mended at the provider's side, of which nobody tells us.
FAULT_REST_S: Final = 600.0


class Breaker:
    """Closed: everything passes. Open: nothing, until a probe; how that goes decides.

    Stopped: open for a fault of the configuration, until `reset` or a late probe. Times are
    seconds of a monotonic clock.
    """

    def __init__(
        self,
        troubles: int = TROUBLES,
        rest_s: float = REST_S,
        longest_rest_s: float = LONGEST_REST_S,
    ) -> None:
        self._most = troubles
        self._longest_rest = longest_rest_s
        self._rest_s = min(rest_s, longest_rest_s)
        self._troubles = 0
        self._next_rest = self._rest_s
        self._probe: str | None = None
        self._fault = False
        self.reason = ""
        self.until: float | None = None

    @property
    def state(self) -> State:
        """How it stands; ``until`` says when the next probe may go, None while closed."""
        if self.until is None:
            return "closed"
        if self._probe is not None:
            return "probing"
        return "stopped" if self._fault else "open"

    def room(self, most: int, now: float) -> int:
        """Return how many of ``most`` may begin now."""
        if self.until is None:
            return most
        return min(most, 1) if self._probe is None and now >= self.until else 0

    def began(self, key: str) -> None:
        """Note that a delivery begins; of an open breaker it is the probe."""
        if self.until is not None:
            self._probe = key

    def ended(self, key: str) -> None:
        """Note that a delivery is over without telling anything about the connection."""
        if self._probe == key:
            self._probe = None

    def succeeded(self, key: str) -> None:
        """Note that the provider does its work."""
        self.reset()

    def failed(self, key: str, reason: str, now: float, after_s: float = 0.0) -> None:
        """Note a trouble that may pass; ``after_s`` is how long the provider asks to wait."""
        was_probe = self._probe == key
        self.ended(key)
        self._troubles += 1
        self.reason = reason
        if was_probe or (self.until is None and self._troubles >= self._most):
            rest = min(max(self._next_rest, after_s), self._longest_rest)
            self._next_rest = min(self._next_rest * 2, self._longest_rest)
            self._fault = False
            self.until = now + rest

    def faulted(self, key: str, reason: str, now: float) -> None:
        """Note a fault that does not pass by itself: stop."""
        self.ended(key)
        self._fault = True
        self.reason = reason
        self.until = now + FAULT_REST_S

    def reset(self) -> None:
        """Close: the provider works, or somebody changed something."""
        self._troubles = 0
        self._next_rest = self._rest_s
        self._probe = None
        self._fault = False
        self.reason = ""
        self.until = None
