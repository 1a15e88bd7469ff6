"""How much one transaction takes on: as much as fits into eighty milliseconds.

Together, events share the cost of a commit; but whoever comes during a transaction waits for its
end. So a batch is what waits, up to what the machine does in that time by its latest pace: under
little load one event, under much load up to a thousand.
"""

from __future__ import annotations

from typing import Final

LONGEST_S: Final = 0.08
MOST_EVENTS: Final = 1_000
LENT_S: Final = 0.008  # in which an event loop, and all who wait for it, can wait for events
LEAST: Final = 50  # even a machine that stalls gets on
_FEW: Final = 5  # turns; a transaction of so few tells what a commit costs by itself
_WEIGHT: Final = 0.2


class Batching:
    """Sizes of batches, by what transactions have taken lately; ``longest`` in seconds."""

    def __init__(self, longest: float = LONGEST_S) -> None:
        self._longest = longest
        self._commit = 0.002
        self._turn = 0.0002

    @property
    def events(self) -> int:
        """How many events a transaction takes at most."""
        time = max(self._longest - self._commit, self._longest / 2)
        return max(LEAST, min(MOST_EVENTS, int(time / self._turn)))

    @property
    def few(self) -> int:
        """How many events may keep an event loop from all else."""
        return int(LENT_S / self._turn)

    def wakes(self, events: int) -> int:
        """How many leads it wakes at most beside ``events``.

        An event that comes while many leads are being woken waits for two transactions, that one
        and its own; so the second is short. Leads are woken under any load.
        """
        return max(LEAST, self.events // (4 if events else 2))

    def learn(self, turns: int, seconds: float) -> None:
        """Note what a transaction took, its commit included."""
        if 0 < turns <= _FEW:
            self._commit += _WEIGHT * (seconds - self._commit)
        elif turns:
            each = max(seconds - self._commit, seconds / 10) / turns
            self._turn += _WEIGHT * (each - self._turn)

    def learn_pace(self, turns: int, seconds: float) -> None:
        """Note what turns took that somebody else commits."""
        if turns > _FEW:
            self._turn += _WEIGHT * (seconds / turns - self._turn)
