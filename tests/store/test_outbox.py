"""The outbox: leases, retries and ends of deliveries."""

from __future__ import annotations

from typing import Any

import pytest

from engine.errors import NotFound, Refused
from engine.machines.state import Decision, Delivery, Event, Lead
from engine.store import outbox, receipts, retrying
from engine.store.database import Store
from engine.store.outbox import Leased, Order, Taken
from engine.store.reading import Reader
from engine.store.writing import Rows


def put(store: Store, *deliveries: Delivery, wall: int = 0, **within: int) -> Rows:
    """Write deliveries, queued at ``wall``; ``within`` has deadlines by message."""
    rows = Rows(wall, lambda d: within.get(d.message or ""))
    event = Event(f"e-{deliveries[0].key}", "page_viewed", 1)
    rows.decided(event, Decision(Lead("l1", 1, 1), deliveries=[*deliveries]))
    with store.transaction() as connection:
        rows.write(connection)
    return rows


@pytest.fixture
def store(store: Store) -> Store:
    """A store with three deliveries, due at 10, 20 and 30, and a blocked one."""
    due = [
        Delivery(f"k{n}", "l1", "email", n, message="hi", params={"a": [n]}) for n in (30, 10, 20)
    ]
    put(store, *due, Delivery("kb", "l1", "email", 1, status="blocked", reason="未同意"))
    return store


def take(store: Store, now: int, until: int = 10**9, room: int = 5, **more: Any) -> Taken:
    """Take for the connection email; nothing is too old."""
    order = {"patient": room, "oldest": -1, **more}
    return outbox.take(store.connection, Order("email", now, until, room, **order))


def keys(leased: list[Leased]) -> list[str]:
    """The keys alone."""
    return [each.key for each in leased]


def test_due_deliveries_are_leased_once_oldest_first(store: Store) -> None:
    """A lease gives what is due in order, up to a number, and to one taker only."""
    nothing = take(store, 9)
    assert (nothing.leased, nothing.next_at) == ([], 10)
    (first,) = take(store, 25, room=1).leased
    assert (first.key, first.attempt, first.params, first.created_at) == ("k10", 1, {"a": [10]}, 10)
    assert keys(take(store, 99).leased) == ["k20", "k30"]
    assert take(store, 99).leased == []


def test_a_connection_gets_its_own_only(store: Store) -> None:
    """What waits for one connection is not seen by another."""
    put(store, Delivery("sms1", "l1", "sms", 5))
    assert keys(take(store, 99).leased) == ["k10", "k20", "k30"]
    assert sorted(outbox.connections(store.connection)) == ["email", "sms"]


def test_a_lease_that_ran_out_is_taken_again(store: Store) -> None:
    """When a taker is lost its key is taken again, with the attempt counted; not while it runs."""
    assert take(store, 10, until=70).next_at == 20
    assert keys(take(store, 70, until=130, room=1, running=["k10"]).leased) == ["k20"]
    (again,) = take(store, 70, until=130, room=1).leased
    assert (again.key, again.attempt) == ("k10", 2)


def test_leases_are_given_back(store: Store) -> None:
    """A stopping server gives back what it could not end, a new one all that is left."""
    c = store.connection
    take(store, 99)
    assert outbox.release(c, ["k10", "nothing"]) == 1
    assert keys(take(store, 99).leased) == ["k10"]
    outbox.finish(c, "k20", "delivered", 100)
    assert outbox.release(c) == 2
    assert [(each.key, each.attempt) for each in take(store, 99).leased] == [("k10", 3), ("k30", 2)]


def test_what_was_not_begun_costs_no_attempt(store: Store) -> None:
    """Leased ahead and put back, a delivery has all its attempts again; finished ones stay."""
    take(store, 99)
    outbox.finish(store.connection, "k20", "delivered", 100)
    outbox.put_back(store.connection, ["k10", "k20"])
    assert [(each.key, each.attempt) for each in take(store, 99).leased] == [("k10", 1)]


def test_a_finished_delivery_rests(store: Store, reader: Reader) -> None:
    """Delivered, failed and dead ones are not leased again and keep what was sent."""
    c = store.connection
    take(store, 99, until=100)
    outbox.finish(c, "k10", "delivered", 101, provider_id="p1", subject="您好", body="b")
    outbox.finish(c, "k20", "failed", 102, reason="no such address")
    outbox.finish(c, "k30", "dead", 103, reason="gave up")
    end = take(store, 10**9)
    assert (end.leased, end.next_at, end.deadline_at) == ([], None, None)
    sent = reader.delivery("k10") or {}
    assert (sent["status"], sent["provider_id"], sent["body"]) == ("delivered", "p1", "b")
    assert reader.counts()["deliveries"] == {"blocked": 1, "delivered": 1, "failed": 1, "dead": 1}


def test_a_postponed_delivery_waits(store: Store, reader: Reader) -> None:
    """A retry comes at its instant, with the reason of the last attempt to be seen."""
    take(store, 10, room=1)
    outbox.postpone(store.connection, "k10", 500, "busy")
    assert (reader.delivery("k10") or {})["reason"] == "busy"
    assert keys(take(store, 499).leased) == ["k20", "k30"]
    assert keys(take(store, 500).leased) == ["k10"]


