"""The action ``email``: messages over SMTP."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Mapping
from email.errors import MessageError
from typing import Any, Final

import aiosmtplib

from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    Limits,
    Misconfigured,
    OutgoingDelivery,
    Result,
    hookimpl,
)
from plugins.actions import dkim_signing
from plugins.actions.dkim_signing import BadKey, Signer
from plugins.actions.letter import compose, write
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
        "dkim": dkim_signing.SETTINGS,
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
        self._signers: dict[str, Signer] = {}

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        try:
            id, letter = await self._write(delivery, settings)
            refused = await self._pool(context).send(letter)
        except BadKey as error:
            return Misconfigured(str(error))
        except (ValueError, MessageError) as error:  # a broken address, a line break in a header
            return Failed(f"the message can't be written: {error}")
        except (CannotOpen, Unclear, aiosmtplib.SMTPException, OSError) as error:
            return outcome_of(error, f"{settings['host']}:{_port(settings)}")
        return Delivered(id, refused)

    async def check(self, context: ActionContext) -> Result | None:
        """Read the DKIM key, and let the server greet us: connection, TLS, login; no message."""
        settings = context.connection
        try:
            await asyncio.to_thread(self._signer, settings)
            await self._pool(context).greet()
        except BadKey as error:
            return Misconfigured(str(error))
        except (CannotOpen, aiosmtplib.SMTPException, OSError) as error:
            return outcome_of(error, f"{settings['host']}:{_port(settings)}")
        return Delivered()

    async def _write(
        self, delivery: OutgoingDelivery, settings: Mapping[str, Any]
    ) -> tuple[str, Letter]:
        """Return the Message-ID and the bytes; what takes long is done beside the event loop."""
        signer = self._signer(settings)

        def work() -> tuple[str, Letter]:
            message = compose(delivery, settings)
            return str(message["Message-ID"]), write(delivery, message, signer)

        if signer is None and not delivery.attachments:
            return work()
        return await asyncio.to_thread(work)

    def _signer(self, settings: Mapping[str, Any]) -> Signer | None:
        dkim = settings.get("dkim")
        if not dkim:
            return None
        key = repr(sorted(dkim.items()))
        if key not in self._signers:
            self._signers[key] = Signer(dkim)
        return self._signers[key]

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


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(EmailAction())
