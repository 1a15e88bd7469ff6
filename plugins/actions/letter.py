"""A message as mail: its headers, its parts, and the bytes that go over the wire."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from datetime import UTC, datetime
from email.headerregistry import Address
from email.message import EmailMessage, MIMEPart
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import Any, Final

from engine.plugin import Attachment, OutgoingDelivery
from plugins.actions.dkim_signing import Signer
from plugins.actions.smtp_pool import Letter

_WIRE: Final = SMTP_POLICY.clone(cte_type="7bit")
_ADDRESS_ON_THE_WEB: Final = re.compile(r"https?://[!#-;=?-~]+")
# What a header line may have (RFC 5322), with the name before the address and the brackets.
_MAX_ADDRESS: Final = 900


def compose(delivery: OutgoingDelivery, settings: Mapping[str, Any]) -> EmailMessage:
    """Return the message; raises ValueError or MessageError for what mail does not allow."""
    message = EmailMessage(policy=_WIRE)
    message["From"] = _address(settings["from"])
    message["To"] = _address(delivery.to or "")
    reply_to = delivery.params.get("reply_to") or settings.get("reply_to")
    if reply_to:
        message["Reply-To"] = _address(reply_to)
    message["Subject"] = delivery.subject or ""
    sent = datetime.fromtimestamp(delivery.created_at / 1000, UTC)
    message["Date"] = format_datetime(sent)
    message["Message-ID"] = message_id(delivery.key, settings["from"])
    message["Auto-Submitted"] = "auto-generated"
    _fill(message, delivery)
    return message


def _fill(message: EmailMessage, delivery: OutgoingDelivery) -> None:
    images = [each for each in delivery.attachments if each.cid]
    if delivery.html and not delivery.text:
        message.set_content(delivery.html, subtype="html")
        _show(message, images)
    else:
        message.set_content(delivery.text or "")
        if delivery.html:
            message.add_alternative(delivery.html, subtype="html")
            parts = message.get_payload()
            assert isinstance(parts, list)
            _show(parts[-1], images)
    for each in delivery.attachments:
        if not each.cid:
            message.add_attachment(each.content, **_kind(each), filename=each.name)


def _show(html: MIMEPart | Any, images: list[Attachment]) -> None:
    """Put images beside the HTML that shows them."""
    for each in images:
        html.add_related(
            each.content, **_kind(each), cid=f"<{each.cid}>", filename=each.name,
            disposition="inline",
        )  # fmt: skip


def _kind(attachment: Attachment) -> dict[str, Any]:
    main, _, sub = attachment.media_type.partition("/")
    return {"maintype": main, "subtype": sub or "octet-stream"}


def write(delivery: OutgoingDelivery, message: EmailMessage, signer: Signer | None) -> Letter:
    """Return what goes over the wire: seven bits, which every server takes, and signed."""
    sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
    utf8 = not f"{sender}{recipient}".isascii()
    policy = _WIRE.clone(utf8=True) if utf8 else _WIRE
    content = _unsubscribing(delivery) + message.as_bytes(policy=policy)
    if signer is not None:
        content = signer.signed(content, delivery.created_at)
    return Letter(sender, recipient, content, utf8)


def _unsubscribing(delivery: OutgoingDelivery) -> bytes:
    """Return the headers for unsubscribing with one click (RFC 8058), as they are.

    The standard library would encode a long address as if it were words, and no program
    would find it again.
    """
    url = delivery.params.get("unsubscribe_url")
    if not url:
        return b""
    if len(url) > _MAX_ADDRESS or not _ADDRESS_ON_THE_WEB.fullmatch(url):
        raise ValueError("unsubscribe_url is no address on the web")
    headers = f"List-Unsubscribe: <{url}>\r\n"
    if url.startswith("https://"):  # without TLS a mail program must not post
        headers += "List-Unsubscribe-Post: List-Unsubscribe=One-Click\r\n"
    return headers.encode("ascii")


def _address(written: str) -> Address:
    name, address = parseaddr(written)
    local, at, domain = address.rpartition("@")
    if not at or not written.isprintable():
        raise ValueError(f"{written!r} is not an e-mail address")
    # An international domain in its ASCII form passes through every server.
    return Address(display_name=name, addr_spec=f"{local}@{domain.encode('idna').decode()}")


def message_id(key: str, sender: str) -> str:
    """Return the Message-ID of a delivery: the same for the same key, in the sender's domain."""
    digest = hashlib.sha256(key.encode()).hexdigest()[:40]
    domain = parseaddr(sender)[1].rpartition("@")[2] or "leadrules.invalid"
    return f"<{digest}@{domain}>"
