"""The encryption of callbacks, against Tencent's public samples and two other libraries."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from hypothesis import given
from hypothesis import strategies as st
from wechatpy.crypto import WeChatCrypto as OfficialAccountCrypto
from wechatpy.enterprise.crypto import WeChatCrypto

from plugins.channels.wechat_callback import read_xml
from plugins.channels.wechat_crypto import (
    BadMessage,
    BadSignature,
    Crypt,
    check_signature,
    signature,
)
from tests.node_peers import node_package, run_node

TOKEN = "QDG6eK"
KEY = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C"
CORP = "wx5823bf96d3bd56c7"
SAMPLE = (
    "RypEvHKD8QQKFhvQ6QleEB4J58tiPdvo+rtK1I9qca6aM/wvqnLSV5zEPeusUiX5L5X/0lWfrf0QADHHhGd3QczcdCUp"
    "j911L3vg3W/sYYvuJTs3TUUkSUXxaccAS0qhxchrRYt66wiSpGLYL42aM6A8dTT+6k4aSknmPj48kzJs8qLjvd4Xgpue"
    "06DOdnLxAUHzM6+kDZ+HMZfJYuR+LtwGc2hgf5gsijff0ekUNXZiqATP7PF5mZxZ3Izoun1s4zG4LUMnvw2r+KqCKIw+"
    "3IQH03v+BCA9nMELNqbSf6tiWSrXJB3LAVGUcallcrw8V2t9EL4EhzJWrQUax5wLVMNS0+rUPA3k22Ncx4XXZS9o0MBH"
    "27Bo6BpNelZpS+/uh9KsNlY6bHCmJU9p8g7m3fVKn28H3KDYA5Pl/T8Z1ptDAVe0lXdQ2YoyyH2uyPIGHBZZIs2pDBS8"
    "R07+qN+E7Q=="
)
# One of each length of padding, and a text of more bytes than characters.
MESSAGES = ["", *("企" + "x" * n for n in range(1, 66)), "我是中文abcd123", "线索" * 900]
NODE = """
const c = require('@wecom/crypto');
const given = JSON.parse(require('fs').readFileSync(0, 'utf8'));
process.stdout.write(JSON.stringify({
  opened: given.sealed.map(s => c.decrypt(given.key, s)),
  sealed: given.texts.map(t => c.encrypt(given.key, t, given.id)),
  signature: c.getSignature(given.token, '1409659813', '随机', given.sealed[0]),
}));
"""


def ours() -> Crypt:
    """Return our side of a callback."""
    return Crypt(TOKEN, KEY, CORP)


def test_the_public_sample_of_a_verification() -> None:
    """Tencent's sample of an address being verified gives the sample's plain text (V1)."""
    echo = (
        "P9nAzCzyDtyTWESHep1vC5X9xho/qYX3Zpb4yKa9SKld1DsH3Iyt3tP3zNdtp+4RPcs8TgAE7OaBO+FZXvnaqQ=="
    )
    given = "5c45ff5e21c57e6ad56bac8758b79b1d9ac89fd3"
    assert ours().open(given, "1409659589", "263014780", echo) == b"1616140317555161061"


def test_the_public_sample_of_a_message() -> None:
    """Tencent's sample of a message gives the sample's text (V2)."""
    given = "477715d11cdb4164915debcba66cb864d751f3e6"
    opened = ours().open(given, "1409659813", "1372623149", SAMPLE).decode()
    assert "<Content><![CDATA[hello]]></Content>" in opened
    assert "<AgentID>218</AgentID>" in opened


def test_the_public_sample_of_encrypting() -> None:
    """The same random bytes give the bytes of Tencent's sample (V3)."""
    crypt = Crypt("pamtest", "abcdefghijklmnopqrstuvwxyz0123456789ABCDEFG", "wxb11529c136998cb6")
    assert crypt.encrypt("我是中文abcd123".encode(), b"aaaabbbbccccdddd") == (
        "jn1L23DB+6ELqJ+6bruv21Y6MD7KeIfP82D6gU39rmkgczbWwt5+3bnyg5K55bgVtVzd832WzZGMhkP72vVOfg=="
    )


