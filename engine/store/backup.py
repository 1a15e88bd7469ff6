"""A copy of the database while a server writes to it, checked before it counts."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from engine.errors import LeadrulesError, Refused
from engine.store.database import BadDatabase, connect_reader

_PAGES: Final = 4_096  # copied between two looks at the progress: 16 MB
Progress = Callable[[int, int], None]
"""Told how many pages are copied, of how many."""


class BadCopy(LeadrulesError):
    """The copy did not pass its check; it was removed."""

    code = "bad-copy"


class Copied(msgspec.Struct, frozen=True):
    """What was copied: its size in bytes, what it holds, and how long it took (s)."""

    file: str
    size: int
    events: int
    leads: int
    newest: int | None
    seconds: float


def backup(
    database: Path, target: Path, force: bool = False, told: Progress | None = None
) -> Copied:
    """Copy a database as it is at this instant, whoever writes to it meanwhile.

    The copy is one file, without a log beside it, and passes SQLite's integrity check before
    it gets its name. ``newest`` is the instant of its last decision. Raises BadDatabase, Refused
    where ``target`` is there already and ``force`` is not given, BadCopy, and OSError.
    """
    _refuse(database, target, force)
    begun = time.monotonic()
    part = target.with_name(f"{target.name}.part")
    part.unlink(missing_ok=True)
    try:
        _copy(database, part, told)
        events, leads, newest = _check(part)
        _sync(part)
        os.replace(part, target)  # noqa: PTH105 - Path.replace says the same, this says atomic
        _sync(target.parent)
    except BaseException:
        part.unlink(missing_ok=True)
        raise
    return Copied(
        file=str(target),
        size=target.stat().st_size,
        events=events,
        leads=leads,
        newest=newest,
        seconds=time.monotonic() - begun,
    )


def _refuse(database: Path, target: Path, force: bool) -> None:
    if target.exists() and target.resolve() == database.resolve():
        raise Refused(f"{str(target)!r} is the database itself; name another file")
    if target.is_dir():
        raise Refused(f"{str(target)!r} is a folder; name a file in it")
    if target.exists() and not force:
        raise Refused(f"{str(target)!r} is there already; --force replaces it")
    beside = target.with_name(f"{target.name}-wal")
    if beside.exists():
        raise Refused(
            f"{str(beside)!r} is there, so {str(target)!r} may be a database in use; "
            "name another file"
        )


def _copy(database: Path, part: Path, told: Progress | None) -> None:
    """Copy page by page within one read transaction, so that writers do not start it over."""
    source = connect_reader(database)
    copy = sqlite3.connect(part)
    try:
        source.execute("BEGIN")
        source.execute("SELECT count(*) FROM sqlite_master").fetchone()

        def progress(status: int, remaining: int, total: int) -> None:
            if told is not None:
                told(total - remaining, total)

        source.backup(copy, pages=_PAGES, progress=progress, sleep=0)
        source.execute("COMMIT")
        copy.execute("PRAGMA journal_mode = DELETE")  # one file, that can be carried anywhere
    except sqlite3.DatabaseError as error:
        raise BadDatabase(f"{str(database)!r} cannot be copied: {error}") from error
    finally:
        copy.close()
        source.close()


def _check(part: Path) -> tuple[int, int, int | None]:
    """Return (events, leads, newest decision) of a sound copy; raises BadCopy."""
    copy = sqlite3.connect(part)
    try:
        found = [row[0] for row in copy.execute("PRAGMA integrity_check(5)")]
        if found != ["ok"]:
            raise BadCopy(f"the copy is damaged: {'; '.join(found)}; nothing was kept")
        events, newest = copy.execute("SELECT count(*), max(decided_at) FROM events").fetchone()
        (leads,) = copy.execute("SELECT count(*) FROM leads").fetchone()
        return events, leads, newest
    except sqlite3.DatabaseError as error:
        raise BadCopy(f"the copy cannot be read: {error}; nothing was kept") from error
    finally:
        copy.close()


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
