"""The write-ahead log: bounded under load and while others read, empty when nothing happens."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import cycle
from pathlib import Path

import pytest

from engine.host.runtime import Runtime
from engine.store.checkpoint import LIMIT, SMALL, Checkpoints
from engine.store.database import Store, connect_reader
from tests.serving import form, wait_for, write_config

MIB = 1 << 20
ROW = "王芳想了解报价，" * 500  # 12 kB


def write(store: Store, rows: int, tend: Callable[[], object] = lambda: None) -> int:
    """Write rows, each in a transaction; returns the largest size of the log in its second half."""
    most = 0
    for number in range(rows):
        with store.transaction() as connection:
            connection.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (f"m{number}", ROW))
        tend()
        if number > rows // 2:
            most = max(most, store.checkpoints.size)
    return most


@contextmanager
def readers(path: Path) -> Iterator[None]:
    """Two readers that take turns, so that at every instant one of them has an old snapshot."""
    done = threading.Event()

    def read() -> None:
        pair = [connect_reader(path) for _ in range(2)]
        for one in cycle(pair):
            if one.in_transaction:
                one.execute("COMMIT")
            if done.is_set():
                break
            one.execute("BEGIN")
            one.execute("SELECT count(*) FROM meta").fetchone()
            time.sleep(0.005)
        for each in pair:
            each.close()

    thread = threading.Thread(target=read)
    thread.start()
    try:
        yield
    finally:
        done.set()
        thread.join()


def test_a_long_run_of_writes_beside_readers(tmp_path: Path) -> None:
    """Whatever others read meanwhile, the log stays near its limit, and ends empty when idle;
    without being tended to, it grows with what is written.
    """
    sizes = []
    for tended in (False, True):
        store = Store(tmp_path / f"{tended}.db")
        store.connection.execute("PRAGMA wal_autocheckpoint = 100")
        store.connection.execute("PRAGMA synchronous = OFF")  # only for the test to be quick
        clock = iter(range(100_000)).__next__  # a look counts as a second
        checkpoints = Checkpoints(store.path, store.connection, MIB // 4, 2 * MIB, clock)
        with readers(store.path):
            tend = (lambda each=checkpoints: each.tend(idle=False)) if tended else lambda: None
            sizes.append(write(store, 1_500, tend))
        if tended:
            checkpoints.tend(idle=True)
            wait_for(lambda each=checkpoints: each.tend(idle=True) or each.size == 0)
        store.close()
    assert sizes[0] > 8 * MIB
    assert sizes[1] < 4 * MIB


def test_tending_waits_for_nobody_for_long(store: Store) -> None:
    """Beside a reader that never ends, writing goes on at once, and looks become rare."""
    now = 0.0
    checkpoints = Checkpoints(store.path, store.connection, 0, 0, lambda: now)
    reader = connect_reader(store.path)
    reader.execute("BEGIN")
    reader.execute("SELECT count(*) FROM meta").fetchone()
    tries = 0
    began = time.monotonic()
    for _ in range(120):
        write(store, 1)
        before = checkpoints._next
        checkpoints.tend(idle=False)
        tries += checkpoints._next != before
        now += 1
    assert time.monotonic() - began < 10
    assert 3 <= tries <= 6  # after 0, 4, 12, 28, 60 s
    assert checkpoints.size > 120 * len(ROW.encode()) * 0.9
    assert store.connection.execute("PRAGMA busy_timeout").fetchone()[0] == 5_000
    reader.close()
    now += 60
    checkpoints.tend(idle=False)
    assert checkpoints.size == 0


def test_what_went_wrong_does_no_harm(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    """A log that cannot be emptied is told, and does not stop who writes."""
    with store.transaction():
        other = Checkpoints(store.path, store.connection, 0, -1)  # not possible in a transaction
        other.tend(idle=True)
    assert "cannot be emptied" in caplog.text
    assert write(store, 3) > 0


def test_the_file_itself_has_a_limit(store: Store) -> None:
    """Once it is copied, SQLite makes the file no larger than its limit by itself."""
    assert store.connection.execute("PRAGMA journal_size_limit").fetchone()[0] == LIMIT


def test_an_idle_server_has_no_log(tmp_path: Path) -> None:
    """After a burst, when nothing happens any more, the disk has the log's room again."""
    runtime = Runtime(write_config(tmp_path / "config"), tmp_path / "l.db", environ={})
    runtime.load()
    runtime.start()
    log = tmp_path / "l.db-wal"

    async def burst() -> None:
        await runtime.submit([form(n, need="需要报价" * 400) for n in range(600)])

    asyncio.run(burst())
    try:
        assert log.stat().st_size > SMALL
        wait_for(lambda: log.stat().st_size == 0)
    finally:
        asyncio.run(runtime.stop())


def test_reading_is_not_disturbed(store: Store) -> None:
    """A reader sees its snapshot to the end, however often the log is emptied beside it."""
    write(store, 5)
    reader = connect_reader(store.path)
    reader.execute("BEGIN")
    before = reader.execute("SELECT count(*) FROM meta").fetchone()[0]
    checkpoints = Checkpoints(
        store.path, store.connection, 0, 0, iter(range(0, 9_999, 99)).__next__
    )
    write(store, 20, lambda: checkpoints.tend(idle=False))
    assert reader.execute("SELECT count(*) FROM meta").fetchone()[0] == before
    reader.close()
    assert sqlite3.connect(store.path).execute("PRAGMA integrity_check").fetchone() == ("ok",)
