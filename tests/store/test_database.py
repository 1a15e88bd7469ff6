"""The database file: made, locked, migrated, and safe in a transaction."""

from __future__ import annotations

import sqlite3
from pathlib import Path

import pytest

from engine.store.database import BadDatabase, Store, connect_reader
from engine.store.lock import DatabaseInUse


def test_a_new_file_is_durable_and_complete(store: Store) -> None:
    """The commit is synced to the disk, readers are never blocked, all tables are there."""
    value = lambda pragma: store.connection.execute(f"PRAGMA {pragma}").fetchone()[0]  # noqa: E731
    assert value("journal_mode") == "wal"
    assert value("synchronous") == 2
    names = {row[0] for row in store.connection.execute("SELECT name FROM sqlite_master")}
    assert {"events", "leads", "identities", "ledger", "happenings"} <= names
    assert {"deliveries", "tasks", "teams", "meta"} <= names


def test_opening_again_keeps_what_is_there(store: Store) -> None:
    """Migrations run once; the second opening finds the rows of the first."""
    with store.transaction() as connection:
        connection.execute("INSERT INTO meta (key, value) VALUES ('a', 'b')")
    store.close()
    again = Store(store.path)
    assert again.connection.execute("SELECT value FROM meta").fetchall() == [("b",)]
    again.close()


def test_the_database_has_one_writer(store: Store) -> None:
    """Who comes second is told who is in the way and what to do; closing lets others in."""
    with pytest.raises(DatabaseInUse, match=r"leads\.db.*in use.*--db"):
        Store(store.path)
    store.close()
    Store(store.path).close()


def test_what_is_no_database_is_refused_and_left_alone(tmp_path: Path) -> None:
    """A file of something else is named in the error, keeps its content, and is not locked."""
    path = tmp_path / "notes.txt"
    path.write_text("not a database, but long enough to be taken for one by its length" * 20)
    for _ in range(2):
        with pytest.raises(BadDatabase, match=r"notes\.txt.*cannot be used as a database"):
            Store(path)
    assert path.read_text().startswith("not a database")


def test_a_failed_transaction_leaves_nothing(store: Store) -> None:
    """What is raised inside undoes everything inside, and the next transaction works."""
    insert = "INSERT INTO meta (key, value) VALUES ('a', 'b')"
    with pytest.raises(sqlite3.IntegrityError), store.transaction() as connection:
        connection.executemany(insert, [(), ()])
    with store.transaction() as connection:
        assert connection.execute("SELECT * FROM meta").fetchall() == []


def test_readers_cannot_write(store: Store) -> None:
    """A reader's connection refuses to change anything."""
    connection = connect_reader(store.path)
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        connection.execute("DELETE FROM leads")
    connection.close()


def test_reading_needs_a_database(tmp_path: Path) -> None:
    """A file that is not there is an error with its name, and is not made."""
    with pytest.raises(BadDatabase, match=r"gone\.db"):
        connect_reader(tmp_path / "gone.db")
    assert not (tmp_path / "gone.db").exists()
