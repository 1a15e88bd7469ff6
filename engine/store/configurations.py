"""The texts of configurations that have decided anything, kept for comparing them."""

from __future__ import annotations

import json
import sqlite3
import zlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec

SCHEMA: Final = """
CREATE TABLE configurations (
    version TEXT PRIMARY KEY,
    loaded_at INTEGER NOT NULL,
    revision TEXT,
    files BLOB NOT NULL
) WITHOUT ROWID
"""
# The instant is that of the latest load, so that going back to old rules shows as news.
_KEEP: Final = """
INSERT INTO configurations (version, loaded_at, revision, files) VALUES (?,?,?,?)
ON CONFLICT (version) DO UPDATE SET loaded_at = excluded.loaded_at, revision = excluded.revision
"""
_MOST: Final = 100
_DROP: Final = """
DELETE FROM configurations WHERE version NOT IN
(SELECT version FROM configurations ORDER BY loaded_at DESC LIMIT ?)
"""
_LIST: Final = """
SELECT version, loaded_at, revision FROM configurations ORDER BY loaded_at DESC, version LIMIT ?
"""


class Configuration(msgspec.Struct, frozen=True):
    """A version of the rules' files: when it was loaded last, and from which commit if known."""

    version: str
    loaded_at: int
    revision: str | None = None


def keep(
    connection: sqlite3.Connection, configuration: Configuration, files: Mapping[str, str]
) -> None:
    """Keep a configuration's files, texts by name; the hundred loaded last stay."""
    packed = zlib.compress(json.dumps(dict(files), ensure_ascii=False).encode())
    values = msgspec.structs.astuple(configuration)
    connection.execute(_KEEP, (*values, packed))
    connection.execute(_DROP, (_MOST,))


def latest(connection: sqlite3.Connection) -> list[Configuration]:
    """Return the configurations that are kept, the one loaded last first."""
    return [Configuration(*row) for row in connection.execute(_LIST, (_MOST,))]


def files(connection: sqlite3.Connection, version: str) -> dict[str, str] | None:
    """Return a configuration's files, texts by name; None when it is not kept."""
    found: Any = connection.execute(
        "SELECT files FROM configurations WHERE version = ?", (version,)
    ).fetchone()
    if found is None:
        return None
    texts: dict[str, str] = json.loads(zlib.decompress(found[0]))
    return texts
