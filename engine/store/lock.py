"""One writer for one database: a lock that the kernel drops when the process dies."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from time import sleep
from typing import Final

from engine.errors import LeadrulesError

_PATIENCE_S: Final = 1.0
_TRIES: Final = 50

if sys.platform == "win32":
    import msvcrt

    def _take(handle: int) -> None:
        msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)

else:
    import fcntl

    def _take(handle: int) -> None:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)


class DatabaseInUse(LeadrulesError):
    """Another process writes to this database."""

    code = "database-in-use"


class FileLock:
    """Holds ``FILE-lock`` beside the database until `release` or the end of the process.

    Raises DatabaseInUse when somebody else holds it, and goes on holding it: the scribe of a
    server that was killed first ends the transaction that it is in.
    """

    def __init__(self, database: Path) -> None:
        self.path = database.with_name(database.name + "-lock")
        self._handle: int | None = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o644)
        for left in range(_TRIES, -1, -1):
            try:
                _take(self._handle)
                return
            except OSError:
                if left:
                    sleep(_PATIENCE_S / _TRIES)
        self.release()
        raise DatabaseInUse(
            f"the database {str(database)!r} is in use by another process; "
            "stop that server, or choose another file with --db"
        )

    @property
    def handle(self) -> int:
        """The open file; who inherits it holds the lock, too."""
        assert self._handle is not None
        return self._handle

    def release(self) -> None:
        """Let others have the database; may be called twice."""
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None
