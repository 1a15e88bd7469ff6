"""WeCom's forms of a message, each within its limits."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.plugin import OutgoingDelivery

MAX_TEXT: Final = 2_048  # bytes; WeCom cuts what is longer, in silence
MAX_ROBOT_MARKDOWN: Final = 4_096  # bytes
MAX_TITLE: Final = 128
MAX_DESCRIPTION: Final = 512
MAX_LABEL: Final = 4
MAX_NOTE: Final = 30  # characters of a contact way's remark and state
_CUT: Final = "…"


def cut_bytes(text: str, most: int) -> str:
    """Return a text of at most so many bytes, its end marked where it was cut.

    >>> cut_bytes("线索", 6), cut_bytes("新线索", 8)
    ('线索', '新…')
    """
    raw = text.encode("utf-8", "replace")
    if len(raw) <= most:
        return text
    return raw[: most - len(_CUT.encode())].decode("utf-8", "ignore") + _CUT


def cut(text: str, most: int) -> str:
    """Return a text of at most so many characters, its end marked where it was cut."""
    return text if len(text) <= most else text[: most - 1] + _CUT


def app_message(delivery: OutgoingDelivery) -> dict[str, Any]:
    """Return msgtype and content of a message of an app: a card where there is a link.

    Raises ValueError where there is nothing to say.
    """
    url = delivery.params.get("url")
    if url:
        return _card(delivery, str(url))
    if delivery.markdown:
        return _one("markdown", cut_bytes(delivery.markdown, MAX_TEXT))
    return _one("text", cut_bytes(_plain(delivery), MAX_TEXT))


def robot_message(delivery: OutgoingDelivery, mentioned: list[str]) -> dict[str, Any]:
    """Return what a group robot says; only in plain text it can mention people by id."""
    if delivery.markdown and not mentioned:
        return _one("markdown", cut_bytes(delivery.markdown, MAX_ROBOT_MARKDOWN))
    said = _one("text", cut_bytes(_plain(delivery), MAX_TEXT))
    if mentioned:
        said["text"]["mentioned_list"] = mentioned
    return said


def welcome(delivery: OutgoingDelivery, code: str) -> dict[str, Any]:
    """Return an external welcome message; raises ValueError where there is nothing to say."""
    attachments = list(delivery.params.get("attachments", ()))
    body: dict[str, Any] = {"welcome_code": code}
    if delivery.text or not attachments:
        body["text"] = {"content": _plain(delivery)}
    if attachments:
        body["attachments"] = attachments
    return body


def contact_way(params: Mapping[str, Any], users: list[str]) -> dict[str, Any]:
    """Return a contact way (联系我): a code that adds one of these members."""
    parties = [int(each) for each in params.get("parties", ())]
    body: dict[str, Any] = {
        "type": 1 if len(users) == 1 and not parties else 2,
        "scene": 2,
        "user": users,
        "skip_verify": bool(params.get("skip_verify", True)),
    }
    for name in ("remark", "state"):
        if params.get(name):
            body[name] = str(params[name])
    return body | ({"party": parties} if parties else {})


def _card(delivery: OutgoingDelivery, url: str) -> dict[str, Any]:
    text = _plain(delivery)
    card = {
        "title": cut(delivery.subject or text, MAX_TITLE),
        "description": cut(delivery.text or text, MAX_DESCRIPTION),
        "url": url,
    }
    label = delivery.params.get("button")
    return {"msgtype": "textcard", "textcard": card | ({"btntxt": label} if label else {})}


def _plain(delivery: OutgoingDelivery) -> str:
    said = "\n".join(filter(None, (delivery.subject, delivery.text)))
    if not said:
        raise ValueError("there is nothing to say: the message has neither text nor title")
    return said


def _one(kind: str, content: str) -> dict[str, Any]:
    return {"msgtype": kind, kind: {"content": content}}