@pytest.mark.parametrize("library", [WeChatCrypto, OfficialAccountCrypto])
def test_wechatpy_and_we_read_each_other(library: Any) -> None:
    """Messages of every length of padding pass both ways, their signatures with them."""
    theirs = library(TOKEN, KEY, CORP)
    for text in MESSAGES:
        sealed = ours().encrypt(text.encode())
        given = signature(TOKEN, "1409659813", "nonce", sealed)
        body = {"Encrypt": sealed}
        assert theirs.decrypt_message(body, given, "1409659813", "nonce") == text
        parts = read_xml(theirs.encrypt_message(text, "nonce", "1409659813").encode())
        opened = ours().open(
            parts["MsgSignature"], parts["TimeStamp"], parts["Nonce"], parts["Encrypt"]
        )
        assert opened.decode() == text


def test_wecoms_own_package_and_we_read_each_other() -> None:
    """WeCom's @wecom/crypto opens what we seal, and we what it seals; signatures agree."""
    folder = node_package("@wecom/crypto", "1.0.1")
    sealed = [ours().encrypt(text.encode()) for text in MESSAGES]
    given = {"key": KEY, "id": CORP, "token": TOKEN, "sealed": sealed, "texts": MESSAGES}
    made = run_node(folder, NODE, given)
    assert [each["message"] for each in made["opened"]] == MESSAGES
    assert {each["id"] for each in made["opened"]} == {CORP}
    assert [ours().decrypt(each).decode() for each in made["sealed"]] == MESSAGES
    assert made["signature"] == signature(TOKEN, "1409659813", "随机", sealed[0])


def sealed_raw(plain: bytes) -> str:
    """Return bytes encrypted as they are, without any padding of ours."""
    key = base64.b64decode(f"{KEY}=")
    work = Cipher(algorithms.AES(key), modes.CBC(key[:16])).encryptor()
    return base64.b64encode(work.update(plain) + work.finalize()).decode()


HEAD = b"r" * 16 + (2).to_bytes(4, "big") + b"hi" + CORP.encode()  # 40 bytes


@pytest.mark.parametrize(
    ("sealed", "says"),
    [
        ("", "not whole"),
        ("!!!!", "base64"),
        ("中文", "base64"),
        (base64.b64encode(b"x" * 15).decode(), "not whole"),
        (sealed_raw(HEAD + bytes(24)), "padding"),  # zeros
        (sealed_raw(HEAD + bytes([33]) * 24), "padding"),  # beyond a block
        (sealed_raw(HEAD + b"x" * 23 + bytes([24])), "padding"),  # right length, wrong bytes
        (sealed_raw(HEAD[:16] + b"\xff" * 4 + bytes([12]) * 12), "length"),
        (sealed_raw(bytes([16]) * 16), "length"),  # nothing is left
        (sealed_raw(bytes([32]) * 16), "padding"),  # more padding than there is
    ],
)
def test_what_is_broken_is_told(sealed: str, says: str) -> None:
    """Cut off, wrongly padded or with a wrong length, it is a BadMessage and nothing else."""
    with pytest.raises(BadMessage, match=says):
        ours().decrypt(sealed)


def test_a_message_for_somebody_else_is_refused() -> None:
    """The id inside must be ours, in full."""
    for other in ("wx5823bf96d3bd56c8", "wx5823bf96d3bd56c7x", "wx", ""):
        sealed = Crypt(TOKEN, KEY, other).encrypt(b"hi")
        with pytest.raises(BadMessage, match="another corp"):
            ours().decrypt(sealed)


def test_nothing_is_decrypted_before_the_signature_is_right() -> None:
    """A message that would not even decrypt is refused for its signature."""
    for mark in ("", "é", "0" * 40, "x" * 10_000):
        with pytest.raises(BadSignature):
            ours().open(mark, "1409659813", "n", "!!!!")


def test_a_key_of_another_length_is_none() -> None:
    """Such as one that lost a part when it was copied."""
    with pytest.raises(ValueError, match="43"):
        Crypt(TOKEN, "YWJj", CORP)


@given(st.text(), st.text(), st.text(), st.text())
def test_whatever_a_stranger_sends_is_a_wrong_signature(
    mark: str, timestamp: str, nonce: str, encrypted: str
) -> None:
    """No text in any of the four places raises anything else."""
    with pytest.raises(BadSignature):
        ours().open(mark, timestamp, nonce, encrypted)


@given(st.one_of(st.text(), st.binary().map(lambda raw: base64.b64encode(raw).decode())))
def test_whatever_is_signed_is_read_or_a_bad_message(encrypted: str) -> None:
    """Who knows the token and not the key breaks nothing."""
    check_signature(signature(TOKEN, encrypted), TOKEN, encrypted)
    with pytest.raises(BadMessage):
        ours().decrypt(encrypted)
