"""The action ``email``: messages over SMTP."""

from __future__ import annotations

import asyncio
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
    Limits,
    OutgoingDelivery,
    Result,
    hookimpl,
)
from plugins.actions.smtp_answers import outcome_of
from plugins.actions.smtp_pool import CannotOpen, Letter, Pool, Session, Unclear

TIMEOUT_S: Final = 20.0
IMPLICIT_TLS_PORT: Final = 465
# Our `tls` -> aiosmtplib's start_tls. None: upgrade if the server offers it.
_START_TLS: Final[Mapping[str, bool | None]] = {
    "auto": None,
    "starttls": True,
    "implicit": False,
    "none": False,
}
_WIRE: Final = SMTP_POLICY.clone(cte_type="7bit")


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
    """Sends one e-mail to one recipient; a repeated delivery carries the same Message-ID.

    Connections stay open between messages, at most as many as deliveries run at once.
    """

    name = "email"
    address = "lead.email"
    receipt = "email_sent"
    params_schema = PARAMS
    connection_schema = SETTINGS
    limits = Limits(concurrency=5)

    def __init__(self) -> None:
        self._pools: dict[str, Pool] = {}

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        try:
            message = compose(delivery, settings)
            refused = await self._pool(context).send(_letter(message))
        except (ValueError, MessageError) as error:  # a broken address, a line break in a header
            return Failed(f"the message can't be written: {error}")
        except (CannotOpen, Unclear, aiosmtplib.SMTPException, OSError) as error:
            return outcome_of(error, f"{settings['host']}:{_port(settings)}")
        return Delivered(str(message["Message-ID"]), refused)

    def _pool(self, context: ActionContext) -> Pool:
        """Return the connections for these settings, new ones after they changed."""
        settings = context.connection
        key = repr((sorted(settings.items()), context.concurrency))
        pool = self._pools.get(key)
        if pool is None or pool.loop is not asyncio.get_running_loop():
            pool = self._pools[key] = Pool(lambda: _session(settings), context.concurrency)
        return pool

    async def close(self) -> None:
        """Close the connections."""
        pools, self._pools = self._pools, {}
        running = asyncio.get_running_loop()
        await asyncio.gather(*(pool.close() for pool in pools.values() if pool.loop is running))


def _letter(message: EmailMessage) -> Letter:
    """Return what goes over the wire: seven bits, which every server takes."""
    sender, recipient = (message[name].addresses[0].addr_spec for name in ("From", "To"))
    utf8 = not f"{sender}{recipient}".isascii()
    policy = _WIRE.clone(utf8=True) if utf8 else _WIRE
    return Letter(sender, recipient, message.as_bytes(policy=policy), utf8)


def _session(settings: Mapping[str, Any]) -> Session:
    tls = _tls(settings)
    return Session(
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


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(EmailAction())
