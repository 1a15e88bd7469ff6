"""The action ``webhook``: a signed message (Standard Webhooks) to a service of one's own."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Final

from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Misconfigured,
    OutgoingDelivery,
    Result,
    by_status,
    hookimpl,
)
from plugins.actions.callers import ServiceAction

PREFIX: Final = "whsec_"
SHORTEST: Final = 24  # bytes of a key, as the specification asks
_GONE: Final = 410
_KEY: Final = {"type": "string", "pattern": f"^{PREFIX}[A-Za-z0-9+/]{{32,}}={{0,2}}$"}
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url", "secret"],
    "properties": {
        "url": {"type": "string", "pattern": r"^https?://[^\s#]+$"},
        "secret": {
            "type": ["string", "array"],
            "pattern": _KEY["pattern"],
            "minItems": 1,
            "maxItems": 5,
            "items": _KEY,
        },
        "headers": {
            "type": "object",
            "propertyNames": {
                "pattern": "^[A-Za-z0-9-]+$",
                "not": {"pattern": "^[Ww][Ee][Bb][Hh][Oo][Oo][Kk]-"},
            },
            "additionalProperties": {"type": "string", "pattern": r"^[^\r\n]*$"},
        },
        "allow_private": {"type": "boolean"},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 25},
    },
}


class WebhookAction(ServiceAction):
    """Posts one delivery as JSON; its id is the same at every attempt."""

    name = "webhook"
    connection_schema = SETTINGS

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        try:
            keys = keys_of(settings["secret"])
        except ValueError as error:
            return Misconfigured(str(error))
        body = json.dumps(told(delivery), ensure_ascii=False, separators=(",", ":")).encode()
        # Now and not when it was queued: a receiver refuses what is older than five minutes.
        headers = {
            **settings.get("headers", {}),
            "content-type": "application/json",
            **signed(delivery_id(delivery.key), int(time.time()), body, keys),
        }
        caller = self.callers.of(context)
        answer = await caller.call("POST", settings["url"], headers=headers, content=body)
        if answer.status == _GONE:
            return Misconfigured("the service answered 410: it wants no more of these")
        return by_status(answer, "the service") or Delivered(headers["webhook-id"])


def told(delivery: OutgoingDelivery) -> dict[str, Any]:
    """Return what is sent: ``type``, ``timestamp`` and ``data``, as Standard Webhooks proposes."""
    at = datetime.fromtimestamp(delivery.created_at / 1_000, UTC)
    data = {
        "lead": delivery.lead,
        "audience": delivery.audience,
        "to": delivery.to,
        "message": delivery.message,
        "journey": delivery.journey,
        "step": delivery.step,
        "title": delivery.subject,
        "text": delivery.text,
        "params": dict(delivery.params),
    }
    return {
        "type": f"leadrules.{'message' if delivery.message else 'step'}",
        "timestamp": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        "data": {name: value for name, value in data.items() if value not in (None, {})},
    }


def delivery_id(key: str) -> str:
    """Return the message's id: the key's, without a full stop, which the signature uses."""
    return f"msg_{hashlib.sha256(key.encode()).hexdigest()[:32]}"


def signed(id: str, at: int, body: bytes, keys: Iterable[bytes]) -> dict[str, str]:
    """Return the three headers of a message sent at ``at``, seconds since 1970; one mark a key."""
    content = f"{id}.{at}.".encode() + body
    marks = [base64.b64encode(hmac.new(key, content, hashlib.sha256).digest()) for key in keys]
    return {
        "webhook-id": id,
        "webhook-timestamp": str(at),
        "webhook-signature": " ".join(f"v1,{mark.decode()}" for mark in marks),
    }


def keys_of(secret: str | list[str]) -> list[bytes]:
    """Return the keys that are written as ``whsec_`` and base64; raises ValueError.

    Several sign at once, so that a receiver can change its own without a gap.
    """
    return [_key(each) for each in ([secret] if isinstance(secret, str) else secret)]


def _key(secret: str) -> bytes:
    try:
        key = base64.b64decode(secret.removeprefix(PREFIX), validate=True)
    except (binascii.Error, ValueError):  # ValueError: letters that are not ASCII
        key = b""
    if len(key) < SHORTEST:
        raise ValueError(f"a secret is {PREFIX} and the base64 of at least {SHORTEST} bytes")
    return key


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(WebhookAction())
