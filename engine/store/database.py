"""Opening the database: the one writer, and any number of readers."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sqlite_utils import Database

from engine.errors import LeadrulesError
from engine.store.checkpoint import Checkpoints
from engine.store.connecting import BUSY_MS, connect_writer
from engine.store.lock import FileLock
from engine.store.schema import migrations
from engine.store.scribe import Scribe


class BadDatabase(LeadrulesError):
    """A file that is no database, or one made by a later leadrules."""

    code = "bad-database"


# What the disk or its file system refuses; a defect in a statement is none of these.
_OF_THE_DISK: Final = frozenset(
    {
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_PROTOCOL,
        # What is read from a disk that fails is no database any more.
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_NOTADB,
    }
)


def is_of_the_disk(error: BaseException) -> bool:
    """Return whether the disk refused, so that the same may go well once it has room again."""
    code = getattr(error, "sqlite_errorcode", None)
    # The low byte is the kind; the rest says which system call it was.
    return isinstance(error, sqlite3.Error) and code is not None and code & 0xFF in _OF_THE_DISK


def may_go_later(error: BaseException) -> bool:
    """Return whether writing failed for a reason that lies in none of the rows."""
    return isinstance(error, sqlite3.OperationalError) or is_of_the_disk(error)


class Store:
    """The writer's side of one database file, created when absent, its schema up to date.

    ``connection`` is for one thread at a time and has no transaction of its own: use
    `transaction`, and between them now and then ``checkpoints.tend``. Raises DatabaseInUse, and
    BadDatabase for a file that cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._waits = True
        self._lock = FileLock(path)
        try:
            _migrate(path)
            self.connection = connect_writer(path)
            self.checkpoints = Checkpoints(path, self.connection)
        except sqlite3.DatabaseError as error:
            self._lock.release()
            raise BadDatabase(
                f"{str(path)!r} cannot be used as a database: {error}; choose another with --db"
            ) from error

    @contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Commit, that is fsync, at the end, or roll back and raise on again."""
        with self.beginning():
            yield self.connection
        self.commit()

    @contextmanager
    def beginning(self, waits: bool = True) -> Iterator[sqlite3.Connection]:
        """Begin what `commit` is to end; roll back what raises.

        While another program writes into the file it ``waits`` for some seconds, or raises at once.
        """
        if waits is not self._waits:
            self.connection.execute(f"PRAGMA busy_timeout = {BUSY_MS if waits else 0}")
            self._waits = waits
        self.connection.execute("BEGIN IMMEDIATE")
        with self._or_nothing():
            yield self.connection

    def commit(self) -> None:
        """Commit, that is fsync, or roll back and raise."""
        with self._or_nothing():
            self.connection.execute("COMMIT")

    @contextmanager
    def _or_nothing(self) -> Iterator[None]:
        try:
            yield
        except BaseException:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
            raise

    def scribe(self) -> Scribe:
        """Start another process that writes; close it before this."""
        return Scribe(self.path, self._lock.handle)

    def close(self) -> None:
        """Close the file and let others have it; may be called twice."""
        self.connection.close()
        self._lock.release()


@contextmanager
def savepoint(connection: sqlite3.Connection) -> Iterator[None]:
    """Undo within a transaction what raises, and only that."""
    connection.execute("SAVEPOINT part")
    try:
        yield
    except BaseException:
        connection.execute("ROLLBACK TO part")
        raise
    finally:
        connection.execute("RELEASE part")


def connect_reader(path: Path) -> sqlite3.Connection:
    """Return a connection that can't write; rows are `sqlite3.Row`. Readers never block.

    Raises BadDatabase when there is no such file.
    """
    try:
        connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=ro",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.OperationalError as error:
        raise BadDatabase(f"{str(path)!r} cannot be read: {error}") from error
    connection.row_factory = sqlite3.Row
    connection.execute("PRAGMA query_only = ON")
    return connection


def _migrate(path: Path) -> None:
    database = Database(sqlite3.connect(path))
    try:
        database.execute("PRAGMA journal_mode = WAL")
        migrations().apply(database)
    finally:
        database.close()
