"""The encryption of WeCom's and WeChat's callbacks, which Tencent calls WXBizMsgCrypt.

AES-256-CBC with a key whose first 16 bytes are also the IV. Inside: 16 random bytes, the
message's length in 4 bytes (big-endian), the message, and the id of who it is for. The padding
fills up to 32 bytes, not to AES's 16, so that ordinary unpadders refuse every second message.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import os
from typing import Final

from plugins.channels.signatures import same

BLOCK: Final = 32
_RANDOM: Final = 16
_HEAD: Final = _RANDOM + 4


class BadSignature(ValueError):
    """What arrived was not signed with our token."""


class BadMessage(ValueError):
    """What arrived is signed, and cannot be read; the text says why."""


class MissingLibrary(RuntimeError):
    """The library ``cryptography`` is not installed."""


def signature(*parts: str) -> str:
    """Return the hex signature of parts, token and timestamp among them, in whatever order."""
    return hashlib.sha1("".join(sorted(parts)).encode("utf-8", "replace")).hexdigest()


def check_signature(given: str, *parts: str) -> None:
    """Raise BadSignature unless ``given`` is the signature of the parts; in constant time."""
    if not same(given, signature(*parts)):
        raise BadSignature("the signature is not that of our token")


class Crypt:
    """Reads and writes the messages of one callback.

    ``aes_key`` is the EncodingAESKey of 43 characters. ``receiver`` is the CorpID of an own app,
    the SuiteID of a third-party one, the AppID of an official account; raises ValueError for a
    key that is none.
    """

    def __init__(self, token: str, aes_key: str, receiver: str) -> None:
        self.token = token
        self._receiver = receiver.encode()
        self._key = base64.b64decode(f"{aes_key}=", validate=True)
        if len(self._key) != BLOCK:
            raise ValueError("an EncodingAESKey has 43 characters")

    def open(self, given: str, timestamp: str, nonce: str, encrypted: str) -> bytes:
        """Return the message; raises BadSignature before anything is decrypted, and BadMessage."""
        check_signature(given, self.token, timestamp, nonce, encrypted)
        return self.decrypt(encrypted)

    def decrypt(self, encrypted: str) -> bytes:
        """Return the message inside; raises BadMessage, also when it is for somebody else."""
        try:
            sealed = base64.b64decode(encrypted, validate=True)
        except (binascii.Error, ValueError):
            raise BadMessage("what is encrypted is not base64") from None
        if not sealed or len(sealed) % _RANDOM:
            raise BadMessage("what is encrypted is not whole")
        plain = _unpadded(self._cipher(sealed, seal=False))
        end = _HEAD + int.from_bytes(plain[_RANDOM:_HEAD], "big")
        if len(plain) < _HEAD or end > len(plain):
            raise BadMessage("the length inside is wrong: the EncodingAESKey is another's")
        if not same(plain[end:], self._receiver):
            raise BadMessage("the message is for another corp or account")
        return plain[_HEAD:end]

    def encrypt(self, message: bytes, random: bytes | None = None) -> str:
        """Return a message sealed; ``random`` are its 16 bytes in front, for tests."""
        head = (random or os.urandom(_RANDOM)) + len(message).to_bytes(4, "big")
        plain = head + message + self._receiver
        fill = BLOCK - len(plain) % BLOCK
        return base64.b64encode(self._cipher(plain + bytes([fill]) * fill, seal=True)).decode()

    def _cipher(self, data: bytes, seal: bool) -> bytes:
        try:
            from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
        except ImportError:
            raise MissingLibrary("pip install 'leadrules[wecom]'") from None
        cipher = Cipher(algorithms.AES(self._key), modes.CBC(self._key[:_RANDOM]))
        work = cipher.encryptor() if seal else cipher.decryptor()
        return work.update(data) + work.finalize()


def _unpadded(plain: bytes) -> bytes:
    fill = plain[-1]
    if not 1 <= fill <= BLOCK or plain[-fill:] != bytes([fill]) * fill:
        raise BadMessage("the padding is wrong: the EncodingAESKey is another's")
    return plain[:-fill]
