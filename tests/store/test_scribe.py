"""The process that writes: what it was given, in order, as a whole or not at all."""

from __future__ import annotations

import os
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine.store.database import Store
from engine.store.lock import DatabaseInUse, FileLock
from engine.store.scribe import Scribe
from engine.store.scribe_process import Desk, Frames, framed
from engine.store.sheet import Sheet


@pytest.fixture
def scribe(store: Store) -> Iterator[Scribe]:
    """Its scribe, ready."""
    found = store.scribe()
    assert found.has_result(0, waits=True)
    yield found
    found.close()


def team(*ids: str) -> Sheet:
    """A sheet that writes teams."""
    sheet = Sheet()
    sheet.executemany("INSERT INTO teams (id, state) VALUES (?, ?)", [(id, "{}") for id in ids])
    return sheet


def sent(scribe: Scribe, *sheets: Sheet) -> list[int]:
    """Send sheets one after the other; return their sizes."""
    sizes = []
    for sheet in sheets:
        page = scribe.page(sheet)
        scribe.send(page)
        sizes.append(len(page))
    return sizes


def teams(store: Store) -> list[str]:
    """The teams that are stored."""
    return [row[0] for row in store.connection.execute("SELECT id FROM teams ORDER BY id")]


def test_what_is_answered_is_durable(store: Store, scribe: Scribe) -> None:
    """And readable by others; text is Unicode."""
    (size,) = sent(scribe, team("华东", "a"))
    assert scribe.has_result(size, waits=True)
    assert teams(store) == ["a", "华东"]
    assert not scribe.has_result(0)


def test_sheets_that_wait_together_are_each_answered(store: Store, scribe: Scribe) -> None:
    """However many it commits at once."""
    sizes = sent(scribe, *(team(f"t{n:03}") for n in range(300)))
    assert all(scribe.has_result(size, waits=True) for size in sizes)
    assert len(teams(store)) == 300


def test_after_one_that_fails_nothing_is_written_until_it_is_forgiven(
    store: Store, scribe: Scribe
) -> None:
    """What follows was made in the belief that it would stand."""
    (first,) = sent(scribe, team("a"))
    assert scribe.has_result(first, waits=True)
    sizes = sent(scribe, team("b", "a"), team("c"))
    with pytest.raises(sqlite3.IntegrityError, match=r"UNIQUE.*teams\.id") as found:
        scribe.has_result(sizes[0], waits=True)
    assert found.value.sqlite_errorcode == sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY
    with pytest.raises(sqlite3.Error):
        scribe.has_result(sizes[1], waits=True)
    (late,) = sent(scribe, team("d"))
    with pytest.raises(sqlite3.OperationalError, match="an earlier sheet"):
        scribe.has_result(late, waits=True)
    assert teams(store) == ["a"]
    scribe.forgive()
    (again,) = sent(scribe, team("b"))
    assert scribe.has_result(again, waits=True)
    assert teams(store) == ["a", "b"]


def test_what_is_no_plain_value_is_no_page(scribe: Scribe) -> None:
    """And the next page is none the worse for it."""
    sheet = Sheet()
    sheet.execute("INSERT INTO meta (name, value) VALUES (?, ?)", ("x", object()))
    with pytest.raises(ValueError, match="unmarshallable"):
        scribe.page(sheet)
    (size,) = sent(scribe, team("a"))
    assert scribe.has_result(size, waits=True)


def test_a_page_that_is_not_sent_leaves_no_gap(store: Store, scribe: Scribe) -> None:
    """Its statements are told with the next one."""
    scribe.page(team("never"))
    (size,) = sent(scribe, team("a"))
    assert scribe.has_result(size, waits=True)
    assert teams(store) == ["a"]


def test_it_has_room_until_too_much_is_on_its_way(scribe: Scribe) -> None:
    """So that an event loop never waits for it."""
    small, large = scribe.page(team("a")), b"x" * (1 << 20)
    assert scribe.has_room(small)
    assert not scribe.has_room(large)
    os.kill(scribe.pid, signal.SIGSTOP)
    sizes = []
    while scribe.has_room(page := scribe.page(team(*(f"{len(sizes)}-{n}" for n in range(500))))):
        scribe.send(page)
        sizes.append(len(page))
    assert len(sizes) > 1
    os.kill(scribe.pid, signal.SIGCONT)
    assert all(scribe.has_result(size, waits=True) for size in sizes)
    assert scribe.has_room(page)


