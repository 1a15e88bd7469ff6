"""Many rows in few steps."""

from __future__ import annotations

import sqlite3
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.store.bulk import Insert


def opened() -> sqlite3.Connection:
    """A database with one table, as the writer has it open."""
    connection = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
    connection.execute("CREATE TABLE t (id INTEGER PRIMARY KEY, who TEXT, at INTEGER)")
    return connection


@given(st.integers(0, 1_300))
def test_all_rows_come_in_their_order(count: int) -> None:
    """However many there are, each row is written once, after those before it."""
    rows = [(f"王{n}", n) for n in range(count)]
    connection = opened()
    Insert("t (who, at)", 2).write(connection, rows)
    assert connection.execute("SELECT who, at FROM t ORDER BY id").fetchall() == rows


def test_what_stands_behind_the_values_holds_for_each_row() -> None:
    """A row that is there already, or twice among the new ones, is updated."""
    insert = Insert("t (id, who)", 2, "ON CONFLICT (id) DO UPDATE SET who = excluded.who")
    connection = opened()
    insert.write(connection, [(n, "旧") for n in range(300)])
    insert.write(connection, [(n // 2, f"新{n}") for n in range(400)])
    found = connection.execute("SELECT who FROM t ORDER BY id").fetchall()
    assert found == [(f"新{2 * n + 1}",) for n in range(200)] + [("旧",)] * 100


def test_a_busy_thread_does_not_hold_up_every_row() -> None:
    """Beside a thread that computes, 1,000 rows wait for it some dozens of times at most."""
    if not hasattr(sys, "getswitchinterval"):
        pytest.skip("an interpreter without a lock")
    connection, insert, done = opened(), Insert("t (who, at)", 2), threading.Event()
    rows = [(f"王{n}", n) for n in range(1_000)]

    def compute() -> None:
        while not done.is_set():
            sum(range(1_000))

    busy = threading.Thread(target=compute)
    busy.start()
    try:
        began = time.perf_counter()
        insert.write(connection, rows)
        many = time.perf_counter() - began
        began = time.perf_counter()
        connection.executemany("INSERT INTO t (who, at) VALUES (?,?)", rows)
        each = time.perf_counter() - began
    finally:
        done.set()
        busy.join()
    assert many < each / 4
