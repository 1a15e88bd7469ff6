"""The action ``email``: messages over SMTP."""

from __future__ import annotations

import hashlib
import socket
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from email.errors import MessageError
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP as SMTP_POLICY
from email.utils import format_datetime, parseaddr
from typing import Any, Final

import aiosmtplib

from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    OutgoingDelivery,
    Result,
    Retry,
    hookimpl,
)

TIMEOUT_S: Final = 20.0
IMPLICIT_TLS_PORT: Final = 465
# Our `tls` -> aiosmtplib's start_tls. None: upgrade if the server offers it.
_START_TLS: Final[Mapping[str, bool | None]] = {
    "auto": None,
    "starttls": True,
    "implicit": False,
    "none": False,
}


SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["host", "from"],
    "properties": {
        "host": {"type": "string", "minLength": 1},
        # Text, too: ${SMTP_PORT} gives text.
        "port": {
            "type": ["integer", "string"],
            "minimum": 1,
            "maximum": 65535,
            "pattern": "^[0-9]{1,5}$",
        },
        "from": {"type": "string", "pattern": "@"},
        "reply_to": {"type": "string", "pattern": "@"},
        "tls": {"enum": ["auto", "starttls", "implicit", "none"]},
        "ca_file": {"type": "string"},
        "username": {"type": "string"},
        "password": {"type": "string"},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 25},
    },
}
PARAMS: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"reply_to": {"type": "string", "pattern": "@"}},
}


class EmailAction(Action):
    """Sends one e-mail to one recipient; a repeated delivery carries the same Message-ID."""

    name = "email"
    address = "lead.email"
    receipt = "email_sent"
    params_schema = PARAMS
    connection_schema = SETTINGS

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        try:
            return await _send(compose(delivery, settings), settings)
        except aiosmtplib.SMTPRecipientsRefused as error:
            return _all_refused(error)
        except aiosmtplib.SMTPAuthenticationError as error:
            # The connection's fault, not the message's: it goes out once the password is right.
            return Retry(f"the server refused the login: {error.code} {error.message}")
        except aiosmtplib.SMTPResponseException as error:
            return _answer(error.code, error.message)
        except aiosmtplib.SMTPNotSupported as error:
            return Failed(f"the server can't do it: {error}")
        except (aiosmtplib.SMTPException, OSError) as error:
            host, port = settings["host"], _port(settings)
            return Retry(f"{host}:{port} does not take it: {type(error).__name__}: {error}")
        except (ValueError, MessageError) as error:  # a broken address, a line break in a header
            return Failed(f"the message can't be written: {error}")


async def _send(message: EmailMessage, settings: Mapping[str, Any]) -> Result:
    sent: Delivered | None = None
    try:
        async with _client(settings) as client:
            refused, _ = await client.send_message(message)
            # Nothing raised, so the server took it; `refused` names those it did not take.
            reasons = {who: str(why) for who, why in refused.items()}
            sent = Delivered(str(message["Message-ID"]), reasons)
    except (aiosmtplib.SMTPException, OSError):
        if sent is None:
            raise
    # What went wrong while saying goodbye undoes nothing.
    return sent


def _client(settings: Mapping[str, Any]) -> aiosmtplib.SMTP:
    tls = _tls(settings)
    return aiosmtplib.SMTP(
        hostname=settings["host"],
        port=_port(settings),
        username=settings.get("username"),
        password=settings.get("password"),
        use_tls=tls == "implicit",
        start_tls=_START_TLS[tls],
        cert_bundle=settings.get("ca_file"),
        # aiosmtplib would ask the name service at every connection, and wait for it.
        local_hostname=socket.gethostname(),
        timeout=settings.get("timeout_s", TIMEOUT_S),
    )


def _tls(settings: Mapping[str, Any]) -> str:
    implied = "implicit" if str(settings.get("port")) == str(IMPLICIT_TLS_PORT) else "auto"
    return str(settings.get("tls", implied))


def _port(settings: Mapping[str, Any]) -> int:
    return int(settings.get("port") or (IMPLICIT_TLS_PORT if _tls(settings) == "implicit" else 587))


def compose(delivery: OutgoingDelivery, settings: Mapping[str, Any]) -> EmailMessage:
    """Return the message; raises ValueError or MessageError for what mail does not allow."""
    message = EmailMessage(policy=SMTP_POLICY)
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
    if delivery.html and not delivery.text:
        message.set_content(delivery.html, subtype="html")
        return message
    message.set_content(delivery.text or "")
    if delivery.html:
        message.add_alternative(delivery.html, subtype="html")
    return message


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


def _all_refused(error: aiosmtplib.SMTPRecipientsRefused) -> Result:
    """Return Retry when any recipient was refused for now only."""
    first = error.recipients[0]
    worst = min(error.recipients, key=lambda each: each.code, default=first)
    return _answer(worst.code, worst.message)


def _answer(code: int, text: str) -> Result:
    """Read an SMTP answer: 5xx is final, everything else may pass."""
    reason = f"{code} {text}"
    return Failed(reason) if code >= 500 else Retry(reason)


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(EmailAction())
