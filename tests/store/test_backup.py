"""Backups: whole, checked, taken while somebody writes."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from engine.errors import Refused
from engine.machines.state import Event, Lead
from engine.store.backup import backup
from engine.store.database import BadDatabase, Store
from engine.store.reading import Reader
from engine.store.writing import Rows, write_leads


def write(store: Store, numbers: range) -> None:
    """Commit an event and its lead for each number."""
    rows = Rows()
    for n in numbers:
        rows.log(Event(f"e{n}", "page_viewed", n, {"name": "王芳" * 50}), f"l{n}", n, "v")
    with store.transaction() as connection:
        rows.write(connection)
        leads = [Lead(f"l{n}", n, n, facts={"lead.name": f"王{n}"}) for n in numbers]
        write_leads(connection, leads, {}, "default")


def test_a_backup_has_what_was_committed(store: Store, tmp_path: Path) -> None:
    """The copy opens as a database of its own, without a log beside it, with all there was."""
    write(store, range(100))
    copied = backup(store.path, tmp_path / "copy.db")
    assert (copied.events, copied.leads, copied.newest) == (100, 100, 99)
    assert copied.size == (tmp_path / "copy.db").stat().st_size
    assert [p.name for p in tmp_path.glob("copy*")] == ["copy.db"]
    again = Store(tmp_path / "copy.db")
    reader = Reader(again.path)
    assert reader.leads(text="王7", limit=1).items
    assert reader.counts()["leads"] == 100
    reader.close()
    again.close()


def test_a_backup_while_somebody_writes_is_of_one_instant(store: Store, tmp_path: Path) -> None:
    """With a writer at work all the time, each copy is sound: as many leads as events, no gap."""
    write(store, range(2_000))
    done = threading.Event()
    written = [2_000]

    def go_on() -> None:
        while not done.is_set():
            write(store, range(written[0], written[0] + 20))
            written[0] += 20

    writer = threading.Thread(target=go_on)
    writer.start()
    try:
        for number in range(4):
            begun = written[0]
            copied = backup(store.path, tmp_path / f"copy{number}.db")
            assert begun <= copied.events == copied.leads <= written[0]
            copy = sqlite3.connect(tmp_path / f"copy{number}.db")
            assert copy.execute("SELECT max(seq) FROM events").fetchone() == (copied.events,)
            assert copy.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
            copy.execute("INSERT INTO search (search) VALUES ('integrity-check')")
            copy.close()
    finally:
        done.set()
        writer.join()
    assert written[0] > 2_000, "nobody wrote meanwhile"


def test_a_backup_replaces_nothing_unasked(store: Store, tmp_path: Path) -> None:
    """What is there is kept without force, the database itself always, and a failure leaves none."""
    write(store, range(3))
    target = tmp_path / "copy.db"
    target.write_text("mine")
    with pytest.raises(Refused, match=r"copy\.db.*--force"):
        backup(store.path, target)
    assert target.read_text() == "mine"
    assert backup(store.path, target, force=True).leads == 3
    with pytest.raises(Refused, match="the database itself"):
        backup(store.path, store.path, force=True)
    Path(f"{target}-wal").touch()
    with pytest.raises(Refused, match="in use"):
        backup(store.path, target, force=True)
    notes = tmp_path / "notes.txt"
    notes.write_text("no database" * 100)
    with pytest.raises(BadDatabase, match="cannot be copied"):
        backup(notes, tmp_path / "other.db")
    assert sorted(p.name for p in tmp_path.glob("other*")) == []
