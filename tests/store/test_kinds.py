"""Indexes of single kinds of events: reports are answered from them."""

from __future__ import annotations

import sqlite3

import pytest

from engine.machines.state import Event
from engine.store import figures, kinds
from engine.store.database import Store
from engine.store.writing import Rows

DAY = 86_400_000


@pytest.mark.parametrize(
    ("name", "condition"),
    [
        ("events_sales", kinds.SALES),
        ("events_answers", kinds.ANSWERS),
        ("events_messages", kinds.MESSAGES),
    ],
)
def test_the_condition_is_that_of_its_index(store: Store, name: str, condition: str) -> None:
    """Whoever asks by the condition is answered from the index; SQLite refuses any other."""
    asked = f"SELECT count(*) FROM events INDEXED BY {name} WHERE"
    assert store.connection.execute(f"{asked} {condition}").fetchone() == (0,)
    with pytest.raises(sqlite3.OperationalError, match="no query solution"):
        store.connection.execute(f"{asked} type = 'page_viewed'")


def test_letters_are_counted_by_message(store: Store) -> None:
    """Of what happened to messages each kind is counted, and nothing else that happened."""
    rows = Rows()
    for number, type in enumerate(("email_sent", "email_opened", "page_viewed", "email_sent")):
        event = Event(f"e{number}", type, DAY + number, properties={"message": "欢迎"})
        rows.log(event, f"l{number}", DAY, "v1")
    with store.transaction() as connection:
        rows.write(connection)
    found = figures.Figures(store.connection).letters(["message"], 0, 2 * DAY)
    assert sorted(found) == [("email_opened", "欢迎", 1, 1), ("email_sent", "欢迎", 2, 2)]
