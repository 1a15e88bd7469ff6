"""Who may use the server: the holder of the administrator's token, or anybody on this machine.

Only a token's SHA-256 is kept. Without a token the server is open to programs and browsers of
the machine it runs on, and refuses what a strange web page would make such a browser send.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import ipaddress
import re
import secrets
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import msgspec
from starlette.datastructures import Headers

from engine.host.runtime import Runtime
from engine.server.problems import Problem
from engine.store import meta

TOKEN_VARIABLE: Final = "LEADRULES_TOKEN"
_META_KEY: Final = "admin_token_sha256"
_FREE_PATHS: Final = ("/-/healthy", "/-/ready")
_FREE_BELOW: Final = ("/channels/", "/console/static/")
_CONSOLE: Final = "/console/"
_USUAL: Final = re.compile(r"(?:http:)?//(?:127\.0\.0\.1|localhost)(?::[0-9]{1,5})?")


class Access(msgspec.Struct, frozen=True):
    """Who may do what. ``digest`` is the SHA-256 of the token; None: open on this machine."""

    digest: bytes | None

    @classmethod
    def token(cls, token: str) -> Access:
        """Return access for the holder of ``token``."""
        return cls(digest_of(token))

    @classmethod
    def open(cls) -> Access:
        """Return access for everybody on this machine."""
        return cls(None)

    def refusal(self, method: str, path: str, headers: Headers) -> Problem | None:
        """Return why a request is refused, None when it is allowed."""
        if path in _FREE_PATHS or path.startswith(_FREE_BELOW):
            return None
        if self.digest is None:
            return _refuse_strange_pages(method, headers)
        if self._holds_token(method, path, headers):
            return None
        challenge = "Bearer"
        if _is_console(method, path):
            challenge = 'Basic realm="leadrules", charset="UTF-8"'
        return Problem(
            401,
            "unauthorized",
            f"send the administrator's token: Authorization: Bearer ${TOKEN_VARIABLE}",
            headers={"WWW-Authenticate": challenge},
        )

    def _holds_token(self, method: str, path: str, headers: Headers) -> bool:
        scheme, _, given = headers.get("authorization", "").partition(" ")
        if scheme.lower() == "bearer":
            return self._matches(given.strip())
        # A browser asks for a password. It sends it along with whatever a strange page makes it
        # post, so it is good for looking only.
        if scheme.lower() == "basic" and _is_console(method, path):
            return self._matches(_password(given.strip()))
        return False

    def _matches(self, token: str) -> bool:
        assert self.digest is not None
        return hmac.compare_digest(digest_of(token), self.digest)


def _is_console(method: str, path: str) -> bool:
    return method in {"GET", "HEAD"} and (path == "/" or f"{path}/".startswith(_CONSOLE))


def _password(given: str) -> str:
    try:
        decoded = base64.b64decode(given, validate=True).decode()
    except (binascii.Error, UnicodeDecodeError):
        return ""
    return decoded.partition(":")[2]


def _refuse_strange_pages(method: str, headers: Headers) -> Problem | None:
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
    runtime: Runtime, host: str, environ: Mapping[str, str]
) -> tuple[Access, str | None]:
    """Return who may use a server that listens at ``host``, and a token if one was just made.

    The token of the environment counts; else the one made earlier for this database; else a
    loopback address is open, and for any other one a token is made, of which only the hash is
    kept.
    """
    given = environ.get(TOKEN_VARIABLE, "").strip()
    if given:
        return Access.token(given), None
    kept = await runtime.write(lambda connection: meta.get(connection, _META_KEY))
    if kept is not None:
        return Access(bytes.fromhex(kept)), None
    if is_loopback(host):
        return Access.open(), None
    token = secrets.token_urlsafe(32)
    digest = digest_of(token)
    await runtime.write(lambda connection: meta.put(connection, _META_KEY, digest.hex()))
    return Access(digest), token
