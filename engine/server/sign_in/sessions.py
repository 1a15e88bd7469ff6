"""Sessions of browsers, whoever opened them: a random cookie whose SHA-256 the database keeps.

They are held in memory, for every page asks for one, and written when they begin and end; when
one was last used is written now and then.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Callable, Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final

import msgspec

from engine.host.runtime import Runtime
from engine.language.serving import SignIn
from engine.store import accounts, meta
from engine.store.accounts import Session

COOKIE: Final = "leadrules_session"
_META_KEY: Final = "console_key"
_SEEN_MS: Final = 60_000


class Sessions:
    """All sessions of one database; nothing but `keep` may come before `keep`."""

    def __init__(
        self, runtime: Runtime, settings: Callable[[], SignIn], now: Callable[[], int]
    ) -> None:
        self._runtime = runtime
        self._settings = settings
        self._now = now
        self._known: dict[str, Session] = {}
        self._used: set[str] = set()  # since they were written
        self.key = secrets.token_bytes(32)

    async def keep(self) -> None:
        """Read the sessions, and the key by which forms and links are signed."""
        fresh = self.key.hex()

        def settle(connection: sqlite3.Connection) -> tuple[str, list[Session]]:
            kept = meta.get(connection, _META_KEY)
            if kept is None:
                meta.put(connection, _META_KEY, fresh)
            return kept or fresh, accounts.sessions(connection)

        key, found = await self._runtime.write(settle)
        self.key = bytes.fromhex(key)
        self._known = {each.key: each for each in found}

    def of(self, cookie: str | None) -> Session | None:
        """Return the session of a cookie, None when it has none or it has ended; it is used now."""
        found = self._known.get(_digest(cookie)) if cookie else None
        if found is None or self._is_over(found):
            return None
        now = self._now()
        if now - found.seen_at >= _SEEN_MS:
            self._known[found.key] = found = msgspec.structs.replace(found, seen_at=now)
            self._used.add(found.key)
        return found

    def _is_over(self, session: Session) -> bool:
        settings, now = self._settings(), self._now()
        late = now >= session.opened_at + settings.lasts
        # What was used within the last minute may not be written yet.
        return late or now >= session.seen_at + max(settings.idle, _SEEN_MS)

    def new(self, kind: str, subject: str, **granted: str | None) -> tuple[str, Session]:
        """Return a new cookie and its session, which counts once it is `opened`."""
        cookie, now = secrets.token_urlsafe(32), self._now()
        return cookie, Session(
            key=_digest(cookie),
            kind=kind,
            subject=subject,
            opened_at=now,
            seen_at=now,
            **granted,
        )

    def opened(self, session: Session) -> None:
        """Let a session count that has been written."""
        self._known[session.key] = session

    def whose(self, kind: str, subject: str) -> list[str]:
        """Return the keys of somebody's sessions that have not ended."""
        return [
            key
            for key, each in self._known.items()
            if (each.kind, each.subject) == (kind, subject) and not self._is_over(each)
        ]

    def ended(self, kind: str, subject: str) -> None:
        """Let somebody's sessions count no more, after `accounts.end_sessions_of` was written."""
        for key in [k for k, s in self._known.items() if (s.kind, s.subject) == (kind, subject)]:
            del self._known[key]

    async def end(self, cookie: str | None) -> None:
        """End one session, if there is one."""
        found = self._known.pop(_digest(cookie), None) if cookie else None
        if found is not None:
            key = found.key
            await self._runtime.write(lambda connection: accounts.end_sessions(connection, [key]))

    async def tend(self) -> None:
        """Write which were used, and forget those that have ended."""
        over = [key for key, each in self._known.items() if self._is_over(each)]
        for key in over:
            del self._known[key]
        used = [self._known[key] for key in self._used if key in self._known]
        self._used.clear()
        if over or used:
            await self._runtime.write(lambda connection: _tend(connection, over, used))

    def proof(self, cookie: str | None) -> str:
        """Return what a form of this browser must carry."""
        text = f"form:{cookie or 'open'}".encode()
        return hmac.new(self.key, text, hashlib.sha256).hexdigest()[:40]


def _tend(connection: sqlite3.Connection, over: list[str], used: list[Session]) -> None:
    accounts.end_sessions(connection, over)
    accounts.use_sessions(connection, used)


def _digest(cookie: str) -> str:
    return hashlib.sha256(cookie.encode()).hexdigest()


def cookie_of(headers: Mapping[str, str], name: str = COOKIE) -> str | None:
    """Return the session's cookie among a request's headers."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(name)
    except CookieError:
        return None
    return found.value if found else None
