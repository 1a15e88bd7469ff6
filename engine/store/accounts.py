"""Accounts of people who sign in with a password, and the sessions of all who are signed in.

No password stands here and no cookie: an account has a hash by argon2, a session the SHA-256 of
what the browser holds.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any, Final

import msgspec

SCHEMA: Final = """
CREATE TABLE accounts (
    name TEXT PRIMARY KEY,
    role TEXT NOT NULL,
    member TEXT,
    hash TEXT NOT NULL,
    must_change INTEGER NOT NULL,
    disabled INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) WITHOUT ROWID;
CREATE TABLE sessions (
    key TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    subject TEXT NOT NULL,
    opened_at INTEGER NOT NULL,
    seen_at INTEGER NOT NULL,
    role TEXT,
    member TEXT,
    settings TEXT
) WITHOUT ROWID
"""
_PUT_ACCOUNT: Final = "INSERT OR REPLACE INTO accounts VALUES (?,?,?,?,?,?,?,?)"
_PUT_SESSION: Final = "INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?)"


class Account(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody with a password; instants in ms.

    With ``must_change`` the password was set by somebody else, and opens no session until its
    owner has set another one.
    """

    name: str
    role: str
    member: str | None
    hash: str
    must_change: bool
    disabled: bool
    created_at: int
    changed_at: int


class Session(msgspec.Struct, frozen=True, kw_only=True):
    """A browser that is signed in; ``key`` is the SHA-256 of its cookie in hex.

    ``kind`` is token, password, oidc or wecom, and ``subject`` the token's SHA-256, the
    account's name or what the provider calls the person. ``role``, ``member`` and the
    fingerprint of the provider's ``settings`` are for those whom a provider vouches for.
    """

    key: str
    kind: str
    subject: str
    opened_at: int
    seen_at: int
    role: str | None = None
    member: str | None = None
    settings: str | None = None


def accounts(connection: sqlite3.Connection) -> list[Account]:
    """Return all accounts by name."""
    return [_account(row) for row in connection.execute("SELECT * FROM accounts ORDER BY name")]


def account(connection: sqlite3.Connection, name: str) -> Account | None:
    """Return an account, None where there is none of this name."""
    row = connection.execute("SELECT * FROM accounts WHERE name = ?", (name,)).fetchone()
    return None if row is None else _account(row)


def _account(row: Iterable[Any]) -> Account:
    values = dict(zip(Account.__struct_fields__, row, strict=True))
    return msgspec.convert(values, Account, strict=False)  # SQLite's 0 and 1 are true and false


def put_account(connection: sqlite3.Connection, account: Account) -> None:
    """Add an account, or replace the one of the same name."""
    connection.execute(_PUT_ACCOUNT, msgspec.structs.astuple(account))


def sessions(connection: sqlite3.Connection) -> list[Session]:
    """Return all sessions, also those that have ended since they were last looked at."""
    rows = connection.execute("SELECT * FROM sessions")
    return [Session(**dict(zip(Session.__struct_fields__, row, strict=True))) for row in rows]


def put_session(connection: sqlite3.Connection, session: Session) -> None:
    """Add a session."""
    connection.execute(_PUT_SESSION, msgspec.structs.astuple(session))


def use_sessions(connection: sqlite3.Connection, used: Iterable[Session]) -> None:
    """Write when sessions were last used; those that have ended meanwhile stay so."""
    rows = ((each.seen_at, each.key) for each in used)
    connection.executemany("UPDATE sessions SET seen_at = ? WHERE key = ?", rows)


def end_sessions(connection: sqlite3.Connection, keys: Iterable[str]) -> None:
    """Forget sessions."""
    connection.executemany("DELETE FROM sessions WHERE key = ?", ((key,) for key in keys))


def end_sessions_of(connection: sqlite3.Connection, kind: str, subject: str) -> None:
    """Forget all sessions of somebody."""
    connection.execute("DELETE FROM sessions WHERE kind = ? AND subject = ?", (kind, subject))
