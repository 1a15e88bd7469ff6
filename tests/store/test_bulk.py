"""Many rows in few steps."""

from __future__ import annotations

import sqlite3

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


@given(st.integers(0, 1_300))
def test_few_statements_are_enough(count: int) -> None:
    """Another thread may come in between at some steps in all, not at each row."""
    connection, steps = opened(), list[str]()
    rows = [(f"王{n}", n) for n in range(count)]
    connection.set_trace_callback(steps.append)
    Insert("t (who, at)", 2).write(connection, rows)
    assert len(steps) <= count // 256 + 4 * 3
