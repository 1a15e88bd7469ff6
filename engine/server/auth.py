"""Who may use the server: holders of tokens, or anybody on this machine.

Only a token's SHA-256 is kept: it is random, so that no slower hash is needed. Without a
token the server is open to programs and browsers of the machine it runs on, and refuses what
a strange web page would make such a browser send.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import ipaddress
import re
import secrets
import time
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import urlsplit

from engine.host.runtime import Runtime
from engine.language.serving import Token
from engine.server.problems import Problem
from engine.server.roles import ADMIN, STRANGER, Principal
from engine.store import meta

TOKEN_VARIABLE: Final = "LEADRULES_TOKEN"
_META_KEY: Final = "admin_token_sha256"
_FREE_PATHS: Final = (
    *("/-/healthy", "/-/ready"),
    *("/console/sign-in", "/console/sign-out", "/console/password", "/console/settings"),
)
_FREE_BELOW: Final = ("/channels/", "/unsubscribe/", "/console/static/", "/console/sign-in/")
_CONSOLE: Final = "/console/"
_USUAL: Final = re.compile(r"(?:http:)?//(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?")
Held = tuple[Principal, int | None]


class Access:
    """Who may do what, by the SHA-256 of tokens. Never changed after it is made."""

    def __init__(self, admin: bytes | None, tokens: Iterable[Token] = ()) -> None:
        self._admin = admin
        self._held: dict[bytes, Held] = {}
        if admin is not None:
            self._held[admin] = (ADMIN, None)
        for token in tokens:
            principal = Principal(token.name, token.role, token.member)
            for secret in token.secrets:
                self._held[bytes.fromhex(secret.sha256)] = (principal, secret.expires)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Access) and self._held == other._held

    def __hash__(self) -> int:
        return hash(frozenset(self._held))

    @classmethod
    def token(cls, token: str) -> Access:
        """Return access for the holder of the administrator's ``token``."""
        return cls(digest_of(token))

    @classmethod
    def open(cls) -> Access:
        """Return access for everybody on this machine."""
        return cls(None)

    @property
    def is_open(self) -> bool:
        """Whether this machine needs no token."""
        return not self._held

    def having(self, tokens: Iterable[Token]) -> Access:
        """Return the same administrator's access with other tokens beside it."""
        return Access(self._admin, tokens)

    def admit(
        self, method: str, path: str, headers: Mapping[str, str], closed: bool = False
    ) -> Principal | Problem:
        """Return who asks, or why nobody may; ``closed`` where people sign in otherwise."""
        if is_free(path):
            return STRANGER
        if self.is_open and not closed:
            return _refuse_strange_pages(method, headers) or ADMIN
        given = headers.get("authorization", "")
        return self._holder(given, method, path) or _unauthorized(method, path)

    def _holder(self, given: str, method: str, path: str) -> Principal | None:
        scheme, _, value = given.partition(" ")
        scheme = scheme.lower()
        # A browser asks for a password. It sends it along with whatever a strange page makes it
        # post, so it is good for looking only.
        if scheme == "basic" and _is_console(method, path):
            return self.holder(_password(value.strip()))
        return self.holder(value.strip()) if scheme == "bearer" else None

    def holder(self, token: str) -> Principal | None:
        """Return whose token this is, None for nobody's.

        The table is asked by hash, whose timing tells a guesser nothing of any token.
        """
        return self.by_digest(digest_of(token))

    def by_digest(self, digest: bytes) -> Principal | None:
        """Return whose token has this SHA-256, None for nobody's."""
        held = self._held.get(digest)
        if held is None:
            return None
        principal, expires = held
        return None if expires is not None and time.time() * 1_000 >= expires else principal


def is_free(path: str) -> bool:
    """Whether a path is for everybody."""
    return path in _FREE_PATHS or path.startswith(_FREE_BELOW)


def _unauthorized(method: str, path: str) -> Problem:
    challenge = "Bearer"
    if _is_console(method, path):
        challenge = 'Basic realm="leadrules", charset="UTF-8"'
    message = f"send a token that counts: Authorization: Bearer ${TOKEN_VARIABLE}"
    return Problem(401, "unauthorized", message, headers={"WWW-Authenticate": challenge})


def _is_console(method: str, path: str) -> bool:
    return method in {"GET", "HEAD"} and (path == "/" or f"{path}/".startswith(_CONSOLE))


def _password(given: str) -> str:
    try:
        decoded = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[2]


def _refuse_strange_pages(method: str, headers: Mapping[str, str]) -> Problem | None:
    """A page from elsewhere shows in its Origin, and a name that was bent to us in the Host."""
    message = (
        f"without {TOKEN_VARIABLE} this server serves its own machine only, at 127.0.0.1 or "
        f"localhost; set {TOKEN_VARIABLE} to use it from elsewhere"
    )
    host, origin = headers.get("host"), headers.get("origin")
    strange = host is not None and not _is_ours(f"//{host}")
    if origin is not None and method not in {"GET", "HEAD"}:
        strange = strange or not _is_ours(origin)
    return Problem(403, "not-this-machine", message) if strange else None


def _is_ours(address: str) -> bool:
    if _USUAL.fullmatch(address):
        return True
    try:
        host = urlsplit(address).hostname
    except ValueError:
        return False
    return host is not None and is_loopback(host)


def digest_of(token: str) -> bytes:
    """Return the SHA-256 of a token."""
    return hashlib.sha256(token.encode()).digest()


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches ``host``."""
    if host.lower() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


async def configure(
    runtime: Runtime, host: str, environ: Mapping[str, str], tokens: Iterable[Token] = ()
) -> tuple[Access, str | None]:
    """Return who may use a server that listens at ``host``, and a token if one was just made.

    The token of the environment counts; else the one made earlier for this database; else,
    where ``tokens`` are configured, they alone; else a loopback address is open, and for any
    other one a token is made, of which only the hash is kept.
    """
    configured = list(tokens)
    given = environ.get(TOKEN_VARIABLE, "").strip()
    if given:
        return Access(digest_of(given), configured), None
    kept = await runtime.write(lambda connection: meta.get(connection, _META_KEY))
    if kept is not None:
        return Access(bytes.fromhex(kept), configured), None
    if configured or is_loopback(host):
        return Access(None, configured), None
    token = secrets.token_urlsafe(32)
    digest = digest_of(token)
    await runtime.write(lambda connection: meta.put(connection, _META_KEY, digest.hex()))
    return Access(digest), token
