"""The channel ``segment``: what Segment's client libraries send, with only the host changed.

``/v1/track``, ``/identify``, ``/page``, ``/screen``, ``/group``, ``/alias``, ``/batch`` and the
browser's ``/v1/t``, ``/i``, ``/p``, ``/s``, ``/g``, ``/a``, ``/b``. Bodies are read by what they
are, whatever their Content-Type. The write key comes as the user of Basic authentication or in
the body. A client drops a whole batch at a 4xx, so one bad event never gives one.
"""

from __future__ import annotations

import base64
import binascii
import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Final

from engine.plugin import (
    Accepted,
    Channel,
    ChannelRequest,
    Names,
    Rejection,
    Reply,
    Route,
    hookimpl,
)
from plugins.channels.answers import wrong_body
from plugins.channels.mapping_check import wrong_names
from plugins.channels.segment_calls import Sent, event_of_call
from plugins.channels.signatures import SECRETS, is_secret

logger = logging.getLogger("leadrules.channel")

CALLS: Final[Mapping[str, str]] = {
    "track": "track",
    "t": "track",
    "identify": "identify",
    "i": "identify",
    "page": "page",
    "p": "page",
    "screen": "screen",
    "s": "screen",
    "group": "group",
    "g": "group",
    "alias": "alias",
    "a": "alias",
    "batch": "batch",
    "b": "batch",
}
MAX_BATCH: Final = 500_000  # bytes, unpacked
_NAMED: Final = {"type": "object", "additionalProperties": {"type": "string", "minLength": 1}}

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["write_keys"],
    "properties": {
        "write_keys": SECRETS,
        "traits": _NAMED,
        "events": {
            "type": "object",
            "additionalProperties": {
                "type": ["string", "object"],
                "minLength": 1,
                "additionalProperties": False,
                "required": ["type"],
                "properties": {"type": {"type": "string", "minLength": 1}, "properties": _NAMED},
            },
        },
    },
}


class SegmentChannel(Channel):
    """Makes events of Segment's calls."""

    name = "segment"
    config_schema = SETTINGS

    def check(self, settings: Mapping[str, Any], names: Names) -> Iterable[str]:
        """Return the fields, events and properties that there are not."""
        yield from wrong_names({"fields": settings.get("traits", {})}, names)
        for written in settings.get("events", {}).values():
            own = {"event": written} if isinstance(written, str) else dict(written)
            yield from wrong_names({"event": own.pop("type", own.get("event")), **own}, names)

    def routes(self) -> list[Route]:
        also = tuple(f"/v1/{call}" for call in CALLS)
        return [
            Route("/v1/{call}", ("POST",), called, "Segment's protocol", also),
            Route("/{call}", ("POST",), called, "Segment's protocol, without /v1"),
        ]


async def called(request: ChannelRequest) -> Accepted | Rejection:
    """Turn one call, or a batch of them, into events."""
    call = CALLS.get(request.params.get("call") or request.path.rpartition("/")[2])
    if call is None:
        return Rejection("Segment has no such call", 404, "not-found")
    body = request.data
    if not isinstance(body, dict):
        return wrong_body("a JSON object")
    if not is_secret(_write_key(request.headers, body), request.settings["write_keys"]):
        return Rejection("the write key is missing or wrong", 401, "wrong-write-key")
    items = _items(call, body)
    if items is None:
        return wrong_body("a batch of calls")
    if len(request.body) > MAX_BATCH:
        return Rejection(f"a batch has at most {MAX_BATCH} bytes", 413, "too-large")
    sent = Sent(request, body.get("sentAt"), body.get("context"))
    events = [event for item in items if (event := event_of_call(item, sent)) is not None]
    if len(events) < len(items):
        told = "channel segment: %d of %d calls were left out: too large, or no JSON object"
        logger.warning(told, len(items) - len(events), len(items))
    return Accepted(tuple(events), Reply(200, {"success": True}), lenient=True)


def _items(call: str, body: Mapping[str, Any]) -> list[Any] | None:
    """Return the calls with their types; what is no call is passed on, to be counted as refused."""
    if call != "batch":
        return [{**body, "type": call}]
    batch = body.get("batch")
    return batch if isinstance(batch, list) else None


def _write_key(headers: Mapping[str, str], body: Mapping[str, Any]) -> str:
    """Return the key that a client names; the header's counts before the body's."""
    scheme, _, given = headers.get("authorization", "").partition(" ")
    if scheme.lower() == "basic":
        try:
            user = base64.b64decode(given.strip(), validate=True).decode().partition(":")[0]
        except (binascii.Error, ValueError):
            user = ""
        if user:
            return user
    return str(body.get("writeKey") or "")


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(SegmentChannel())
