"""Retention of deliveries and tasks: what is done goes, what is open stays, nothing is told twice."""

from __future__ import annotations

from engine.machines.state import Decision, Delivery, Event, Lead, Task
from engine.store import receipts, retention
from engine.store.database import Store
from engine.store.retention import Sweep
from engine.store.writing import Rows, write_leads


def fill(store: Store) -> None:
    """Write a lead with three deliveries, two of them done with their receipts, and two tasks."""
    deliveries = [Delivery(f"k{n}:1", "l1", "email", n, message="问候") for n in (1, 2, 3)]
    tasks = [Task(f"t{n}", "l1", "致电王芳", n) for n in (1, 2)]
    rows = Rows()
    rows.log(Event("e", "page_viewed", 1), "l1", 1, "v")
    decision = Decision(Lead("l1", 1, 1), deliveries=deliveries, tasks=tasks)
    rows.decided(Event("e", "page_viewed", 1), decision)
    rows.log(Event("receipt:k1:1", "email_sent", 4, channel="engine"), "l1", 4, "v")
    rows.log(Event("receipt:k2:1:1", "email_sent", 5, channel="engine"), "l1", 5, "v")
    rows.log(Event("done", "task_completed", 6, properties={"task": "t1"}), "l1", 6, "v")
    with store.transaction() as connection:
        rows.write(connection)
        write_leads(connection, [Lead("l1", 1, 6)], {}, "default")
        connection.execute(
            "UPDATE deliveries SET status = 'delivered', attempts = 1, finished_at = 5,"
            " retries = key = 'k2:1' WHERE key IN ('k1:1', 'k2:1')"
        )


def sweep(store: Store, **before: int) -> dict[str, int]:
    """Make a whole pass."""
    one = Sweep(before, 99)
    done = False
    while not done:
        with store.transaction() as connection:
            done = one.step(connection)
    return one.removed


def keys(store: Store, table: str) -> list[str]:
    """The keys of a table in order."""
    column = {"deliveries": "key", "tasks": "id", "removed_events": "id"}[table]
    found = store.connection.execute(f"SELECT {column} FROM {table} ORDER BY 1")
    return [row[0] for row in found]


def test_what_is_open_stays(store: Store) -> None:
    """However old, a queued delivery and an open task are kept; those that are done go."""
    fill(store)
    assert sweep(store, deliveries=50, tasks=50) == {"deliveries": 2, "tasks": 1}
    assert keys(store, "deliveries") == ["k3:1"]
    assert keys(store, "tasks") == ["t2"]
    assert sweep(store, deliveries=50, tasks=50) == {"deliveries": 0, "tasks": 0}
    assert retention.last(store.connection) == {"at": 99, "removed": {"deliveries": 0, "tasks": 0}}


def test_what_is_young_stays(store: Store) -> None:
    """A delivery that was done at the cutoff or later is kept."""
    fill(store)
    assert sweep(store, deliveries=5) == {"deliveries": 0}
    assert len(keys(store, "deliveries")) == 3


def test_a_removed_receipt_is_not_sent_again(store: Store) -> None:
    """A delivery whose receipt left the log, by hand tried again or not, is not told once more."""
    fill(store)
    assert receipts.missing(store.connection) == []
    assert sweep(store, events=50) == {"events": 4}
    assert receipts.missing(store.connection) == []
    assert keys(store, "removed_events") == ["done", "e"]
