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
        ("events_contacts", kinds.CONTACTS),
        ("events_sales", kinds.SALES),
        ("events_sold", kinds.SALES),
        ("events_touches", kinds.OF_TOUCHES),
        ("events_answers", kinds.ANSWERS),
        ("events_answered", kinds.ANSWERS),
        ("events_letters", kinds.OF_LETTERS),
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
    found = figures.Figures(store.connection).letters(0, 2 * DAY)
    one = ("欢迎", None, None)
    assert sorted(each[:-1] for each in found) == [
        ("email_opened", *one, 1),
        ("email_sent", *one, 2),
    ]


def test_who_got_several_letters_counts_once(store: Store) -> None:
    """Of letters together each lead is counted once, whatever journey or step they came from."""
    rows = Rows()
    for number, (lead, step) in enumerate((("l1", "a"), ("l1", "b"), ("l2", "b"), ("l3", None))):
        told = {"message": "欢迎", **({"journey": "培育", "step": step} if step else {})}
        rows.log(Event(f"e{number}", "email_sent", DAY, properties=told), lead, DAY, "v1")
    with store.transaction() as connection:
        rows.write(connection)
    counted = figures.Figures(store.connection)
    letters = counted.letters(0, 2 * DAY)
    assert sorted(letter.leads for letter in letters) == [1, 1, 2]
    assert counted.readers(letters, 0, 2 * DAY) == 3
    assert counted.readers([each for each in letters if each.journey], 0, 2 * DAY) == 2
