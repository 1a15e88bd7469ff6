"""The actions ``wecom`` (企业微信): messages of an app, and what is done for customers.

``wecom`` tells salespeople, ``wecom.robot`` a group; ``wecom.welcome`` greets who has just
added a salesperson, ``wecom.contact_way`` makes a code (活码), ``wecom.tag`` marks a customer.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.plugin import (
    Action,
    ActionContext,
    Delivered,
    Failed,
    Limits,
    OutgoingDelivery,
    Result,
    Retry,
    Trouble,
    hookimpl,
)
from plugins.actions import callers
from plugins.actions.wecom_answers import refused
from plugins.actions.wecom_api import Api, Apis
from plugins.actions.wecom_messages import (
    MAX_LABEL,
    MAX_NOTE,
    app_message,
    contact_way,
    robot_message,
    welcome,
)
from plugins.actions.wecom_quota import Quota

MAX_RECIPIENTS: Final = 1_000
WELCOME_MS: Final = 20_000  # WeCom's time for a welcome message, from the event
_AGAIN_MS: Final = 500
_TEXT: Final = {"type": "string", "minLength": 1}
# Text or number: ${NAME} gives a number when it is all digits.
_KEY: Final = {"type": ["string", "integer"], "minLength": 1}
_NAMES: Final = {"type": "array", "items": _TEXT, "minItems": 1, "maxItems": MAX_RECIPIENTS}
_TAGS: Final = {"type": "array", "items": _TEXT, "minItems": 1}
_APP: Final[Mapping[str, Any]] = {**callers.SETTINGS, "corp_id": _TEXT, "secret": _KEY}
# Members by their ids in routing.yaml, where WeCom knows them by another one.
_USERS: Final = {"type": "object", "additionalProperties": _TEXT}


def _settings(required: tuple[str, ...], **properties: Any) -> dict[str, Any]:
    return {
        "type": "object",
        "additionalProperties": False,
        "required": list(required),
        "properties": properties,
    }


class _WecomAction(Action):
    """What all of them do alike: they share sockets and tokens."""

    timeout_s: float | None = None  # for each call, in place of the connection's

    def __init__(self, apis: Apis) -> None:
        self._apis = apis

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        try:
            return await self._do(delivery, context, self._apis.of(context, self.timeout_s))
        except ValueError as error:
            return Failed(str(error))

    @abstractmethod
    async def _do(self, delivery: OutgoingDelivery, context: ActionContext, api: Api) -> Result:
        """Do it; raises Trouble, and ValueError for what cannot be asked of WeCom at all."""

    async def check(self, context: ActionContext) -> Result | None:
        """Fetch a token."""
        await self._apis.of(context).token()
        return Delivered()

    async def close(self) -> None:
        """Close the sockets, which all of them share."""
        await self._apis.close()


class AppMessage(_WecomAction):
    """A message of an app to the salesperson, or to whom the connection or the step names."""

    name = "wecom"
    limits = Limits(concurrency=4, per_minute=2_000)
    connection_schema = _settings(
        ("corp_id", "secret", "agent_id"),
        **_APP,
        agent_id={"type": ["integer", "string"], "pattern": "^[0-9]+$"},
        users=_USERS,
        to=_NAMES,
        duplicate_check={"type": "integer", "minimum": 1, "maximum": 14_400},
    )
    params_schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "users": _NAMES,
            "parties": {"type": "array", "items": {"type": "integer"}, "maxItems": 100},
            "tags": {"type": "array", "items": {"type": "integer"}, "maxItems": 100},
            "url": {"type": "string", "pattern": "^https?://"},
            "button": {"type": "string", "maxLength": MAX_LABEL},
        },
    }

    def __init__(self, apis: Apis) -> None:
        super().__init__(apis)
        self._quota = Quota()

    async def _do(self, delivery: OutgoingDelivery, context: ActionContext, api: Api) -> Result:
        settings = context.connection
        body: dict[str, Any] = {**_recipients(delivery, settings)}
        wait = self._quota.wait(delivery.key, body.get("touser", "").split("|"))
        if wait:
            reason = "WeCom drops what is more than 30 messages a minute to one member"
            return Retry(reason, wait, about="recipient")
        body["agentid"] = int(settings["agent_id"])
        if "duplicate_check" in settings:
            body["enable_duplicate_check"] = 1
            body["duplicate_check_interval"] = settings["duplicate_check"]
        body |= app_message(delivery)
        answer = await api.ask("/cgi-bin/message/send", body, delivery.attempt)
        return Delivered(str(answer.get("msgid", "")), refused(answer))


class Robot(_WecomAction):
    """A message of a robot to its group."""

    name = "wecom.robot"
    limits = Limits(concurrency=1, per_minute=20)
    connection_schema = _settings(("key",), **callers.SETTINGS, key=_KEY, users=_USERS)
    params_schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {"mention": _NAMES},
    }

    async def _do(self, delivery: OutgoingDelivery, context: ActionContext, api: Api) -> Result:
        settings = context.connection
        named = [str(each) for each in delivery.params.get("mention", ())]
        told = [delivery.to] if delivery.audience == "owner" and delivery.to else []
        mentioned = [_user(each, settings) for each in [*told, *named]]
        body = robot_message(delivery, list(dict.fromkeys(mentioned)))
        await api.robot(str(settings["key"]), body, delivery.attempt)
        return Delivered()

    async def check(self, context: ActionContext) -> Result | None:
        """Nothing can be asked of a robot but to speak."""
        return None


class Welcome(_WecomAction):
    """The first message to a customer, which WeCom takes for 20 seconds and only once."""

    name = "wecom.welcome"
    address = "lead.wecom_welcome_code"
    timeout_s = 4.0  # so that a second try fits into the 20 seconds
    limits = Limits(concurrency=8, deadline=WELCOME_MS)
    connection_schema = _settings(("corp_id", "secret"), **_APP)
    params_schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "attachments": {
                "type": "array",
                "maxItems": 9,
                "items": {
                    "type": "object",
                    "required": ["msgtype"],
                    "properties": {
                        "msgtype": {"enum": ["image", "link", "miniprogram", "video", "file"]}
                    },
                },
            }
        },
    }

    async def _do(self, delivery: OutgoingDelivery, context: ActionContext, api: Api) -> Result:
        created, _, code = (delivery.to or "").partition(":")
        if not code or not (created.isascii() and created.isdecimal()):
            raise ValueError("the lead has no welcome code of WeCom's")
        late = context.now - int(created) * 1_000
        if late > WELCOME_MS:
            raise ValueError(f"the welcome code is {late // 1_000} s old; WeCom takes it for 20 s")
        body = welcome(delivery, code)
        try:
            await api.ask("/cgi-bin/externalcontact/send_welcome_msg", body, delivery.attempt)
        except Trouble as trouble:
            return _soon(trouble.result)
        except OSError as error:
            return Retry(f"WeCom: {error}", _AGAIN_MS)
        return Delivered()


class ContactWay(_WecomAction):
    """A code (活码) that adds a salesperson; who scans it comes with its ``state``."""

    name = "wecom.contact_way"
    limits = Limits(concurrency=2)
    connection_schema = _settings(("corp_id", "secret"), **_APP, users=_USERS)
    params_schema: Mapping[str, Any] = {
        "type": "object",
        "properties": {
            "users": {**_NAMES, "maxItems": 100},
            "parties": {"type": "array", "items": {"type": "integer"}},
            "remark": {"type": "string", "maxLength": MAX_NOTE},
            "state": {"type": "string", "maxLength": MAX_NOTE},
            "skip_verify": {"type": "boolean"},
        },
    }

    async def _do(self, delivery: OutgoingDelivery, context: ActionContext, api: Api) -> Result:
        params = delivery.params
        for name in ("remark", "state"):
            if len(str(params.get(name) or "")) > MAX_NOTE:
                raise ValueError(f"{name} has at most {MAX_NOTE} characters")
        named = [str(each) for each in params.get("users", ())] or _owner(delivery)
        if not named and not params.get("parties"):
            raise ValueError("a contact way needs a member: to: owner, or users in `with`")
        users = [_user(each, context.connection) for each in named]
        path = "/cgi-bin/externalcontact/add_contact_way"
        answer = await api.ask(path, contact_way(params, users), delivery.attempt)
        # WeCom shows neither anywhere else.
        told = (answer.get("config_id"), answer.get("qr_code"))
        return Delivered(" ".join(str(each) for each in told if each))


class Tag(_WecomAction):
    """Tags of the company (企业标签) put on a customer, or taken off."""

    name = "wecom.tag"
    limits = Limits(concurrency=2)
    connection_schema = _settings(
        ("corp_id", "secret", "tags"),
        **_APP,
        users=_USERS,
        tags={"type": "object", "additionalProperties": _TEXT},
    )
    params_schema: Mapping[str, Any] = {
        "type": "object",
        "required": ["customer", "member"],
        "anyOf": [{"required": ["add"]}, {"required": ["remove"]}],
        "properties": {"customer": _TEXT, "member": _TEXT, "add": _TAGS, "remove": _TAGS},
    }

    async def _do(self, delivery: OutgoingDelivery, context: ActionContext, api: Api) -> Result:
        params, settings = delivery.params, context.connection
        body: dict[str, Any] = {
            "userid": _user(str(params["member"]), settings),
            "external_userid": str(params["customer"]),
        }
        for name in ("add", "remove"):
            tags = [_tag(str(each), settings["tags"]) for each in params.get(name, ())]
            if tags:
                body[f"{name}_tag"] = tags
        await api.ask("/cgi-bin/externalcontact/mark_tag", body, delivery.attempt)
        return Delivered()


def _recipients(delivery: OutgoingDelivery, settings: Mapping[str, Any]) -> dict[str, str]:
    """Return whom an app's message is for: the owner, else as the step says, else everybody's."""
    params = delivery.params
    users = _owner(delivery) + [str(each) for each in params.get("users", ())]
    groups = {
        key: "|".join(str(each) for each in params[name])
        for name, key in (("parties", "toparty"), ("tags", "totag"))
        if params.get(name)
    }
    if not users and not groups:
        users = list(settings.get("to", ()))
    if not users and not groups:
        raise ValueError("nobody is addressed; write to: owner, users, parties or tags")
    named = "|".join(dict.fromkeys(_user(each, settings) for each in users))
    return {**({"touser": named} if named else {}), **groups}


def _owner(delivery: OutgoingDelivery) -> list[str]:
    return [delivery.to] if delivery.audience == "owner" and delivery.to else []


def _user(id: str, settings: Mapping[str, Any]) -> str:
    return str(settings.get("users", {}).get(id, id))


def _tag(name: str, known: Mapping[str, Any]) -> str:
    if name not in known:
        raise ValueError(f"the connection has no tag {name!r} under tags")
    return str(known[name])


def _soon(result: Result) -> Result:
    """Return a result whose next try comes while it still makes sense."""
    if type(result) is Retry and result.after is None:
        return Retry(result.reason, _AGAIN_MS, result.about)
    return result


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the actions, which share sockets and tokens."""
    apis = Apis()
    for kind in (AppMessage, Robot, Welcome, ContactWay, Tag):
        register(kind(apis))
