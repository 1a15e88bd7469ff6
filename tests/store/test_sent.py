"""Which delivery a receipt is about, among those of several connections and leads."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store import sent
from engine.store.database import Store
from engine.store.sent import Sent

COLUMNS = "key, lead, connection, message, audience, journey, step, provider_id, attempts"


@pytest.fixture
def connection(tmp_path: Path) -> Iterator[sqlite3.Connection]:
    """A database with the deliveries of two leads."""
    store = Store(tmp_path / "leads.db")
    rows = [
        ("k1", "l1", "sms", "hello", "lead", "welcome", "s1", "900^1", 1),
        ("k2", "l1", "sms", "again", "lead", "welcome", "s2", None, 1),
        ("k3", "l1", "email", "letter", "lead", None, None, "900^1", 1),
        ("k4", "l1", "sms", "note", "owner", None, None, "900^4", 1),
        ("k5", "l1", "sms", "later", "lead", None, None, None, 0),
        ("k6", "l2", "sms", "hello", "lead", None, None, "", 1),
    ]
    made = store.connection
    made.executemany(
        f"INSERT INTO deliveries ({COLUMNS}, params, status, reason, due, created_at)"
        " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, '{}', 'delivered', '', 0, 1000)",
        rows,
    )
    made.executemany(
        "INSERT INTO identities (kind, value, lead) VALUES ('phone', ?, ?)",
        [("+8613800138000", "l1"), ("+8613900139000", "l2"), ("+8613700137000", "l3")],
    )
    yield made
    store.close()


def test_a_providers_id_names_one_delivery(connection: sqlite3.Connection) -> None:
    """Only this connection's own, to a lead; another provider may use the same id."""
    found = sent.by_provider_id(connection, ["sms"], "900^1")
    assert found == Sent("l1", "k1", "hello", "welcome", "s1", 1000)
    other = sent.by_provider_id(connection, ["email"], "900^1")
    assert other is not None
    assert other.key == "k3"
    for id in ("900^4", "900^9", ""):
        assert sent.by_provider_id(connection, ["sms"], id) is None
    assert sent.by_provider_id(connection, [], "900^1") is None


def test_the_newest_is_one_that_was_tried(connection: sqlite3.Connection) -> None:
    """What still waits for its first attempt, other connections' and notes do not count."""
    found = sent.newest(connection, ["sms"], ("phone", "+8613800138000"))
    assert found is not None
    assert found.key == "k2"


def test_unnamed_ones_are_those_without_an_id(connection: sqlite3.Connection) -> None:
    """A delivery whose provider's id is known is found by that, never by the number."""
    named = sent.newest(connection, ["email"], ("phone", "+8613800138000"), unnamed=True)
    assert named == Sent("l1")
    empty = sent.newest(connection, ["sms"], ("phone", "+8613900139000"), unnamed=True)
    assert empty is not None
    assert empty.key == "k6"


def test_a_lead_without_messages_and_nobody(connection: sqlite3.Connection) -> None:
    """A known number that got nothing is its lead; an unknown one is nobody's."""
    assert sent.newest(connection, ["sms"], ("phone", "+8613700137000")) == Sent("l3")
    assert sent.newest(connection, ["sms"], ("phone", "+8613600136000")) is None


def test_a_receipt_is_found_by_an_index(connection: sqlite3.Connection) -> None:
    """Among millions of deliveries one is found without looking at the others."""
    plan = connection.execute(
        f"EXPLAIN QUERY PLAN {sent._BY_PROVIDER_ID}", ("900^1", '["sms"]')
    ).fetchall()
    assert any("deliveries_provider" in row[3] for row in plan), plan
