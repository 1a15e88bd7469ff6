"""The action ``feishu``: notes to a group chat by a robot of Feishu (飞书) or Lark."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
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

ENDPOINT: Final = "https://open.feishu.cn"
MAX_BODY: Final = 20_000  # bytes
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["token"],
    "properties": {
        "token": {"type": "string", "pattern": "^[A-Za-z0-9-]+$"},
        "secret": {"type": "string", "minLength": 1},
        "users": chat.NAMED_USERS,
        **callers.SETTINGS,
    },
}
_RATE_WAIT_MS: Final = 60_000
# 19001: no such robot; 19021: signature or clock; 19022: our address is not allowed.
_CONFIGURATION: Final = frozenset({19001, 19021, 19022})
_TOO_OFTEN: Final = 11232


class FeishuAction(ServiceAction):
    """Writes one note into the robot's group; the body of the answer says whether it did."""

    name = "feishu"
    connection_schema = SETTINGS
    limits = Limits(per_second=5, per_minute=100, concurrency=2)

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        note = _note(delivery, settings)
        if note is None:
            return Failed("the note has neither a title nor a text")
        body = {**_signed(settings.get("secret"), int(time.time())), **note}
        if len(json.dumps(body, ensure_ascii=False).encode()) > MAX_BODY:
            return Failed(f"the note is longer than {MAX_BODY} bytes")
        url = f"{settings.get('endpoint', ENDPOINT)}/open-apis/bot/v2/hook/{settings['token']}"
        answer = await self.callers.of(context).call("POST", url, json=body)
        told = chat.body_of(answer, "Feishu", "code", "StatusCode")
        return _outcome(told) or by_status(answer, "Feishu") or Delivered()


def _note(delivery: OutgoingDelivery, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    user = chat.named(settings.get("users", {}), delivery.to)
    if delivery.markdown:
        called = f"\n<at id={user}></at>" if user else ""
        card = {
            "header": {"title": {"tag": "plain_text", "content": chat.title(delivery)}},
            "elements": [{"tag": "markdown", "content": delivery.markdown + called}],
        }
        return {"msg_type": "interactive", "card": card}
    text = chat.plain(delivery)
    if not text:
        return None
    called = f'\n<at user_id="{user}"></at>' if user else ""
    return {"msg_type": "text", "content": {"text": text + called}}


def _signed(secret: str | None, second: int) -> dict[str, str]:
    return {"timestamp": str(second), "sign": sign(secret, second)} if secret else {}


def sign(secret: str, second: int) -> str:
    """Return the signature: time and secret are the key, and the message is empty."""
    key = f"{second}\n{secret}".encode()
    return base64.b64encode(hmac.new(key, b"", hashlib.sha256).digest()).decode()


def _outcome(told: Mapping[str, Any]) -> Result | None:
    """Return what went wrong, None when nothing did."""
    code = told.get("code", told.get("StatusCode"))  # the older name
    if code == 0:
        return None
    reason = f"Feishu: {code}: {told.get('msg') or told.get('StatusMessage') or 'no message'}"
    if code in _CONFIGURATION:
        return Misconfigured(reason)
    if code == _TOO_OFTEN:
        return Retry(reason, _RATE_WAIT_MS)
    return Failed(reason)


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(FeishuAction())
