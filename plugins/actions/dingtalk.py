"""The action ``dingtalk``: notes to a group chat by a robot of DingTalk (钉钉群机器人)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import time
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    Limits,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    by_status,
    hookimpl,
)
from plugins.actions import callers, chat
from plugins.actions.callers import ServiceAction

ENDPOINT: Final = "https://oapi.dingtalk.com"
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["token"],
    "properties": {
        "token": {"type": "string", "minLength": 1},
        "secret": {"type": "string", "minLength": 1},
        "users": chat.NAMED_USERS,
        **callers.SETTINGS,
    },
}
# A robot that writes too often is blocked for ten minutes.
_BLOCKED_MS: Final = 600_000
_TOO_OFTEN: Final = frozenset({130101, 410100, 90030})
# 310000: keyword, address or signature; the others: no such robot or group any more.
_CONFIGURATION: Final = frozenset({310000, 300001, 400013, 400101, 400102, 400106})
_BUSY: Final = -1


class DingtalkAction(ServiceAction):
    """Writes one note into the robot's group; the body of the answer says whether it did."""

    name = "dingtalk"
    connection_schema = SETTINGS
    limits = Limits(per_minute=20, concurrency=1)

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        note = _note(delivery, settings)
        if note is None:
            return Failed("the note has neither a title nor a text")
        params = {"access_token": settings["token"], **_signed(settings.get("secret"))}
        url = f"{settings.get('endpoint', ENDPOINT)}/robot/send"
        answer = await self.callers.of(context).call("POST", url, params=params, json=note)
        told = chat.body_of(answer, "DingTalk", "errcode")
        return _outcome(told) or by_status(answer, "DingTalk") or Delivered()


def _note(delivery: OutgoingDelivery, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    mobile = chat.named(settings.get("users", {}), delivery.to)
    called = f"\n@{mobile}" if mobile else ""  # the text must name whom `at` calls
    at = {"at": {"atMobiles": [mobile], "isAtAll": False}} if mobile else {}
    if delivery.markdown:
        content = {"title": chat.title(delivery), "text": delivery.markdown + called}
        return {"msgtype": "markdown", "markdown": content, **at}
    text = chat.plain(delivery)
    return {"msgtype": "text", "text": {"content": text + called}, **at} if text else None


def _signed(secret: str | None) -> dict[str, str]:
    """Return the parameters that sign a call; the caller encodes them, once."""
    if not secret:
        return {}
    now = int(time.time() * 1000)
    return {"timestamp": str(now), "sign": sign(secret, now)}


def sign(secret: str, now: int) -> str:
    """Return the signature of an instant in milliseconds: the secret is the key."""
    signed = hmac.new(secret.encode(), f"{now}\n{secret}".encode(), hashlib.sha256)
    return base64.b64encode(signed.digest()).decode()


def _outcome(told: Mapping[str, Any]) -> Result | None:
    """Return what went wrong, None when nothing did."""
    code = told.get("errcode")
    if code == 0:
        return None
    reason = f"DingTalk: {code}: {told.get('errmsg') or 'no message'}"
    if code in _TOO_OFTEN:
        return Retry(reason, _BLOCKED_MS)
    if code in _CONFIGURATION:
        return Misconfigured(reason)
    return Retry(reason) if code == _BUSY else Failed(reason)


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(DingtalkAction())
