"""What WeCom's and WeChat's callbacks share: their XML, their times, their ids, their sources."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final
from xml.parsers import expat

from engine.plugin import ChannelRequest, Rejection
from plugins.channels.signatures import MINUTE, is_fresh
from plugins.channels.times import not_later
from plugins.channels.wechat_crypto import BadMessage, BadSignature, Crypt, MissingLibrary

# A signature holds for ever; a message that was signed so long ago is somebody's recording.
OLD_MS: Final = 15 * MINUTE
NAME: Final[Mapping[str, Any]] = {"type": "string", "minLength": 1}
AES_KEY: Final[Mapping[str, Any]] = {"type": "string", "pattern": "^[A-Za-z0-9+/]{43}$"}
_SOURCES: Final = (
    *("name", "category"),
    *("utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"),
)
# What a state or scene says of where a lead comes from: fields lead.source.*
SOURCE: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": dict.fromkeys(_SOURCES, NAME),
}


class BadXml(BadMessage):
    """What arrived is no XML, or more than a message needs."""


def read_xml(body: bytes) -> dict[str, str]:
    """Return the texts of the elements directly below the root, by name.

    Raises BadXml, at once for a document type, which is where entities that explode come from.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(body, True)
    except BadXml:
        raise
    except expat.ExpatError as error:
        raise BadXml(f"the XML cannot be read at line {error.lineno}") from None
    except (ValueError, LookupError):
        raise BadXml("the XML is in no encoding known here") from None
    return {name: "".join(parts).strip() for name, parts in reader.found.items()}


class _Reader:
    """Gathers texts; what is nested deeper is left out."""

    def __init__(self) -> None:
        self.found: dict[str, list[str]] = {}
        self._depth = 0
        self._name = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text
        self.parser.StartDoctypeDeclHandler = self._refuse

    def _start(self, name: str, _: Mapping[str, str]) -> None:
        self._depth += 1
        if self._depth == 2:
            self._name = name
            self.found[name] = []

    def _end(self, _: str) -> None:
        self._depth -= 1

    def _text(self, text: str) -> None:
        if self._depth == 2:
            self.found[self._name].append(text)

    def _refuse(self, *_: Any) -> None:
        raise BadXml("a message has no document type")


def opened(crypt: Crypt, request: ChannelRequest, encrypted: str) -> bytes | Rejection:
    """Return what a request's ``msg_signature`` vouches for and its key opens."""
    query = dict(request.query)
    mark, timestamp = query.get("msg_signature", ""), query.get("timestamp", "")
    try:
        return crypt.open(mark, timestamp, query.get("nonce", ""), encrypted)
    except BadSignature as error:
        return Rejection(str(error), 401, "bad-signature")
    except BadMessage as error:
        return Rejection(str(error), 400, "bad-message")
    except MissingLibrary as error:
        return Rejection(str(error), 503, "missing-library")


def stale(request: ChannelRequest) -> Rejection | None:
    """Return the refusal of a request whose signed timestamp is no recent one."""
    if is_fresh(dict(request.query).get("timestamp"), request.now, past=OLD_MS):
        return None
    return Rejection("the timestamp is none, or not of now", 401, "old-timestamp")


def needed(message: Mapping[str, str], name: str) -> str:
    """Return what a message must have; raises BadMessage."""
    if not message.get(name):
        raise BadMessage(f"the message has no {name}")
    return message[name]


def event_time(created: str, now: int) -> str:
    """Return a CreateTime as an event's time, never later than ``now``; raises BadMessage."""
    at = not_later(created, now) if created.isascii() and created.isdecimal() else None
    if at is None:
        raise BadMessage("the message has no CreateTime")
    return at


def event_id(channel: str, *parts: str) -> str:
    """Return an event's id from the source's own ids, which name people: as a hash."""
    told = "\n".join(parts).encode("utf-8", "replace")
    return f"{channel}:{hashlib.sha256(told).hexdigest()[:40]}"


def source_of(code: str, table: Mapping[str, Any], otherwise: Mapping[str, Any]) -> dict[str, Any]:
    """Return lead.source of a state or scene (活码): what the table says, and the code itself."""
    known = table.get(code, otherwise)
    return {**known, **({"code": code} if code else {})}
