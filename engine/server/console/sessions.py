"""Sessions of browsers: a signed cookie that stands for a token, and proof against forged forms.

The cookie holds the token's SHA-256 under a signature of this database's own key, so that a
session ends with its token, survives a restart, and nobody who has read the configuration's
hashes can make one.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
import sqlite3
from collections.abc import Mapping
from http.cookies import CookieError, SimpleCookie
from typing import Final

from itsdangerous import BadSignature, URLSafeTimedSerializer

from engine.host.runtime import Runtime
from engine.store import meta

COOKIE: Final = "leadrules_session"
LASTS_S: Final = 12 * 3600
_META_KEY: Final = "console_key"
_SALT: Final = "leadrules.console"


class Sessions:
    """Makes and reads session cookies; its key is this process's until `keep` has run."""

    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)
        self._kept = False

    async def keep(self, runtime: Runtime) -> None:
        """Take the key of the database, or give it this one; once is enough."""
        if self._kept:
            return
        fresh = self._key.hex()

        def settle(connection: sqlite3.Connection) -> str:
            kept = meta.get(connection, _META_KEY)
            if kept is None:
                meta.put(connection, _META_KEY, fresh)
            return kept or fresh

        self._key = bytes.fromhex(await runtime.write(settle))
        self._kept = True

    def open(self, digest: bytes) -> str:
        """Return the cookie of a new session for the holder of a token."""
        return self._signer.dumps([digest.hex(), secrets.token_hex(8)])

    def digest(self, cookie: str) -> bytes | None:
        """Return the SHA-256 of the token that a cookie stands for; None when it is not ours."""
        try:
            return bytes.fromhex(self._signer.loads(cookie, max_age=LASTS_S)[0])
        except (BadSignature, ValueError, TypeError, LookupError):
            return None

    def proof(self, cookie: str | None) -> str:
        """Return what a form of this session must carry."""
        text = f"form:{cookie or 'open'}".encode()
        return hmac.new(self._key, text, hashlib.sha256).hexdigest()[:40]

    @property
    def _signer(self) -> URLSafeTimedSerializer:
        return URLSafeTimedSerializer(self._key, salt=_SALT)


def cookie_of(headers: Mapping[str, str]) -> str | None:
    """Return the session's cookie among a request's headers."""
    try:
        found = SimpleCookie(headers.get("cookie", "")).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None
