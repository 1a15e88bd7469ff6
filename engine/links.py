"""Web addresses in messages that nobody can forge: who opened, who clicked, who leaves.

What an address means stands in itself, signed; nothing is stored for it, and a redirect goes to
no other place than the one that was signed.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Final

import msgspec
from itsdangerous import BadData, URLSafeSerializer

OPEN: Final = "open"
CLICK: Final = "click"
LEAVE: Final = "unsubscribe"
MAX_TOKEN: Final = 4_000
TRACKING: Final = "/channels/tracking"


class About(msgspec.Struct, frozen=True, omit_defaults=True):
    """The delivery that an address stands in. ``sent_at`` is the instant of its attempt."""

    lead: str
    delivery: str
    message: str | None = None
    journey: str | None = None
    step: str | None = None
    sent_at: int = 0
    topic: str | None = None  # what LEAVE leaves
    url: str | None = None  # where CLICK leads


class Links:
    """Makes and reads such addresses. The first of ``keys`` signs, all of them are believed.

    So keys are changed without a day on which links in old messages fail: put the new one first.
    """

    def __init__(self, base: str, keys: Sequence[str]) -> None:
        self.base = base.rstrip("/")
        # The library signs with the last key; a salt for each purpose keeps them apart.
        self._signers = {
            purpose: URLSafeSerializer(
                list(reversed(keys)),
                salt=f"leadrules.{purpose}",
                signer_kwargs={"digest_method": hashlib.sha256, "key_derivation": "hmac"},
            )
            for purpose in (OPEN, CLICK, LEAVE)
        }

    def unsubscribe(self, about: About) -> str:
        """Return the address of the page on which a recipient leaves a topic."""
        return f"{self.base}/unsubscribe/{self._token(LEAVE, about)}"

    def opened(self, about: About) -> str:
        """Return the address of the picture whose loading tells of an open."""
        return f"{self.base}{TRACKING}/open/{self._token(OPEN, about)}.gif"

    def clicked(self, about: About, url: str) -> str:
        """Return the address that leads to ``url`` and tells of it; ``url`` itself if too long."""
        token = self._token(CLICK, msgspec.structs.replace(about, url=url))
        return f"{self.base}{TRACKING}/click/{token}" if len(token) <= MAX_TOKEN else url

    def _token(self, purpose: str, about: About) -> str:
        return str(self._signers[purpose].dumps(msgspec.to_builtins(about)))

    def read(self, purpose: str, token: str) -> About | None:
        """Return what a token says, None for one that was not signed here for this purpose."""
        if len(token) > MAX_TOKEN:
            return None
        try:
            told: Any = self._signers[purpose].loads(token)
            return msgspec.convert(told, About)
        except (BadData, msgspec.ValidationError, RecursionError):
            return None
