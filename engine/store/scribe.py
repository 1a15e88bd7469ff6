"""The scribe: another process that writes sheets into the database, for who has more to decide.

Python decides and SQLite writes, each as long as the other; in one process they take turns, in two
both work. Started under load, and ended with its server: it holds the server's lock as long as it
lives, so that nobody else writes while it ends.
"""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

from engine.store.connecting import PRAGMAS, STATEMENTS
from engine.store.scribe_process import Frames, framed
from engine.store.sheet import Sheet

PROCESS: Final = Path(__file__).with_name("scribe_process.py")
_PIPE: Final = 1 << 20  # bytes; what Linux allows everybody
_LEAST_PIPE: Final = 1 << 16
_ENDING_S: Final = 5.0


def is_possible() -> bool:
    """Whether this system has what a scribe needs: pipes to wait for, and a Python to start."""
    return os.name == "posix" and bool(sys.executable)


class Scribe:
    """Writes what `send` was given, in that order; `has_result` tells what has become durable.

    ``lock`` is the handle of the database's lock. For one thread at a time.
    """

    def __init__(self, path: Path, lock: int) -> None:
        theirs, self._sheets = os.pipe()
        self.answers, ours = os.pipe()  # becomes readable with a result
        try:
            self._process = subprocess.Popen(
                [sys.executable, "-I", "-S", str(PROCESS), str(theirs), str(ours)],
                pass_fds=(theirs, ours, lock),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
            )
        except OSError:
            os.close(self._sheets)
            os.close(self.answers)
            raise
        finally:
            os.close(theirs)
            os.close(ours)
        self._room = _widened(self._sheets) // 2
        self._frames = Frames(self.answers)
        self._numbers: dict[str, int] = {}
        self._new: list[str] = []
        self._edition = 0
        self._sent = self._done = 0  # bytes
        self._ready = False
        self.has_died = False  # as `has_result` has found
        with suppress(BrokenPipeError):  # `has_result` tells
            os.write(self._sheets, framed((str(path), STATEMENTS, PRAGMAS)))

    @property
    def pid(self) -> int:
        """The id of the process."""
        return self._process.pid

    @property
    def is_ready(self) -> bool:
        """Whether it has opened the database; raises sqlite3.OperationalError if it has died."""
        self._ready = self._ready or self.has_result(0)
        return self._ready

    def page(self, sheet: Sheet) -> bytes:
        """Return a sheet as it is sent; raises ValueError for what is no plain value."""
        numbers = self._numbers
        statements = []
        for text, values in sheet.statements:
            number = numbers.get(text)
            if number is None:
                number = numbers[text] = len(numbers)
                self._new.append(text)
            statements.append((number, values))
        return framed((self._edition, self._new, statements))

    def has_room(self, page: bytes) -> bool:
        """Whether sending this waits for nothing."""
        return self._sent - self._done + len(page) <= self._room

    def send(self, page: bytes) -> None:
        """Have the last page written; that the process has died, `has_result` tells."""
        self._new = []
        self._sent += len(page)
        left = memoryview(page)
        with suppress(BrokenPipeError):
            while left:
                left = left[os.write(self._sheets, left) :]

    def has_result(self, size: int, waits: bool = False) -> bool:
        """Whether the next page, of so many bytes, is durable; or wait until it is.

        Raises what sqlite3 raised; then all that follow are refused, too, until `forgive`.
        """
        if not waits and not self._frames.are_waiting:
            return False
        try:
            answer = self._frames.next()
        except (EOFError, OSError):
            self.has_died = True
            raise sqlite3.OperationalError("the process that writes has died") from None
        self._done += size
        if answer:
            raise _error(*answer)
        return True

    def forgive(self) -> None:
        """Let what is sent from now on be written again; once all has been answered."""
        self._edition += 1

    def close(self) -> None:
        """Let it end, and wait for that; for when all that was sent has been answered."""
        with suppress(BrokenPipeError):
            os.write(self._sheets, framed(None))  # a fork of this process may keep the pipe open
        os.close(self._sheets)
        try:
            self._process.wait(_ENDING_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        os.close(self.answers)


def _widened(pipe: int) -> int:
    """Make a pipe hold as much as it may, and return how much that is."""
    if sys.platform != "linux":
        return _LEAST_PIPE
    import fcntl

    try:
        return fcntl.fcntl(pipe, fcntl.F_SETPIPE_SZ, _PIPE)
    except OSError:  # less is allowed here
        return fcntl.fcntl(pipe, fcntl.F_GETPIPE_SZ)


def _error(name: str, text: str, code: Any) -> sqlite3.Error:
    kind = getattr(sqlite3, name, sqlite3.OperationalError)
    error: sqlite3.Error = kind(text)
    if code is not None:
        error.sqlite_errorcode = code
    return error