def test_an_attempt_that_does_not_count_is_taken_back(store: Store) -> None:
    """A wrong password costs no attempt."""
    take(store, 10, room=1)
    outbox.postpone(store.connection, "k10", 10, "wrong password", counts=False)
    assert take(store, 10, room=1).leased[0].attempt == 1


def test_what_has_a_deadline_goes_first(store: Store) -> None:
    """Urgent deliveries go before older ones, by their deadlines, and may use the last slot."""
    rows = put(
        store,
        Delivery("later", "l1", "email", 40, message="欢迎"),
        Delivery("sooner", "l1", "email", 41, message="急"),
        wall=40,
        欢迎=200,
        急=100,
    )
    assert rows.queued == {"email": 140}
    taken = take(store, 99, room=3, patient=0)
    assert keys(taken.leased) == ["sooner", "later"]
    assert [each.deadline_at for each in taken.leased] == [140, 240]
    assert keys(take(store, 99, room=3, patient=2).leased) == ["k10", "k20"]


def test_what_is_too_late_is_not_sent(store: Store, reader: Reader) -> None:
    """Past its deadline a delivery is closed as expired, with the reason of its last attempt."""
    put(store, Delivery("w", "l1", "email", 40, message="欢迎"), wall=40, 欢迎=100)
    assert take(store, 41, room=1).deadline_at is None
    outbox.postpone(store.connection, "w", 45, "系统繁忙")
    taken = take(store, 140, room=0)
    (closed,) = taken.closed
    assert (closed.key, closed.status) == ("w", "expired")
    assert closed.reason == "its deadline 1970-01-01T00:00:00.140Z has passed; before: 系统繁忙"
    assert (reader.delivery("w") or {})["status"] == "expired"
    assert [each.key for each in receipts.missing(store.connection)] == ["w"]


def test_what_is_too_old_is_given_up(store: Store, reader: Reader) -> None:
    """What was queued too long ago is dead, also when it could never be tried."""
    taken = take(store, 99, room=0, oldest=20)
    assert [(each.key, each.status) for each in taken.closed] == [("k10", "dead"), ("k20", "dead")]
    assert keys(take(store, 99, oldest=-1).leased) == ["k30"]


@pytest.mark.parametrize("status", retrying.AGAIN)
def test_a_person_may_retry_what_came_to_nothing(store: Store, reader: Reader, status: str) -> None:
    """It goes back to the queue with the same key and new attempts, and says who wanted it."""
    c = store.connection
    take(store, 99)
    outbox.finish(c, "k10", status, 101, reason="地址错误")
    assert retrying.retry(c, "k10", 200, "li.na") == "email"
    (leased,) = take(store, 200).leased
    assert (leased.key, leased.attempt, leased.retries) == ("k10", 1, 1)
    assert (reader.delivery("k10") or {})["retried_by"] == "li.na"
    (said,) = [h for h in reader.happenings("l1") if h.kind == "delivery_retried"]
    assert said.data == {"delivery": "k10", "by": "li.na", "was": status, "reason": "地址错误"}


def test_nothing_else_can_be_retried(store: Store) -> None:
    """Blocked, queued and unknown deliveries are refused in words."""
    for key, error in (("kb", "blocked"), ("k10", "queued")):
        with pytest.raises(Refused, match=error):
            retrying.retry(store.connection, key, 200, "li.na")
    with pytest.raises(NotFound, match="nothing"):
        retrying.retry(store.connection, "nothing", 200, "li.na")


def test_a_connection_is_retried_as_a_whole(store: Store) -> None:
    """All that came to nothing goes out again, or what has one status."""
    c = store.connection
    take(store, 99)
    for key, status in (("k10", "dead"), ("k20", "failed"), ("k30", "delivered")):
        outbox.finish(c, key, status, 101)
    assert retrying.retry_all(c, "sms", 200, "li.na") == 0
    assert retrying.retry_all(c, "email", 200, "li.na", "dead") == 1
    assert retrying.retry_all(c, "email", 200, "li.na") == 1
    assert keys(take(store, 200).leased) == ["k10", "k20"]


def test_a_second_ending_has_a_receipt_of_its_own(store: Store) -> None:
    """What failed, was retried and failed again is told twice: the receipts differ in their ids."""
    c = store.connection
    take(store, 99)
    outbox.finish(c, "k10", "dead", 101)
    (first,) = receipts.missing(c)
    retrying.retry(c, "k10", 200, "li.na")
    assert receipts.missing(c) == []
    outbox.finish(c, "k10", "failed", 300)
    (second,) = receipts.missing(c)
    assert (first.receipt_id, second.receipt_id) == ("receipt:k10", "receipt:k10:1")


def test_taking_needs_no_scan(store: Store) -> None:
    """Whatever a lane asks is answered from an index, however many deliveries there are."""
    plans: list[str] = []

    def note(statement: str) -> None:
        if "deliveries" in statement and not statement.startswith("EXPLAIN"):
            plans.append(statement)

    store.connection.set_trace_callback(note)
    take(store, 99, oldest=20)
    store.connection.set_trace_callback(None)
    assert len(plans) >= 6
    for statement in plans:
        for row in store.connection.execute(f"EXPLAIN QUERY PLAN {statement}"):
            assert not row[3].startswith("SCAN deliveries"), (statement, row[3])
