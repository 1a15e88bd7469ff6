"""Figures that many pages show and that take long to count: counted once, shown to all.

A figure that has grown old is still shown while one thread counts anew, so no page waits for it;
nor after a person's deed for one that takes long. What takes long to count is counted the more
seldom, so that open pages cost little.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final, TypeVar

import msgspec

T = TypeVar("T")
FRESH_S: Final = 3.0
_REST: Final = 50  # times as long as the counting took, before the next
_PATIENCE_S: Final = 0.1  # as long as that a person waits for what a deed has changed


class _Known(msgspec.Struct, frozen=True):
    """A figure, how long it took to count, and until when it is fresh (monotonic)."""

    value: Any
    took: float
    until: float


class Figures:
    """Remembers results by name. Nobody but the first to ask for a name waits for it."""

    def __init__(self, fresh_s: float = FRESH_S) -> None:
        self._fresh_s = fresh_s
        self._known: dict[str, _Known] = {}
        self._counting: set[str] = set()
        self._deeds = 0
        self._lock = threading.Lock()
        # One thread for all: a reader keeps a connection for every thread that it has seen.
        self._thread = ThreadPoolExecutor(1, "figures")
        self._open = True

    def get(self, name: str, count: Callable[[], T]) -> T:
        """Return ``count()`` of a moment ago, or of now when there is none."""
        with self._lock:
            known = self._known.get(name)
            old = known is not None and time.monotonic() > known.until
            due = self._open and old and name not in self._counting
            if due:
                self._counting.add(name)
                self._thread.submit(self._again, name, count)
        if known is None:
            return self._count(name, count)
        found: T = known.value
        return found

    def forget(self) -> None:
        """Count all anew, as after a person has changed something and looks at once."""
        with self._lock:
            self._deeds += 1
            for name, known in list(self._known.items()):
                if known.took <= _PATIENCE_S:
                    del self._known[name]
                else:
                    self._known[name] = msgspec.structs.replace(known, until=0.0)

    def close(self) -> None:
        """Finish what is being counted, and count nothing in the background any more."""
        with self._lock:
            self._open = False
        self._thread.shutdown(wait=True, cancel_futures=True)

    def _count(self, name: str, count: Callable[[], T]) -> T:
        began, deeds = time.monotonic(), self._deeds
        value = count()
        took = time.monotonic() - began
        with self._lock:
            # What was begun before a deed does not know of it.
            fresh = max(self._fresh_s, _REST * took) if deeds == self._deeds else 0.0
            self._known[name] = _Known(value, took, began + took + fresh)
        return value

    def _again(self, name: str, count: Callable[[], T]) -> None:
        try:
            self._count(name, count)
        finally:
            with self._lock:
                self._counting.discard(name)
