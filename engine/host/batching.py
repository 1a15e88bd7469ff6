"""How much one transaction takes on: as much as fits into a tenth of a second.

Together, events share the cost of a commit; but whoever comes during a transaction waits for its
end. So a batch is what waits, up to what the machine does in that time by its latest pace: under
little load one event, under much load up to a thousand.
"""

from __future__ import annotations

from typing import Final

LONGEST_S: Final = 0.1
MOST_EVENTS: Final = 1_000
LEAST: Final = 50  # even a machine that stalls gets on
_FIRST_GUESS_S: Final = 0.0002
_TELLING: Final = 20  # turns; fewer say more of the commit than of a turn
_WEIGHT: Final = 0.2


class Batching:
    """Sizes of batches, by what events and wakes have taken lately; ``longest`` in seconds."""

    def __init__(self, longest: float = LONGEST_S) -> None:
        self._longest = longest
        self._each = _FIRST_GUESS_S

    @property
    def events(self) -> int:
        """How many events a transaction takes at most."""
        return max(LEAST, min(MOST_EVENTS, int(self._longest / self._each)))

    def wakes(self, events: int) -> int:
        """How many leads it wakes at most beside ``events``.

        An event that comes while many leads are being woken waits for two transactions, that one
        and its own; so the second is short. Leads are woken under any load.
        """
        return self.events // (4 if events else 2)

    def learn(self, turns: int, seconds: float) -> None:
        """Note what a transaction took, its commit included."""
        if turns >= _TELLING:
            self._each += _WEIGHT * (seconds / turns - self._each)
