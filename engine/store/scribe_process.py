"""The scribe's process: takes sheets, writes them, and says when they are durable.

Sheets that wait together are committed together. One that cannot be written undoes what is not
committed yet, and it and all that follow it are refused until a sheet of the next edition comes,
for they were made in the belief that it would stand. The process ends with its input: what was
sent and not answered is then written as a whole, or not at all. Nothing of the engine is imported
here, so that a fresh process is quick and small.
"""

from __future__ import annotations

import contextlib
import marshal
import os
import select
import signal
import sqlite3
import sys
import threading
from time import perf_counter, sleep
from typing import Any, Final

TOGETHER_S: Final = 0.02  # what has been written for longer is committed before more is taken on
QUIET_MS: Final = 3  # without a sheet, after which there is time to sweep
SWEEP_S: Final = 0.03  # between two sweeps
_HEAD: Final = 4
_CHUNK: Final = 1 << 20


class Frames:
    """Messages of a pipe: plain values, the length before each."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._buffer = bytearray()
        self._poll = select.poll()
        self._poll.register(handle, select.POLLIN)

    def next(self) -> Any:
        """Wait for a message and return it; raises EOFError at the end."""
        while True:
            end = self._end()
            if end is not None and end <= len(self._buffer):
                found = marshal.loads(memoryview(self._buffer)[_HEAD:end])
                self._buffer = self._buffer[end:]
                return found
            self._poll.poll()  # an event loop that listens makes a pipe one that does not wait
            read = os.read(self._handle, _CHUNK)
            if not read:
                raise EOFError
            self._buffer += read

    @property
    def are_waiting(self) -> bool:
        """Whether a message has begun to come."""
        return self.come_within(0)

    def come_within(self, patience: int) -> bool:
        """Wait up to so many ms for the beginning of a message."""
        return bool(self._buffer) or bool(self._poll.poll(patience))

    def _end(self) -> int | None:
        if len(self._buffer) < _HEAD:
            return None
        return _HEAD + int.from_bytes(self._buffer[:_HEAD], "little")


def framed(message: Any) -> bytes:
    """Return a message as `Frames` reads it; raises ValueError for what is no plain value."""
    body = marshal.dumps(message)
    return len(body).to_bytes(_HEAD, "little") + body


class Sweeper:
    """Copies the write-ahead log into the file beside who writes it, in a thread of its own.

    A commit that finds the log long copies what is left of it, and all who wait, wait for that.
    So it is done before, while nothing else is; under full load it is not.
    """

    def __init__(self, path: str) -> None:
        self.called = threading.Event()
        self._path = path
        threading.Thread(target=self._run, daemon=True).start()

    def _run(self) -> None:
        connection = sqlite3.connect(self._path, isolation_level=None)
        while self.called.wait():
            self.called.clear()
            with contextlib.suppress(sqlite3.Error):  # the next commit tells of a bad disk
                connection.execute("PRAGMA wal_checkpoint(PASSIVE)")
            sleep(SWEEP_S)


class Desk:
    """Writes the sheets that come in at one end, and answers each at the other.

    The first message says how the database is opened. An answer is empty, or the name, the text
    and SQLite's code of the error.
    """

    def __init__(self, sheets: int, answers: int) -> None:
        self._sheets = Frames(sheets)
        self._answers = answers
        path, statements, pragmas = self._sheets.next()
        self._connection = sqlite3.connect(path, isolation_level=None, cached_statements=statements)
        for pragma in pragmas:
            self._connection.execute(f"PRAGMA {pragma}")
        self._sweeper = Sweeper(path)
        self._texts: list[str] = []
        self._refused = -1  # the edition of which nothing is written any more
        self._unsaid = 0  # sheets that are written and not committed
        self._began = 0.0

    def run(self) -> None:
        """Work until the input ends, or says that this is the end."""
        self._answer(())
        while True:
            if not self._sheets.come_within(QUIET_MS):
                self._sweeper.called.set()
            message = self._sheets.next()
            if message is None:
                return
            edition, texts, statements = message
            self._texts.extend(texts)
            if edition <= self._refused:
                self._answer(("OperationalError", "an earlier sheet could not be written", None))
                continue
            try:
                self._write(statements)
                if perf_counter() - self._began > TOGETHER_S or not self._sheets.are_waiting:
                    self._commit()
            except (sqlite3.Error, OverflowError, ValueError) as error:
                self._refuse(edition, error)

    def _write(self, statements: list[tuple[int, tuple[Any, ...]]]) -> None:
        execute, texts = self._connection.execute, self._texts
        if not self._unsaid:
            self._began = perf_counter()
        self._unsaid += 1
        if not self._connection.in_transaction:
            execute("BEGIN IMMEDIATE")
        for number, values in statements:
            execute(texts[number], values)

    def _commit(self) -> None:
        self._connection.execute("COMMIT")
        self._answer_all(())

    def _refuse(self, edition: int, error: Exception) -> None:
        if self._connection.in_transaction:
            self._connection.execute("ROLLBACK")
        self._refused = edition
        code = getattr(error, "sqlite_errorcode", None)
        self._answer_all((type(error).__name__, str(error), code))

    def _answer_all(self, answer: tuple[Any, ...]) -> None:
        unsaid, self._unsaid = self._unsaid, 0
        os.write(self._answers, framed(answer) * unsaid)

    def _answer(self, answer: tuple[Any, ...]) -> None:
        os.write(self._answers, framed(answer))


def main() -> None:
    """Write until the input ends; the arguments are the ends of two pipes."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)  # the server finishes first what it has begun
    sheets, answers = map(int, sys.argv[1:])
    with contextlib.suppress(EOFError, BrokenPipeError):
        Desk(sheets, answers).run()
    # Closed in order, the last connection of a killed server would copy the whole log first, and
    # whoever starts anew waits for the lock.
    os._exit(0)


if __name__ == "__main__":
    main()
