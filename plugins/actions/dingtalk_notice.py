"""The action ``dingtalk.notice``: work notices of DingTalk (钉钉工作通知) to salespeople."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.plugin import (
    Action,
    ActionContext,
    BadAnswer,
    Delivered,
    Failed,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    Trouble,
    hookimpl,
)
from plugins.actions import callers, chat
from plugins.actions.callers import ServiceAction
from plugins.actions.dingtalk import ENDPOINT

SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["app_key", "app_secret", "agent_id"],
    "properties": {
        "app_key": {"type": "string", "minLength": 1},
        "app_secret": {"type": "string", "minLength": 1},
        # Text, too: ${AGENT_ID} may be either.
        "agent_id": {"type": ["integer", "string"], "pattern": "^[0-9]+$"},
        "users": chat.NAMED_USERS,
        **callers.SETTINGS,
    },
}
PARAMS: Final[Mapping[str, Any]] = {
    "type": "object",
    "properties": {"userid": {"type": "string", "minLength": 1}},
}
_RATE_WAIT_MS: Final = 60_000
_BUSY: Final = -1
_TOKEN_ENDED: Final = frozenset({40001, 40014, 42001})
_LIMITED: Final = range(90002, 90031)
# 88 is "not authorised", with the reason in sub_code.
_NOT_AUTHORISED: Final = 88


class DingtalkNoticeAction(ServiceAction):
    """Sends one work notice to one person; the token is fetched once for all deliveries."""

    name = "dingtalk.notice"
    connection_schema = SETTINGS
    params_schema = PARAMS

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        notice = _notice(delivery, context.connection)
        if isinstance(notice, Failed):
            return notice
        told = await self._sent(notice, context)
        return _outcome(told) or Delivered(str(told.get("task_id") or ""))

    async def _sent(self, notice: Mapping[str, Any], context: ActionContext) -> Mapping[str, Any]:
        """Return the answer; a token that has ended early is replaced, once."""
        told: Mapping[str, Any] = {}
        for _ in range(2):
            token = await self._token(context)
            told = await self._post(notice, token, context)
            if not _token_ended(told):
                return told
            self.tokens.drop(_key(context), token)
        return told

    async def _post(
        self, notice: Mapping[str, Any], token: str, context: ActionContext
    ) -> Mapping[str, Any]:
        url = f"{_endpoint(context)}/topapi/message/corpconversation/asyncsend_v2"
        params = {"access_token": token}
        answer = await self.callers.of(context).call("POST", url, params=params, json=notice)
        return chat.body_of(answer, "DingTalk", "errcode")

    async def _token(self, context: ActionContext) -> str:
        async def fetch() -> tuple[str, float]:
            settings = context.connection
            keys = {"appkey": settings["app_key"], "appsecret": settings["app_secret"]}
            url = f"{_endpoint(context)}/gettoken"
            answer = await self.callers.of(context).call("GET", url, params=keys)
            return _read_token(chat.body_of(answer, "DingTalk", "errcode"))

        return await self.tokens.get(_key(context), fetch)

    async def check(self, context: ActionContext) -> Result | None:
        """Fetch a token: are the application's key and secret accepted?"""
        await self._token(context)
        return Delivered()


def _read_token(told: Mapping[str, Any]) -> tuple[str, float]:
    code = told.get("errcode")
    if code == 0:
        token, seconds = told.get("access_token"), told.get("expires_in", 7200)
        if not isinstance(token, str) or not token or not isinstance(seconds, int):
            raise BadAnswer("DingTalk's answer has no token")
        return token, float(seconds)
    result = _outcome(told) or Retry("DingTalk gave no token")
    if isinstance(result, Failed):  # whatever it is, it meets every message alike
        raise Trouble(Misconfigured(result.reason))
    raise Trouble(result)


def _key(context: ActionContext) -> str:
    settings = context.connection
    return repr((_endpoint(context), settings["app_key"], settings["app_secret"]))


def _endpoint(context: ActionContext) -> str:
    return str(context.connection.get("endpoint", ENDPOINT))


def _notice(delivery: OutgoingDelivery, settings: Mapping[str, Any]) -> dict[str, Any] | Failed:
    told = delivery.params.get("userid")
    # Without a table, salespeople are called here as they are there.
    person = told or chat.named(settings.get("users", {}), delivery.to) or delivery.to
    if not person:
        return Failed("a work notice needs to: owner, or with: {userid: ...}")
    text = chat.plain(delivery)
    if not text and not delivery.markdown:
        return Failed("the notice has neither a title nor a text")
    message: dict[str, Any] = {"msgtype": "text", "text": {"content": text}}
    if delivery.markdown:
        content = {"title": chat.title(delivery), "text": delivery.markdown}
        message = {"msgtype": "markdown", "markdown": content}
    agent = int(settings["agent_id"])
    return {"agent_id": agent, "userid_list": str(person), "to_all_user": False, "msg": message}


def _token_ended(told: Mapping[str, Any]) -> bool:
    code, sub = told.get("errcode"), str(told.get("sub_code") or "")
    return code in _TOKEN_ENDED or (code == _NOT_AUTHORISED and sub in {"40001", "40014", "42001"})


def _outcome(told: Mapping[str, Any]) -> Result | None:
    """Return what went wrong, None when nothing did."""
    code = told.get("errcode")
    if code == 0:
        return None
    sub = f" {told['sub_code']}" if told.get("sub_code") else ""
    reason = f"DingTalk: {code}{sub}: {told.get('sub_msg') or told.get('errmsg') or 'no message'}"
    if code == _NOT_AUTHORISED or code in _TOKEN_ENDED:
        return Misconfigured(reason)
    if code in _LIMITED:
        return Retry(reason, _RATE_WAIT_MS)
    return Retry(reason) if code == _BUSY else Failed(reason)


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(DingtalkNoticeAction())
