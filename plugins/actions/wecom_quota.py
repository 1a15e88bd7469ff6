"""How many messages of an app one member may get: WeCom drops the rest without a word."""

from __future__ import annotations

import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterable
from typing import Final

# For each member and app: so many in so many milliseconds.
WINDOWS: Final = ((30, 60_000), (1_000, 3_600_000))
_MOST: Final = max(count for count, _ in WINDOWS)
MAX_MEMBERS: Final = 10_000
EVERYBODY: Final = "@all"


class Quota:
    """Gives each message its slot, so that none is sent in vain.

    A message that has to wait keeps its slot; the process that starts anew forgets them all.
    ``clock`` tells seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._slots: OrderedDict[str, deque[int]] = OrderedDict()
        self._waiting: dict[str, int] = {}

    def wait(self, key: str, members: Iterable[str]) -> int:
        """Return for how many milliseconds the message ``key`` has to wait; 0: send it now."""
        now = int(self._clock() * 1_000)
        slot = self._waiting.pop(key, None)
        if slot is None:
            named = [each for each in members if each and each != EVERYBODY]
            slot = max((self._free(each, now) for each in named), default=now)
            for each in named:
                self._slots[each].append(slot)
        if slot > now:
            self._waiting[key] = slot
        return max(slot - now, 0)

    def _free(self, member: str, now: int) -> int:
        taken = self._slots.setdefault(member, deque(maxlen=_MOST))
        self._slots.move_to_end(member)
        if len(self._slots) > MAX_MEMBERS:
            self._slots.popitem(last=False)
        full = [taken[-count] + span for count, span in WINDOWS if len(taken) >= count]
        return max(now, *full) if full else now
