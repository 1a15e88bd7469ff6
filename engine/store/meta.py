"""Small things to remember about a database, by name."""

from __future__ import annotations

import sqlite3


def get(connection: sqlite3.Connection, key: str) -> str | None:
    """Return what was put under ``key``, None when nothing was."""
    row = connection.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
    return row[0] if row else None


def put(connection: sqlite3.Connection, key: str, value: str) -> None:
    """Remember ``value`` under ``key``."""
    connection.execute("INSERT OR REPLACE INTO meta (key, value) VALUES (?,?)", (key, value))
