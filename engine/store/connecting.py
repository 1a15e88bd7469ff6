"""How the database is opened for writing, here and in the scribe's process."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Final

from engine.store.checkpoint import LIMIT, PAGES

_CACHE_KIB = 64 * 1024
BUSY_MS: Final = 5_000  # so long the writer waits for another program that writes
STATEMENTS: Final = 512  # kept prepared: of each INSERT of the commit path several sizes
PRAGMAS: Final = (
    "journal_mode = WAL",
    "synchronous = FULL",
    "foreign_keys = OFF",
    f"busy_timeout = {BUSY_MS}",
    f"cache_size = -{_CACHE_KIB}",
    f"wal_autocheckpoint = {PAGES}",
    f"journal_size_limit = {LIMIT}",
)


def connect_writer(path: Path) -> sqlite3.Connection:
    """Return a connection whose commits are durable; for one thread at a time."""
    connection = sqlite3.connect(
        path, isolation_level=None, check_same_thread=False, cached_statements=STATEMENTS
    )
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection
