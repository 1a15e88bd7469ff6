"""A call centre (呼叫中心): calls that have ended come in, notes for its agents go out.

The channel ``callcenter`` takes signed records of calls and makes ``call_ended`` of them, an event
that this plugin adds to the catalogue. The action ``spool`` puts each note into a folder, one
file a note, from which the call centre's own program takes it.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from engine.plugin import (
    Accepted,
    Action,
    ActionContext,
    Channel,
    ChannelRequest,
    Delivered,
    Misconfigured,
    OutgoingDelivery,
    Rejection,
    Result,
    Route,
    hookimpl,
)

SIGNATURE = "x-call-signature"  # the hex of HMAC-SHA256 of "timestamp.body"
TIMESTAMP = "x-call-timestamp"  # seconds since 1970
TOLERANCE_S = 300
CHANNEL_SETTINGS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["secret"],
    "properties": {"secret": {"type": "string", "minLength": 16}},
}
SPOOL_SETTINGS = {
    "type": "object",
    "additionalProperties": False,
    "required": ["folder"],
    "properties": {"folder": {"type": "string", "minLength": 1}},
}


class CallCenterChannel(Channel):
    name = "callcenter"
    config_schema = CHANNEL_SETTINGS

    def routes(self) -> list[Route]:
        return [Route("/calls", ("POST",), call_ended, "A call has ended")]


async def call_ended(request: ChannelRequest) -> Accepted | Rejection:
    if not _signed(request):
        return Rejection("the signature is missing, wrong or too old", 401, "bad-signature")
    call = request.data
    if not isinstance(call, dict) or not isinstance(call.get("id"), str):
        return Rejection("a call is a JSON object with an id", 400)
    event = {
        "id": f"callcenter:{call['id'][:100]}",
        "type": "call_ended",
        "lead": {"phone": call.get("caller"), "source": {"name": "呼叫中心"}},
        "properties": {"seconds": call.get("seconds"), "answered": call.get("answered")},
    }
    return Accepted((event,))


def _signed(request: ChannelRequest) -> bool:
    stamp = request.headers.get(TIMESTAMP, "")
    if not (stamp.isascii() and stamp.isdecimal() and len(stamp) < 12):
        return False
    if abs(request.now / 1_000 - int(stamp)) > TOLERANCE_S:
        return False
    signed = stamp.encode() + b"." + request.body
    wanted = hmac.new(request.settings["secret"].encode(), signed, hashlib.sha256).hexdigest()
    given = request.headers.get(SIGNATURE, "")
    return hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace"))


class SpoolAction(Action):
    name = "spool"
    connection_schema = SPOOL_SETTINGS

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        folder = Path(context.connection["folder"])
        # The same key is the same file: an attempt that is repeated changes nothing.
        name = hashlib.sha256(delivery.key.encode()).hexdigest()[:32]
        note = {"lead": delivery.lead, "title": delivery.subject, "text": delivery.text}
        try:
            await asyncio.to_thread(_put, folder, name, json.dumps(note, ensure_ascii=False))
        except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
            return Misconfigured(f"the folder {str(folder)!r} cannot be used: {error.strerror}")
        return Delivered(name)


def _put(folder: Path, name: str, text: str) -> None:
    """Write beside, then rename: who watches the folder never sees half a note."""
    beside = folder / f".{name}"
    beside.write_text(text, encoding="utf-8")
    beside.rename(folder / f"{name}.json")


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    register(CallCenterChannel())


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    register(SpoolAction())


CATALOGUE: Mapping[str, Any] = {
    "events": {
        "call_ended": {
            "label": "通话结束",
            "properties": {"seconds": "integer", "answered": "boolean"},
        }
    }
}


@hookimpl
def extend_catalogue() -> Mapping[str, Any]:
    return CATALOGUE
