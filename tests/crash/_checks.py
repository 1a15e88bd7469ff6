"""What must hold in a database after whatever happened to the server."""

from __future__ import annotations

import contextlib
import re
import shutil
import sqlite3
import tempfile
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from plugins.actions.letter import message_id
from tests.crash._company import MAILS, SENDER
from tests.crash._server import leadrules

Rows = list[tuple[Any, ...]]


@contextlib.contextmanager
def copied(database: Path) -> Iterator[Path]:
    """Copy what a dead server left, the log of what is not in the file yet with it."""
    with tempfile.TemporaryDirectory() as folder:
        for suffix in ("", "-wal"):
            source = database.with_name(database.name + suffix)
            if source.is_file():
                shutil.copy(source, Path(folder, "copy.db" + suffix))
        yield Path(folder, "copy.db")


@contextlib.contextmanager
def remains(database: Path) -> Iterator[sqlite3.Connection]:
    """Open a copy of what a dead server left: the server itself must recover the original."""
    with copied(database) as copy, contextlib.closing(sqlite3.connect(copy)) as connection:
        yield connection


def nothing_missing(connection: sqlite3.Connection, acknowledged: Collection[str]) -> None:
    """The file is sound, and what was acknowledged is in it."""
    assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    missing = set(acknowledged) - ids_in(connection)
    assert not missing, f"{len(missing)} acknowledged events are lost: {sorted(missing)[:5]}"


def ids_in(connection: sqlite3.Connection) -> set[str]:
    """Return the ids of the clients' events in the log, none of them twice."""
    found = [id for (id,) in connection.execute("SELECT id FROM events WHERE channel = 'api'")]
    assert len(found) == len(set(found))
    return set(found)


def under_way(connection: sqlite3.Connection) -> set[str]:
    """Return the Message-IDs of what was leased when the server died."""
    found = connection.execute("SELECT key FROM deliveries WHERE status = 'leased'")
    return {message_id(key, SENDER) for (key,) in found}


def every_event_is_whole(connection: sqlite3.Connection, sent: Mapping[str, Any]) -> None:
    """Each event in the log has all of its effects once; none that is not there has any."""
    logged = ids_in(connection)
    assert logged <= set(sent)
    forms = {id for id in logged if id.startswith("form-")}
    points = "SELECT event FROM ledger WHERE rule = ?"
    assert sorted(_one(connection, points, "asked")) == sorted(forms)
    assert sorted(_one(connection, points, "looked")) == sorted(logged - forms)
    for table in ("ledger", "happenings"):
        orphans = connection.execute(
            f"SELECT event FROM {table} t WHERE event IS NOT NULL AND event NOT LIKE 'wake:%'"
            " AND NOT EXISTS (SELECT 1 FROM events WHERE id = t.event)"
        ).fetchall()
        assert not orphans, (table, orphans[:5])
    leads = sorted(_one(connection, "SELECT lead FROM events WHERE type = 'form_submitted'"))
    assert sorted(_one(connection, "SELECT lead FROM tasks WHERE step = 'call'")) == leads
    for mail in MAILS:  # the second one comes from a timer
        by_mail = "SELECT lead FROM deliveries WHERE message = ?"
        assert sorted(_one(connection, by_mail, mail)) == leads, mail


def _one(connection: sqlite3.Connection, query: str, *values: str) -> list[str]:
    return [value for (value,) in connection.execute(query, values)]


def every_mail_arrived(
    connection: sqlite3.Connection,
    reached: Mapping[str, int],
    allowed: Mapping[str, int],
) -> None:
    """Each delivery reached its provider, and no more often than its answers were lost.

    ``allowed`` is by Message-ID how often the sender could not know.
    """
    rows: Rows = connection.execute("SELECT key, status, reason FROM deliveries").fetchall()
    assert {status for _, status, _ in rows} <= {"delivered"}, [
        r for r in rows if r[1] != "delivered"
    ][:5]
    receipts = "SELECT count(*) FROM events WHERE id LIKE 'receipt:%' AND type = 'email_sent'"
    assert connection.execute(receipts).fetchone() == (len(rows),)
    ids = {message_id(key, SENDER): key for key, _, _ in rows}
    assert set(reached) == set(ids)
    doubled = {
        ids[id]: (count, allowed.get(id, 0))
        for id, count in reached.items()
        if count > 1 + allowed.get(id, 0)
    }
    assert not doubled, (
        f"{len(doubled)} reached the provider too often: {list(doubled.items())[:5]}"
    )


def the_tools_agree(config: Path, database: Path) -> None:
    """``replay --verify`` builds the same leads; ``doctor --deep`` finds nothing.

    They look at a copy: that the disk of a test is small is not what they are asked.
    """
    with copied(database) as copy:
        for verb in (("replay", "--verify"), ("doctor", "--deep", "--offline")):
            ran = leadrules(*verb, "--config", config, "--db", copy)
            assert ran.returncode == 0, f"{' '.join(verb)}: {ran.stdout}{ran.stderr}"


def no_traceback(log: Path) -> None:
    """The server met no defect."""
    text = log.read_text("utf-8", "replace")
    found = re.search(r'(?:.*\n){0,2}(?:Traceback|  File ").*(?:\n.*){0,30}', text)
    assert found is None, found and found[0]
