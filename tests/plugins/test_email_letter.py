"""What arrives: signatures, one-click headers, attachments and images, byte by byte."""

from __future__ import annotations

import asyncio
import base64
import time
from pathlib import Path
from typing import Any

import dkim
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ed25519, rsa

from engine.plugin import (
    ActionContext,
    Attachment,
    Delivered,
    Failed,
    Misconfigured,
    OutgoingDelivery,
    Result,
)
from plugins.actions.dkim_signing import Signer
from plugins.actions.email import EmailAction
from tests.serving import Mailbox

SENT_AT = 1_772_413_200_000  # 2026-03-02T01:00:00Z
LONG_URL = "https://t.acme.cn/u/" + "eyJsIjoiMDE5YzIifQ-_." * 12 + "?topic=marketing&x=1"
PEM = serialization.Encoding.PEM


def private_pem(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """Return a key as a file has it."""
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


@pytest.fixture(scope="module")
def rsa_key() -> rsa.RSAPrivateKey:
    """Return a key of the size that receivers want."""
    return rsa.generate_private_key(65537, 2048)


def record(key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey) -> bytes:
    """Return what the name service says of a key."""
    if isinstance(key, rsa.RSAPrivateKey):
        kind, form, encoding = (
            "rsa",
            serialization.PublicFormat.SubjectPublicKeyInfo,
            serialization.Encoding.DER,
        )
    else:
        kind, form, encoding = "ed25519", serialization.PublicFormat.Raw, serialization.Encoding.Raw
    public = base64.b64encode(key.public_key().public_bytes(encoding, form)).decode()
    return f"v=DKIM1; k={kind}; p={public}".encode()


def send(port: int, connection: dict[str, Any] | None = None, **delivery: Any) -> Result:
    """Let the action send one message, the usual one where not told otherwise."""
    settings = {"host": "127.0.0.1", "port": port, "from": "市场部 <news@acme.cn>", "tls": "none"}
    outgoing = OutgoingDelivery(**{
        "key": "k", "lead": "lead-1", "connection": "email", "audience": "lead", "attempt": 1,
        "created_at": SENT_AT, "to": "wang@acme.cn", "subject": "您好 王芳", "text": "欢迎 👋",
        **delivery,
    })  # fmt: skip
    context = ActionContext(connection={**settings, **(connection or {})}, now=SENT_AT)

    async def run() -> Result:
        action = EmailAction()
        result = await action.perform(outgoing, context)
        await action.close()
        return result

    return asyncio.run(run())


def dkim_settings(
    folder: Path, key: rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey
) -> dict[str, Any]:
    """Write the key to a file and return the connection's settings."""
    (folder / "dkim.pem").write_bytes(private_pem(key))
    return {
        "dkim": {"domain": "acme.cn", "selector": "s2026", "key_file": str(folder / "dkim.pem")}
    }


def raw(mailbox: Mailbox) -> bytes:
    """Return the one message that arrived, byte by byte."""
    (content,) = mailbox.raw
    return content


@pytest.mark.parametrize("kind", ["rsa", "ed25519"])
def test_delivered_bytes_verify(
    kind: str, smtp_port: int, mailbox: Mailbox, tmp_path: Path, rsa_key: rsa.RSAPrivateKey
) -> None:
    """Dkimpy accepts what arrived, with both headers of RFC 8058 under the signature."""
    key = rsa_key if kind == "rsa" else ed25519.Ed25519PrivateKey.generate()
    result = send(
        smtp_port,
        dkim_settings(tmp_path, key),
        html="<p>欢迎</p>" * 200,
        params={"unsubscribe_url": LONG_URL},
        attachments=(
            Attachment(name="产品手册.pdf", media_type="application/pdf", content=b"%PDF" * 500),
        ),
    )
    assert isinstance(result, Delivered)
    content, asked = raw(mailbox), []

    def dns(name: bytes, timeout: int = 5) -> bytes:
        asked.append(name)
        return record(key)

    assert dkim.verify(content, dnsfunc=dns)
    assert asked == [b"s2026._domainkey.acme.cn."]
    signature = mailbox.messages[0]["DKIM-Signature"].replace(" ", "").lower()
    names = signature.partition("h=")[2].partition(";")[0].split(":")
    assert {"list-unsubscribe", "list-unsubscribe-post", "subject", "to", "date"} <= set(names)
    assert names.count("from") == 2


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"<https://t.acme.cn", b"<https://t.evil.cn"),
        (b"One-Click", b"Two-Click"),
        (b"To: wang@", b"To: chen@"),
        (b"\r\n\r\n", b"\r\n\r\nmore\r\n"),
        (b"From: ", b"From: x@evil.cn\r\nFrom: "),
    ],
)
def test_changed_bytes_do_not_verify(
    old: bytes,
    new: bytes,
    smtp_port: int,
    mailbox: Mailbox,
    tmp_path: Path,
    rsa_key: rsa.RSAPrivateKey,
) -> None:
    """Whatever is changed or added on the way, the signature says so."""
    send(smtp_port, dkim_settings(tmp_path, rsa_key), params={"unsubscribe_url": LONG_URL})
    content = raw(mailbox)
    assert old in content
    assert not dkim.verify(content.replace(old, new, 1), dnsfunc=lambda *_, **__: record(rsa_key))