def test_its_death_is_an_error(store: Store, scribe: Scribe) -> None:
    """Of what was on its way, and of all that follows."""
    os.kill(scribe.pid, signal.SIGKILL)
    sizes = sent(scribe, team("a"), team("b"))
    for size in sizes:
        with pytest.raises(sqlite3.OperationalError, match="has died"):
            scribe.has_result(size, waits=True)
    assert scribe.has_died
    assert teams(store) == []


def test_it_ends_with_its_input_and_asks_no_signal(store: Store) -> None:
    """The server ends it, not a terminal's Ctrl-C."""
    scribe = store.scribe()
    assert scribe.has_result(0, waits=True)
    for number in (signal.SIGINT, signal.SIGTERM):
        os.kill(scribe.pid, number)
    (size,) = sent(scribe, team("a"))
    assert scribe.has_result(size, waits=True)
    pid = scribe.pid
    scribe.close()
    assert not Path(f"/proc/{pid}").exists()


def test_the_log_is_copied_while_nothing_comes(store: Store, scribe: Scribe) -> None:
    """Long before a commit would have to, and all who wait for it."""
    before = store.path.stat().st_size
    sheet = Sheet()
    rows = [(f"t{n}", "x" * 4_000) for n in range(300)]
    sheet.executemany("INSERT INTO teams (id, state) VALUES (?, ?)", rows)
    (size,) = sent(scribe, sheet)
    assert scribe.has_result(size, waits=True)
    until = time.monotonic() + 10
    while store.path.stat().st_size < before + 300 * 4_000 and time.monotonic() < until:
        time.sleep(0.01)
    assert store.path.stat().st_size >= before + 300 * 4_000


def test_the_lock_lasts_as_long_as_the_scribe(tmp_path: Path) -> None:
    """Of a server that was killed; whoever comes next waits for its last transaction."""
    path = tmp_path / "leads.db"
    script = f"""
import os, signal, sys
from pathlib import Path
from engine.store.database import Store
store = Store(Path({str(path)!r}))
scribe = store.scribe()
scribe.has_result(0, waits=True)
os.kill(scribe.pid, signal.SIGSTOP)
print(scribe.pid, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""
    killed = subprocess.run(
        [sys.executable, "-c", script], stdout=subprocess.PIPE, check=False, timeout=60
    )
    pid = int(killed.stdout)
    with pytest.raises(DatabaseInUse):
        FileLock(path)
    threading.Timer(0.3, os.kill, (pid, signal.SIGCONT)).start()
    began = time.monotonic()
    FileLock(path).release()
    assert time.monotonic() - began > 0.2


def test_a_database_that_cannot_be_opened_is_an_error(tmp_path: Path) -> None:
    """Found when it is asked whether it is ready."""
    lock = FileLock(tmp_path / "x.db")
    scribe = Scribe(tmp_path / "no" / "x.db", lock.handle)
    with pytest.raises(sqlite3.OperationalError, match="has died"):
        scribe.has_result(0, waits=True)
    scribe.close()
    lock.release()


def test_a_desk_answers_in_this_process_too(store: Store) -> None:
    """The same code without a process: opened, written, refused, ended."""
    sheets, ours = os.pipe()
    answers, theirs = os.pipe()
    text = "INSERT INTO teams (id, state) VALUES (?, ?)"
    for message in (
        (str(store.path), 10, ("synchronous = FULL",)),
        (0, [text], [(0, ("a", "{}"))]),
        (0, [], [(0, ("a", "{}"))]),
        (0, [], [(0, ("b", "{}"))]),
        (1, [], [(0, ("c", "{}"))]),
    ):
        os.write(ours, framed(message))
    os.close(ours)
    with pytest.raises(EOFError):
        Desk(sheets, theirs).run()
    found = Frames(answers)
    told = [found.next() for _ in range(4)]
    # All waited together: what could not be written took with it what came before.
    assert told[0] == ()
    assert [each[0] for each in told[1:]] == [
        "IntegrityError",
        "IntegrityError",
        "OperationalError",
    ]
    assert teams(store) == []  # and the last one was not committed when the input ended
    for handle in (sheets, answers, theirs):
        os.close(handle)
