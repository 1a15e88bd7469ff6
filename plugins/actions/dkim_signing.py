"""DKIM signatures (RFC 6376, RFC 8463) on messages as bytes.

Written here, because dkimpy computes RSA in Python: 14 ms for each message, during which
nothing else runs, against 1 ms. What is signed here is verified by dkimpy in the tests.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Final

Sign = Callable[[bytes], bytes]

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["domain", "selector", "key_file"],
    "properties": {
        "domain": {"type": "string", "minLength": 1},
        "selector": {"type": "string", "minLength": 1},
        "key_file": {"type": "string", "minLength": 1},
    },
}
# Those that tell who sends what to whom, and the two of RFC 8058. From is signed once more
# than it stands there, so that nobody can add another.
_SIGNED: Final = frozenset(
    "from to subject date reply-to message-id mime-version content-type "
    "content-transfer-encoding list-unsubscribe list-unsubscribe-post auto-submitted".split()
)
_SPACE: Final = re.compile(rb"[ \t]+")
_FOLD: Final = re.compile(rb"\r\n(?=[ \t])")
_LINE: Final = 70


class BadKey(ValueError):
    """A key that cannot sign; the text says why."""


class Signer:
    """Signs for one domain with one key; raises BadKey when the key cannot be used."""

    def __init__(self, settings: Mapping[str, Any]) -> None:
        self.domain = settings["domain"].encode("idna").decode()
        self.selector = settings["selector"]
        self.algorithm, self._sign = _read_key(settings["key_file"])

    def signed(self, message: bytes, at: int) -> bytes:
        """Return the message with its signature on top; ``at`` is the instant of signing."""
        head, _, body = message.partition(b"\r\n\r\n")
        fields = [
            (name.lower().decode("ascii"), value)
            for name, _, value in (f.partition(b":") for f in re.split(rb"\r\n(?![ \t])", head))
        ]
        chosen = [(name, value) for name, value in fields if name in _SIGNED]
        names = ":".join([*(name for name, _ in chosen), "from"])
        bh = base64.b64encode(hashlib.sha256(_relaxed_body(body)).digest()).decode()
        tags = (
            f"v=1; a={self.algorithm}; c=relaxed/relaxed; d={self.domain};\r\n"
            f" s={self.selector}; t={at // 1000};\r\n h={names};\r\n bh={bh};\r\n b="
        )
        signed = b"".join(_relaxed(name, value) + b"\r\n" for name, value in _bottom_up(chosen))
        own = _relaxed("dkim-signature", b" " + tags.encode("ascii"))
        signature = base64.b64encode(self._sign(signed + own)).decode()
        folded = "\r\n ".join(
            signature[start : start + _LINE] for start in range(0, len(signature), _LINE)
        )
        return f"DKIM-Signature: {tags}{folded}\r\n".encode("ascii") + message


def _bottom_up(fields: Iterable[tuple[str, bytes]]) -> list[tuple[str, bytes]]:
    """Return fields in the order of h=, where each name means the lowest not yet taken."""
    stacks: dict[str, list[bytes]] = {}
    names = []
    for name, value in fields:
        stacks.setdefault(name, []).append(value)
        names.append(name)
    return [(name, stacks[name].pop()) for name in names]


def _relaxed(name: str, value: bytes) -> bytes:
    return name.encode("ascii") + b":" + _SPACE.sub(b" ", _FOLD.sub(b"", value)).strip(b" \t")


def _relaxed_body(body: bytes) -> bytes:
    lines = [_SPACE.sub(b" ", line).rstrip(b" ") for line in body.split(b"\r\n")]
    while lines and not lines[-1]:
        lines.pop()
    return b"\r\n".join(lines) + b"\r\n" if lines else b""


def _read_key(file: str) -> tuple[str, Sign]:
    """Return the algorithm's name and what signs."""
    try:
        from cryptography.hazmat.primitives import hashes
        from cryptography.hazmat.primitives.asymmetric import ed25519, padding, rsa
        from cryptography.hazmat.primitives.serialization import load_pem_private_key
    except ImportError:
        raise BadKey("DKIM needs the extra: pip install 'leadrules[dkim]'") from None
    try:
        key = load_pem_private_key(Path(file).read_bytes(), None)
    except (OSError, ValueError, TypeError) as error:
        raise BadKey(f"the DKIM key {file} cannot be read: {error}") from error
    if isinstance(key, rsa.RSAPrivateKey):
        if key.key_size < 1024:
            raise BadKey(f"the DKIM key {file} has {key.key_size} bits; receivers want 2048")
        return "rsa-sha256", lambda data: key.sign(data, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return "ed25519-sha256", lambda data: key.sign(hashlib.sha256(data).digest())
    raise BadKey(f"the DKIM key {file} is neither RSA nor Ed25519")
