"""The write-ahead log beside the database, kept small: a small disk must not fill with it.

SQLite copies it into the file at each commit beyond `PAGES`, and begins it anew once nobody reads
what it holds. Where readers always overlap that moment never comes; and the file keeps the size
that it once had.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from time import monotonic
from typing import Final

# About 64 MB: pages that are written again and again are copied once.
PAGES: Final = 16_000
LIMIT: Final = PAGES * 4_096
LARGE: Final = 2 * LIMIT
SMALL: Final = 4 << 20
PATIENCE_MS: Final = 50
_FIRST_S: Final = 2.0
_LONGEST_S: Final = 60.0
_log: Final = logging.getLogger("leadrules.store")


class Checkpoints:
    """Empties the log of one database, between transactions and in the writer's thread.

    Beyond ``small`` bytes when there is nothing else to do, and only if nobody reads; beyond
    ``large`` also under load, waiting `PATIENCE_MS` for who reads. Where that was not enough it
    is tried again after 2 s, 4 s, up to a minute. ``clock`` gives seconds.
    """

    def __init__(
        self,
        path: Path,
        connection: sqlite3.Connection,
        small: int = SMALL,
        large: int = LARGE,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._file = path.with_name(f"{path.name}-wal")
        self._connection = connection
        self._small = small
        self._large = large
        self._clock = clock
        self._next = 0.0
        self._wait = _FIRST_S

    @property
    def is_due(self) -> bool:
        """Whether the log is to be emptied also under load."""
        return self._clock() >= self._next and self.size > self._large

    def tend(self, idle: bool) -> None:
        """Empty the log if it is worth it; never raises, and waits for nobody for long."""
        now = self._clock()
        if now < self._next:
            return
        size = self.size
        if size > self._large:
            self._empty(now, PATIENCE_MS)
        elif idle and size > self._small:
            self._empty(now, 0)

    @property
    def size(self) -> int:
        """The log's size in bytes."""
        try:
            return self._file.stat().st_size
        except OSError:
            return 0

    def _empty(self, now: float, patience: int) -> None:
        if self._truncate(patience):
            self._wait = _FIRST_S
        else:
            self._wait = min(2 * self._wait, _LONGEST_S)
        self._next = now + self._wait

    def _truncate(self, patience: int) -> bool:
        before = self._connection.execute("PRAGMA busy_timeout").fetchone()[0]
        self._connection.execute(f"PRAGMA busy_timeout = {patience}")
        try:
            busy = self._connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()[0]
        except sqlite3.Error as error:  # a full disk, of which commits tell more
            _log.warning("the write-ahead log cannot be emptied: %s", error)
            return False
        finally:
            self._connection.execute(f"PRAGMA busy_timeout = {before}")
        return not busy
