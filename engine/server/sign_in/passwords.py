"""Passwords: which are good enough, and their hashes by argon2, off the event loop."""

from __future__ import annotations

import asyncio
import base64
import os
import unicodedata
from collections.abc import Callable
from typing import Final, TypeVar

from argon2 import PasswordHasher, Type
from argon2.exceptions import InvalidHashError, VerificationError

from engine.server.problems import Problem

T = TypeVar("T")
LEAST: Final = 10
MOST: Final = 200
# NIST SP 800-63B asks for a comparison with common ones and for no rules of composition. zxcvbn
# knows 30,000 of them with their variations; what it takes fewer than a million guesses for goes.
_LEAST_SCORE: Final = 2
_LOOKED_AT: Final = 72  # it takes much longer for more
# What is common in China and not in its lists.
_CHINESE: Final = (
    *("woaini", "5201314", "1314520", "woaiwojia", "wangyi", "taobao", "qwe123", "a123456"),
    *("zxcvbnm", "asdasd", "caonima", "woshishui", "leadrules", "xianguo", "admin123", "abc123"),
)
# Above what OWASP asks for: 46 MiB, two passes.
_PASSES: Final = 2
_KIB: Final = 47_104
_AT_ONCE: Final = 2
_WAITING: Final = 32


def normal(password: str) -> str:
    """Return a password as it is compared, however a keyboard wrote it (NFKC)."""
    return unicodedata.normalize("NFKC", password)


def check(password: str, *about: str) -> None:
    """Raise Problem 422 for a password that is too short or long, or easily guessed.

    ``about`` is what everybody knows of the person, such as the account's name.
    """
    text = normal(password)
    if len(text) < LEAST:
        raise Problem(422, "short-password", f"a password has at least {LEAST} characters")
    if len(text) > MOST:
        raise Problem(422, "long-password", f"a password has at most {MOST} characters")
    rest = text.casefold()
    for each in filter(None, about):
        rest = rest.replace(each.casefold(), "")
    if len(rest) < LEAST // 2 or _score(text) < _LEAST_SCORE:
        raise Problem(422, "common-password", "this password is among the first that are guessed")


def _score(text: str) -> int:
    """Return how hard a password is to guess, from 0 to 4."""
    from zxcvbn import zxcvbn

    score: int = zxcvbn(text[:_LOOKED_AT], [*_CHINESE])["score"]
    return score


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


class Hasher:
    """Hashes and verifies, few at a time: each takes 46 MiB and some tens of milliseconds.

    Who comes while too many wait is answered with 429. A hash made with other costs is verified
    by its own, and `is_old` says so.
    """

    def __init__(self, passes: int = _PASSES, kib: int = _KIB) -> None:
        self._argon = PasswordHasher(passes, kib, parallelism=1, type=Type.ID)
        self._slots = asyncio.Semaphore(_AT_ONCE)
        self._waiting = 0
        # Takes as long to verify as a real one, and no password fits.
        salt, digest = (base64.b64encode(os.urandom(n)).decode().rstrip("=") for n in (16, 32))
        self._nobodys = f"$argon2id$v=19$m={kib},t={passes},p=1${salt}${digest}"

    async def hash(self, password: str) -> str:
        """Return the hash of a password."""
        return await self._run(lambda: self._argon.hash(_bytes(normal(password))))

    async def verify(self, kept: str | None, password: str) -> bool:
        """Return whether the password fits; None, for nobody's, takes as long and never does."""
        text = normal(password[: 4 * MOST])
        possible = kept is not None and len(text) <= MOST

        def verified() -> bool:
            try:
                self._argon.verify(kept or self._nobodys, _bytes(text[:MOST]))
            except (VerificationError, InvalidHashError):
                return False
            return possible

        return await self._run(verified)

    def is_old(self, kept: str) -> bool:
        """Whether a hash was made with costs other than today's."""
        return self._argon.check_needs_rehash(kept)

    async def _run(self, work: Callable[[], T]) -> T:
        if self._waiting >= _WAITING:
            message = "too many people sign in at this moment; try again in a few seconds"
            raise Problem(429, "rate-limited", message, headers={"Retry-After": "3"})
        self._waiting += 1
        try:
            async with self._slots:
                return await asyncio.to_thread(work)
        finally:
            self._waiting -= 1
