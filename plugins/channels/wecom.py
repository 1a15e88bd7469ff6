"""The channel ``wecom`` (企业微信): customers that salespeople win and lose, and messages.

WeCom calls ``/channels/wecom/APP``, encrypted and signed. It waits five seconds and then sends
the same again, so it is answered as soon as the event is stored, and the same event counts once.
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
from plugins.channels.wechat_crypto import BadMessage, Crypt

CONTACTS: Final = "change_external_contact"
# Added from the customer's side, the salesperson has yet to agree; and added for good.
_ADDED: Final = {"add_external_contact": False, "add_half_external_contact": True}
_REMOVED: Final = {"del_external_contact": "member", "del_follow_user": "customer"}
MAX_STATE: Final = 64
# Status 200 with nothing in it is all that WeCom asks for.
_DONE: Final = Reply(200, "", media_type="text/plain")
Message = Mapping[str, str]

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "properties": {
        "apps": {
            "type": "object",
            "additionalProperties": {
                "type": "object",
                "additionalProperties": False,
                "required": ["corp_id", "token", "aes_key"],
                "properties": {
                    "corp_id": NAME,
                    "suite_id": NAME,
                    "token": SECRET,
                    "aes_key": AES_KEY,
                    "messages": {"type": "boolean"},
                },
            },
        },
        "states": {
            "type": "object",
            "propertyNames": {"maxLength": MAX_STATE},
            "additionalProperties": SOURCE,
        },
        "source": SOURCE,
    },
}


class WecomChannel(Channel):
    """Takes the callbacks of any number of apps, each with keys of its own."""

    name = "wecom"
    config_schema = SETTINGS

    def routes(self) -> list[Route]:
        return [
            Route("/{app}", ("GET",), verified, "WeCom makes sure that the address is ours"),
            Route("/{app}", ("POST",), received, "WeCom tells of an event or a message"),
        ]


async def verified(request: ChannelRequest) -> Accepted | Rejection:
    """Answer with what was encrypted, and nothing around it."""
    app = _app(request)
    if app is None:
        return _unknown()
    # Base64 has no spaces: what looks like one was a plus that nobody escaped.
    echo = dict(request.query).get("echostr", "").replace(" ", "+")
    plain = opened(_crypt(app), request, echo)
    if isinstance(plain, Rejection):
        return plain
    return Accepted((), Reply(200, plain, media_type="text/plain"))


async def received(request: ChannelRequest) -> Accepted | Rejection:
    """Turn one callback into an event, or into none."""
    app = _app(request)
    if app is None:
        return _unknown()
    try:
        plain = opened(_crypt(app), request, read_xml(request.body).get("Encrypt", ""))
        if isinstance(plain, Rejection):
            return plain
        events = _events(read_xml(plain), app, request)
        return stale(request) or Accepted(events, _DONE, lenient=True)
    except BadMessage as error:
        return Rejection(str(error), 400, "bad-message")


def _app(request: ChannelRequest) -> Mapping[str, Any] | None:
    found: Mapping[str, Any] | None = request.settings.get("apps", {}).get(request.params["app"])
    return found


def _unknown() -> Rejection:
    return Rejection("there is no such app under channels.wecom.apps", 404, "not-found")


def _crypt(app: Mapping[str, Any]) -> Crypt:
    receiver = app.get("suite_id", app["corp_id"])
    return Crypt(str(app["token"]), app["aes_key"], str(receiver))


def _events(
    message: Message, app: Mapping[str, Any], request: ChannelRequest
) -> tuple[Mapping[str, Any], ...]:
    """Return the events of a message; most that WeCom tells of is nothing to a lead."""
    # Third-party apps are told the same under names of their own.
    contact = message.get("Event", message.get("InfoType")) == CONTACTS
    said = bool(app.get("messages")) and message.get("MsgType", "event") != "event"
    if not contact and not said:
        return ()
    corp = message.get("AuthCorpId", message.get("ToUserName", ""))
    if corp != app["corp_id"]:
        raise BadMessage("the message is about another corp")
    return _contact(message, corp, request) if contact else (_said(message, corp, request),)


def _contact(message: Message, corp: str, request: ChannelRequest) -> tuple[Mapping[str, Any], ...]:
    change = message.get("ChangeType", "")
    if change not in _ADDED and change not in _REMOVED:
        return ()
    member, customer = needed(message, "UserID"), needed(message, "ExternalUserID")
    created = message.get("CreateTime", message.get("TimeStamp", ""))
    event = {
        # For customers' events FromUserName is always "sys" and tells nothing apart.
        "id": event_id("wecom", corp, CONTACTS, change, member, customer, created),
        "at": event_time(created, request.now),
    }
    if change in _REMOVED:
        properties = {"member": member, "by": _REMOVED[change]}
        lead = {"wecom_id": customer}
        return ({**event, "type": "wecom_contact_removed", "lead": lead, "properties": properties},)
    return ({**event, **_added(message, created, request.settings)},)


def _added(message: Message, created: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    state, code = message.get("State", ""), message.get("WelcomeCode", "")
    lead: dict[str, Any] = {"wecom_id": message["ExternalUserID"]}
    source = source_of(state, settings.get("states", {}), settings.get("source", {}))
    if source:
        lead["source"] = source
    if code:
        # With the instant, for WeCom takes it for 20 seconds only.
        lead["wecom_welcome_code"] = f"{created}:{code}"
    properties: dict[str, Any] = {"member": message["UserID"]}
    if state:
        properties["state"] = state
    if _ADDED[message["ChangeType"]]:
        properties["half"] = True
    return {"type": "wecom_contact_added", "lead": lead, "properties": properties}


def _said(message: Message, corp: str, request: ChannelRequest) -> Mapping[str, Any]:
    """Return a message to the app; what is no text, such as a picture, has no text."""
    text = message.get("Content", "") if message.get("MsgType") == "text" else ""
    return {
        "id": event_id("wecom", corp, "message", needed(message, "MsgId")),
        "type": "wecom_message_received",
        "at": event_time(message.get("CreateTime", ""), request.now),
        "lead": {"wecom_id": needed(message, "FromUserName")},
        "properties": {"text": text} if text else {},
    }


@hookimpl
def register_channels(register: Callable[[Channel], None]) -> None:
    """Register the channel."""
    register(WecomChannel())
