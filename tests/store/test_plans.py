"""How SQLite reads what pages show: by an index that has it, never by looking through a table."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import pytest

from engine.store.database import Store
from engine.store.reading import Reader

Read = Callable[[Reader], Any]
# What reads, the indexes by which it does, and whether it may sort the few lines that come out.
CASES: Final[dict[str, tuple[Read, tuple[str, ...], bool]]] = {
    "a journey": (
        lambda reader: reader.boards().journey("welcome"),
        (
            "SEARCH enrolments USING COVERING INDEX enrolments_inside (journey=?)",
            "SEARCH enrolments USING COVERING INDEX enrolments_left (journey=?)",
            "SEARCH journey_steps USING COVERING INDEX journey_steps_step (journey=?)",
        ),
        True,
    ),
    "who waits in a journey": (
        lambda reader: reader.boards().waiting("welcome", None),
        ("SEARCH e USING COVERING INDEX enrolments_inside (journey=?)",),
        False,
    ),
    "who waits at a step": (
        lambda reader: reader.boards().waiting("welcome", "hello"),
        ("SEARCH e USING COVERING INDEX enrolments_inside (journey=?)",),
        False,
    ),
    "sources": (
        lambda reader: reader.boards().sources(),
        ("SEARCH a USING COVERING INDEX arrivals_groups (source>?)",),
        False,
    ),
    "pools": (
        lambda reader: reader.pools(["won"]),
        ("SEARCH leads USING COVERING INDEX leads_pool (pool>?)",),
        False,
    ),
    "deeds of a person": (
        lambda reader: reader.deeds(who="li.na"),
        ("SEARCH audit USING INDEX audit_who (who=? AND number<?)",),
        False,
    ),
    "deeds of a person to a lead": (
        lambda reader: reader.deeds(who="li.na", lead="a"),
        ("SEARCH audit USING INDEX audit_lead (lead=? AND rowid<?)",),
        False,
    ),
    "open to-dos of a person": (
        lambda reader: reader.tasks(owner="li.na", status="open"),
        (
            "SEARCH tasks USING COVERING INDEX tasks_owner (owner=? AND status=?)",
            "SEARCH o USING COVERING INDEX leads_owner (owner=?)",
            "SEARCH w USING INDEX tasks_unowned (lead=? AND status=?)",
        ),
        False,
    ),
    "dead deliveries of a connection": (
        lambda reader: reader.deliveries(status="dead", connection="email"),
        ("SEARCH deliveries USING INDEX deliveries_status (status=?)",),
        False,
    ),
    "deliveries to a lead": (
        lambda reader: reader.deliveries(status="dead", lead="a"),
        ("SEARCH deliveries USING INDEX deliveries_lead (lead=?)",),
        False,
    ),
}


@pytest.mark.parametrize("name", CASES)
def test_a_page_is_read_by_its_indexes(store: Store, reader: Reader, name: str) -> None:
    """Each of its statements finds its rows by an index, and in their order where they are many."""
    read, indexes, sorts = CASES[name]
    connection, said = reader._connection, list[str]()
    connection.set_trace_callback(said.append)
    read(reader)
    connection.set_trace_callback(None)
    plan = [
        row["detail"]
        for statement in said
        for row in connection.execute(f"EXPLAIN QUERY PLAN {statement}")
    ]
    for index in indexes:
        assert index in plan, plan
    tables = ("leads", "tasks", "deliveries", "audit", "arrivals", "enrolments", "journey_steps")
    assert not any(step.startswith(tuple(f"SCAN {table}" for table in tables)) for step in plan)
    assert sorts or not any("TEMP B-TREE" in step for step in plan), plan
