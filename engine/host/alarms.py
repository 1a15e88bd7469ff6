"""When to wake whom: the deadlines of the near future, in memory.

A lead's deadlines are its own state; here is only the earliest of each lead that is due
before the horizon. The rest waits in the database, so that memory stays flat.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterable
from typing import Final

HORIZON: Final = 24 * 60 * 60 * 1_000
_FARTHEST: Final = 8 * HORIZON
_FEW: Final = 10_000  # leads that are read in some milliseconds


class Alarms:
    """A heap of (instant, lead). ``horizon`` is the instant up to which it is complete."""

    def __init__(self) -> None:
        self.horizon = 0
        self._ahead = HORIZON
        self._heap: list[tuple[int, str]] = []
        self._due: dict[str, int] = {}

    def fill(self, wakes: Iterable[tuple[int, str]], horizon: int) -> None:
        """Start anew with every lead to be woken before ``horizon``."""
        self._due = {lead: due for due, lead in wakes if due < horizon}
        self._rebuild()
        self.horizon = horizon
        self._ahead = min(2 * self._ahead, _FARTHEST) if len(self._due) < _FEW else HORIZON

    def horizon_from(self, target: int, driven: bool) -> int:
        """Return how far to look ahead at ``target``.

        A clock that events drive passes days in moments: it looks the farther, the less it saw.
        """
        return target + (self._ahead if driven else HORIZON)

    def forget(self) -> None:
        """Know nothing, so that the next look goes to the database."""
        self.fill((), 0)

    def _rebuild(self) -> None:
        self._heap = [(due, lead) for lead, due in self._due.items()]
        heapq.heapify(self._heap)

    def set(self, lead: str, due: int | None) -> None:
        """Wake ``lead`` at ``due`` and at no other time; None: not at all."""
        if self._due.get(lead) == due:
            return
        if due is None or due >= self.horizon:
            self._due.pop(lead, None)
            return
        self._due[lead] = due
        heapq.heappush(self._heap, (due, lead))
        # What was set anew leaves its old entry behind.
        if len(self._heap) > 2 * len(self._due) + 10_000:
            self._rebuild()

    def next_due(self) -> int | None:
        """Return the earliest instant in the near future, None without any."""
        while self._heap:
            due, lead = self._heap[0]
            if self._due.get(lead) == due:
                return due
            heapq.heappop(self._heap)
        return None

    def soonest(self, now: int, most: int) -> list[str]:
        """Return up to ``most`` leads that are due at ``now``, those due first before others."""
        found: list[tuple[int, str]] = []
        while len(found) < most and (alarm := self.pop(now)) is not None:
            found.append(alarm)
        for due, lead in found:
            self.set(lead, due)
        return [lead for _, lead in found]

    def pop(self, now: int) -> tuple[int, str] | None:
        """Take out the earliest (instant, lead) that is due at ``now``, if one is."""
        due = self.next_due()
        if due is None or due > now:
            return None
        found = heapq.heappop(self._heap)
        del self._due[found[1]]
        return found
