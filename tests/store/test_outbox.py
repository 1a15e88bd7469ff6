"""The outbox: leases, retries and ends of deliveries."""

from __future__ import annotations

import pytest

from engine.errors import NotFound, Refused
from engine.machines.state import Decision, Delivery, Event, Lead
from engine.store import outbox
from engine.store.database import Store
from engine.store.reading import Reader
from engine.store.writing import Rows


@pytest.fixture
def store(store: Store) -> Store:
    """A store with three deliveries, due at 10, 20 and 30, and a blocked one."""
    deliveries = [
        Delivery(f"k{due}", "l1", "email", due, message="hi", params={"a": [due]})
        for due in (30, 10, 20)
    ]
    blocked = Delivery("kb", "l1", "email", 1, status="blocked", reason="no consent")
    rows = Rows()
    rows.decided(
        Event("e", "page_viewed", 1), Decision(Lead("l1", 1, 1), deliveries=[*deliveries, blocked])
    )
    with store.transaction() as connection:
        rows.write(connection)
    return store


def keys(leased: list[outbox.Leased]) -> list[str]:
    """The keys alone."""
    return [each.key for each in leased]


def test_due_deliveries_are_leased_once_oldest_first(store: Store) -> None:
    """A lease gives what is due in order, up to a number, and to one taker only."""
    c = store.connection
    assert keys(outbox.lease(c, 9, 100, 5)) == []
    (first,) = outbox.lease(c, 25, 100, 1)
    assert (first.key, first.attempt, first.params, first.created_at) == ("k10", 1, {"a": [10]}, 10)
    assert keys(outbox.lease(c, 99, 200, 5)) == ["k20", "k30"]
    assert outbox.lease(c, 99, 200, 5) == []


def test_a_lease_that_ran_out_is_taken_again(store: Store) -> None:
    """When the taker died, somebody else gets the same key, with the attempt counted."""
    c = store.connection
    outbox.lease(c, 10, 70, 5)
    assert outbox.next_due(c) == 20
    (again,) = outbox.lease(c, 70, 130, 1)
    assert (again.key, again.attempt) == ("k10", 2)


def test_a_finished_delivery_rests(store: Store, reader: Reader) -> None:
    """Delivered, failed and dead ones are not leased again and keep what was sent."""
    c = store.connection
    outbox.lease(c, 99, 100, 5)
    outbox.finish(c, "k10", "delivered", 101, provider_id="p1", subject="s", body="b")
    outbox.finish(c, "k20", "failed", 102, reason="no such address")
    outbox.finish(c, "k30", "dead", 103, reason="gave up")
    assert outbox.lease(c, 10**9, 10**9, 5) == []
    assert outbox.next_due(c) is None
    sent = reader.delivery("k10") or {}
    assert (sent["status"], sent["provider_id"], sent["body"]) == ("delivered", "p1", "b")
    assert reader.counts()["deliveries"] == {"blocked": 1, "delivered": 1, "failed": 1, "dead": 1}


def test_a_postponed_delivery_waits(store: Store, reader: Reader) -> None:
    """A retry comes at its instant, with the reason of the last attempt to be seen."""
    c = store.connection
    outbox.lease(c, 10, 70, 1)
    outbox.postpone(c, "k10", 500, "busy")
    assert (reader.delivery("k10") or {})["reason"] == "busy"
    assert keys(outbox.lease(c, 499, 600, 5)) == ["k20", "k30"]
    assert keys(outbox.lease(c, 500, 600, 5)) == ["k10"]


def test_a_person_may_retry_what_failed(store: Store) -> None:
    """Failed and dead deliveries go back to the queue with new attempts; no others do."""
    c = store.connection
    outbox.lease(c, 99, 100, 5)
    outbox.finish(c, "k10", "dead", 101)
    outbox.retry(c, "k10", 200)
    (leased,) = outbox.lease(c, 200, 300, 1)
    assert (leased.key, leased.attempt) in (("k10", 1), ("k20", 2))
    with pytest.raises(Refused, match="blocked"):
        outbox.retry(c, "kb", 200)
    with pytest.raises(NotFound, match="nothing"):
        outbox.retry(c, "nothing", 200)
