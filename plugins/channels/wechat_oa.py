"""The channel ``wechat_oa`` (公众号): who follows, writes, scans a code or taps the menu.

WeChat calls ``/channels/wechat_oa/ACCOUNT``. In plain mode its signature covers the timestamp
and the nonce, and not a letter of the message; in encrypted mode all of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.plugin import (
    Accepted,
    Channel,
    ChannelRequest,
    Rejection,
    Reply,
    Route,
    hookimpl,
)
from plugins.channels.signatures import SECRET
from plugins.channels.wechat_callback import (
    AES_KEY,
    NAME,
    SOURCE,
    event_id,
    event_time,
    needed,
    opened,
    read_xml,
    source_of,
    stale,
)
from plugins.channels.wechat_crypto import BadMessage, BadSignature, Crypt, check_signature

_SCENE: Final = "qrscene_"  # in front of the scene when a scan makes somebody follow
# What WeChat takes for "arrived, and nothing to say".
_DONE: Final = Reply(200, "success", media_type="text/plain")
Message = Mapping[str, str]

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "accounts": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["app_id", "token"],
                "properties": {"app_id": NAME, "token": SECRET, "aes_key": AES_KEY},
            },
        },
        "scenes": {
            "type": "object",
            "propertyNames": {"maxLength": 64},
            "additionalProperties": SOURCE,
        },
        "source": SOURCE,
    },
}
CATALOGUE: Final[Mapping[str, Any]] = {
    "events": {
        "wechat_followed": {"label": "关注公众号", "properties": {"scene": "string"}},
        "wechat_unfollowed": {"label": "取消关注公众号", "behaviour": False},
        "wechat_message_received": {
            "label": "公众号消息",
            "properties": {"kind": "string", "text": "text"},
        },
        "wechat_menu_clicked": {
            "label": "点击公众号菜单",
            "properties": {"key": "string", "url": "text"},
        },
        "wechat_code_scanned": {"label": "扫描公众号二维码", "properties": {"scene": "string"}},
    }
}


class WechatChannel(Channel):
    """Takes the callbacks of any number of official accounts."""

    name = "wechat_oa"
    config_schema = SETTINGS

    def routes(self) -> list[Route]:
        return [
            Route("/{account}", ("GET",), verified, "WeChat makes sure that the address is ours"),
            Route("/{account}", ("POST",), received, "WeChat tells of an event or a message"),
        ]


async def verified(request: ChannelRequest) -> Accepted | Rejection:
    """Answer with ``echostr`` as it is."""
    account = _account(request)
    if account is None:
        return _unknown()
    refused = _unsigned(account, request)
    echo = dict(request.query).get("echostr", "")
    return refused or Accepted((), Reply(200, echo, media_type="text/plain"))


async def received(request: ChannelRequest) -> Accepted | Rejection:
    """Turn one message into an event, or into none."""
    account = _account(request)
    if account is None:
        return _unknown()
    try:
        message = _read(account, request)
        if isinstance(message, Rejection):
            return message
        return stale(request) or Accepted(_events(message, request), _DONE, lenient=True)
    except BadMessage as error:
        return Rejection(str(error), 400, "bad-message")


def _account(request: ChannelRequest) -> Mapping[str, Any] | None:
    known = request.settings.get("accounts", {})
    found: Mapping[str, Any] | None = known.get(request.params["account"])
    return found


def _unknown() -> Rejection:
    text = "there is no such account under channels.wechat_oa.accounts"
    return Rejection(text, 404, "not-found")


def _read(account: Mapping[str, Any], request: ChannelRequest) -> Message | Rejection:
    """Return the message. An account with a key takes encrypted ones only.

    Else whoever has seen one signature could say what he likes with it.
    """
    if "aes_key" not in account:
        return _unsigned(account, request) or read_xml(request.body)
    crypt = Crypt(str(account["token"]), account["aes_key"], str(account["app_id"]))
    plain = opened(crypt, request, read_xml(request.body).get("Encrypt", ""))
    return plain if isinstance(plain, Rejection) else read_xml(plain)


def _unsigned(account: Mapping[str, Any], request: ChannelRequest) -> Rejection | None:
    query = dict(request.query)
    parts = (str(account["token"]), query.get("timestamp", ""), query.get("nonce", ""))
    try:
        check_signature(query.get("signature", ""), *parts)
    except BadSignature as error:
        return Rejection(str(error), 401, "bad-signature")
    return None


def _events(message: Message, request: ChannelRequest) -> tuple[Mapping[str, Any], ...]:
    kind = message.get("MsgType", "")
    scene: str | None = None
    once: tuple[str, ...]
    if kind == "event":
        found = _event(message)
        if found is None:
            return ()
        type, properties = found
        scene = properties.get("scene", "") if type != "wechat_menu_clicked" else None
        once = ("event", message.get("Event", ""), message.get("EventKey", ""), _created(message))
    else:
        type, properties = "wechat_message_received", _said(kind, message)
        once = ("message", needed(message, "MsgId"))
    person = needed(message, "FromUserName")
    event = {
        "id": event_id("wechat_oa", message.get("ToUserName", ""), person, *once),
        "type": type,
        "at": event_time(_created(message), request.now),
        "lead": {"wechat_openid": person, **_source(type, scene, request.settings)},
        "properties": {name: text for name, text in properties.items() if text},
    }
    return (event,)


def _event(message: Message) -> tuple[str, dict[str, str]] | None:
    """Return the type and properties of what happened; None for what is nothing to a lead."""
    key = message.get("EventKey", "")
    match message.get("Event", "").upper():
        case "SUBSCRIBE":
            return "wechat_followed", {"scene": key.removeprefix(_SCENE)}
        case "UNSUBSCRIBE":
            return "wechat_unfollowed", {}
        case "SCAN":
            return "wechat_code_scanned", {"scene": key}
        case "CLICK":
            return "wechat_menu_clicked", {"key": key}
        case "VIEW":
            return "wechat_menu_clicked", {"url": key}
    return None


def _said(kind: str, message: Message) -> dict[str, str]:
    """Return what was said; what is no text, such as a picture, has its kind only."""
    return {"kind": kind, "text": message.get("Content", "") if kind == "text" else ""}


def _source(type: str, scene: str | None, settings: Mapping[str, Any]) -> dict[str, Any]:
    """Return where a follower, or who scans a code, comes from."""
    if scene is None or (type != "wechat_followed" and not scene):
        return {}
    found = source_of(scene, settings.get("scenes", {}), settings.get("source", {}))
    return {"source": found} if found else {}


def _created(message: Message) -> str:
    return needed(message, "CreateTime")


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(WechatChannel())


@hookimpl
def extend_catalogue() -> Mapping[str, Any]:
    """Return the events of official accounts."""
    return CATALOGUE