def test_body_forms_verify(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    """Empty bodies, blank lines at the end and runs of blanks are canonical as the RFC says."""
    signer = Signer(dkim_settings(tmp_path, rsa_key)["dkim"])
    head = b"From: a@acme.cn\r\nTo:  b@acme.cn \r\nSubject: x\r\n\t y\r\nTo: c@acme.cn\r\n\r\n"
    for body in (b"", b"\r\n\r\n", b"a \t b  \r\n\r\n\r\n", b"no end", b" \r\nx\r\n"):
        signed = signer.signed(head + body, SENT_AT)
        assert dkim.verify(signed, dnsfunc=lambda *_, **__: record(rsa_key)), body


def test_long_address_arrives_raw(smtp_port: int, mailbox: Mailbox) -> None:
    """No program may find it encoded as words: one click would break."""
    send(smtp_port, subject="很长的标题" * 40, params={"unsubscribe_url": LONG_URL})
    head = raw(mailbox).partition(b"\r\n\r\n")[0]
    assert f"List-Unsubscribe: <{LONG_URL}>\r\n".encode() in head + b"\r\n"
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n" in head
    assert mailbox.messages[0]["Subject"] == "很长的标题" * 40
    assert all(len(line) <= 998 for line in head.split(b"\r\n"))


def test_one_click_needs_https(smtp_port: int, mailbox: Mailbox) -> None:
    """Without TLS the address is told, and nobody is asked to post to it."""
    send(smtp_port, params={"unsubscribe_url": "http://127.0.0.1/u/1"})
    assert mailbox.messages[0]["List-Unsubscribe"] == "<http://127.0.0.1/u/1>"
    assert mailbox.messages[0]["List-Unsubscribe-Post"] is None


@pytest.mark.parametrize(
    "url",
    [
        "https://a.cn/\r\nBcc: x@evil.cn",
        "https://a.cn/> , <mailto:x",
        "javascript:x",
        "https://a.cn/" + "x" * 900,
        "https://例子.cn/",
    ],
)
def test_broken_address_is_no_header(url: str, smtp_port: int, mailbox: Mailbox) -> None:
    """What is no address on the web fails, and nothing is sent."""
    assert isinstance(send(smtp_port, params={"unsubscribe_url": url}), Failed)
    assert not mailbox.messages


def test_no_address_no_header(smtp_port: int, mailbox: Mailbox) -> None:
    """A message that nobody can unsubscribe from, such as a note to a salesperson, says nothing."""
    send(smtp_port)
    assert mailbox.messages[0]["List-Unsubscribe"] is None
    assert mailbox.messages[0]["DKIM-Signature"] is None


def test_attachments_and_images(smtp_port: int, mailbox: Mailbox) -> None:
    """Files hang on the message; images stand with the HTML that shows them."""
    files = (
        Attachment(name="产品手册.pdf", media_type="application/pdf", content=b"%PDF\x00\xff"),
        Attachment(name="logo.png", media_type="image/png", content=b"\x89PNG", cid="logo.png"),
    )
    send(smtp_port, html='<img src="cid:logo.png">', attachments=files)
    (message,) = mailbox.messages
    kinds = [part.get_content_type() for part in message.walk()]
    assert kinds == [
        "multipart/mixed", "multipart/alternative", "text/plain", "multipart/related",
        "text/html", "image/png", "application/pdf",
    ]  # fmt: skip
    (attached,) = message.iter_attachments()
    assert (attached.get_filename(), attached.get_content()) == ("产品手册.pdf", b"%PDF\x00\xff")
    image = next(part for part in message.walk() if part.get_content_type() == "image/png")
    assert (image["Content-ID"], image.get_content()) == ("<logo.png>", b"\x89PNG")


def test_image_in_html_alone(smtp_port: int, mailbox: Mailbox) -> None:
    """Without a plain text the HTML and its image are one whole."""
    image = Attachment(name="logo.png", media_type="image/png", content=b"\x89PNG", cid="logo.png")
    send(smtp_port, text=None, html='<img src="cid:logo.png">', attachments=(image,))
    kinds = [part.get_content_type() for part in mailbox.messages[0].walk()]
    assert kinds == ["multipart/related", "text/html", "image/png"]


@pytest.mark.parametrize(
    "content", [None, b"no key", b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n"]
)
def test_key_that_cannot_sign_stops_the_connection(
    content: bytes | None, smtp_port: int, mailbox: Mailbox, tmp_path: Path
) -> None:
    """No message goes out unsigned because a file is missing or broken."""
    file = tmp_path / "dkim.pem"
    if content is not None:
        file.write_bytes(content)
    settings = {"dkim": {"domain": "acme.cn", "selector": "s", "key_file": str(file)}}
    result = send(smtp_port, settings)
    assert isinstance(result, Misconfigured)
    assert str(file) in result.reason
    assert not mailbox.messages


def test_a_signature_takes_little_time(tmp_path: Path, rsa_key: rsa.RSAPrivateKey) -> None:
    """A thousand messages are signed in a few seconds, on a busy machine too."""
    signer = Signer(dkim_settings(tmp_path, rsa_key)["dkim"])
    began = time.process_time()
    for _ in range(200):
        signer.signed(b"From: a@acme.cn\r\nSubject: x\r\n\r\n" + b"x" * 5_000, SENT_AT)
    assert (time.process_time() - began) / 200 < 0.008
