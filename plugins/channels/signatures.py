"""Is this really from whom it claims to be: signatures and secrets of sources, in constant time.

Every check takes whatever a stranger may send, and answers True or False: a signature that is
no base64, a time that is no number and a header in any letters are just wrong ones.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import Any, Final

MINUTE: Final = 60_000
STANDARD_PREFIX: Final = "whsec_"
MOST_SIGNATURES: Final = 20
# A variable whose value is all digits comes as a number.
SECRET: Final[Mapping[str, Any]] = {"type": ["string", "integer"], "minLength": 1}
# Several count at once, so that one can be changed without a gap.
SECRETS: Final[Mapping[str, Any]] = {
    "type": ["string", "integer", "array"],
    "minLength": 1,
    "minItems": 1,
    "items": SECRET,
}


def secrets_of(written: Any) -> list[bytes]:
    """Return the secrets that a setting holds, one or several; empty ones never count."""
    several = written if isinstance(written, list) else [written]
    return [str(each).encode() for each in several if each is not None and str(each)]


def same(given: str | bytes, wanted: str | bytes) -> bool:
    """Whether two texts are the same, in a time that does not tell how far they agree."""
    return hmac.compare_digest(_bytes(given), _bytes(wanted))


def is_secret(given: str | bytes, written: Any) -> bool:
    """Whether this is one of the secrets of a setting."""
    return _is_any(given, secrets_of(written))


def mac(secret: bytes, *parts: str | bytes) -> bytes:
    """Return the HMAC-SHA256 of the parts, one after another."""
    made = hmac.new(secret, digestmod=hashlib.sha256)
    for part in parts:
        made.update(_bytes(part))
    return made.digest()


def is_signed(
    given: str | None, written: Any, *parts: str | bytes, form: str = "base64", prefix: str = ""
) -> bool:
    """Whether ``given`` is the HMAC-SHA256 of the parts under one of the secrets.

    ``form`` is ``base64`` or ``hex``; ``prefix`` stands before it, such as ``sha256=``.
    """
    if given is None or not given.startswith(prefix):
        return False
    text = given.removeprefix(prefix).strip()
    if form == "hex":
        text = text.lower()
    wanted = [_written(mac(secret, *parts), form) for secret in secrets_of(written)]
    return _is_any(text, wanted)


def is_fresh(given: str | None, now: int, *, unit_ms: int = 1_000, past: int = 5 * MINUTE) -> bool:
    """Whether a time in units of ``unit_ms`` is at most ``past`` ms old, or 5 minutes ahead."""
    text = (given or "").strip()
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        return False
    return -5 * MINUTE <= now - int(text) * unit_ms <= past


def is_standard(headers: Mapping[str, str], body: bytes, written: Any, now: int) -> bool:
    """Whether a request is signed as Standard Webhooks says, at most five minutes ago."""
    id, at = headers.get("webhook-id", ""), headers.get("webhook-timestamp", "")
    if not id or not is_fresh(at, now):
        return False
    keys = [key for secret in secrets_of(written) if (key := _standard_key(secret))]
    wanted = [_written(mac(key, id, ".", at, ".", body), "base64") for key in keys]
    given = headers.get("webhook-signature", "").split(" ")[:MOST_SIGNATURES]
    pairs = [each.partition(",") for each in given]
    found = [_is_any(signature, wanted) for version, _, signature in pairs if version == "v1"]
    return any(found)


def has_standard_keys(written: Any) -> bool:
    """Whether the secrets of a setting are such as Standard Webhooks has them."""
    return all(_standard_key(secret) for secret in secrets_of(written))


def is_ecdsa(given: str | None, public_key: str, parts: Iterable[str | bytes]) -> bool:
    """Whether ``given`` is the base64 ECDSA signature (SHA-256) of the parts; see `key_of`."""
    from cryptography.exceptions import InvalidSignature
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec

    key = key_of(public_key)
    try:
        signature = base64.b64decode(given or "", validate=True)
        key.verify(signature, b"".join(_bytes(p) for p in parts), ec.ECDSA(hashes.SHA256()))
    except (InvalidSignature, binascii.Error, ValueError):
        return False
    return True


def key_of(public_key: str) -> Any:
    """Return a public key that is written as base64 of its DER form.

    Raises ModuleNotFoundError without ``cryptography``, and ValueError for what is no key of an
    elliptic curve: both are ours to put right.
    """
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.serialization import load_der_public_key

    key = load_der_public_key(base64.b64decode(public_key, validate=True))
    if not isinstance(key, ec.EllipticCurvePublicKey):
        raise ValueError("the public key is none of an elliptic curve")
    return key


def _is_any(given: str | bytes, wanted: Iterable[bytes]) -> bool:
    """Whether one of these is given; each is compared, whichever it is."""
    found = [same(given, each) for each in wanted]
    return any(found)


def _standard_key(secret: bytes) -> bytes:
    """Return the key that is written as base64 behind ``whsec_``; b"" when it is none."""
    text = secret.removeprefix(STANDARD_PREFIX.encode())
    try:
        return base64.b64decode(text + b"=" * (-len(text) % 4), validate=True)
    except binascii.Error:
        return b""


def _written(digest: bytes, form: str) -> bytes:
    return digest.hex().encode() if form == "hex" else base64.b64encode(digest)


def _bytes(text: str | bytes) -> bytes:
    return text.encode("utf-8", "surrogatepass") if isinstance(text, str) else text
