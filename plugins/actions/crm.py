"""The action ``crm``: a record of any CRM with an API of JSON, as server.yaml maps it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from engine.plugin import (
    Action,
    ActionContext,
    Answer,
    Delivered,
    Failed,
    Limits,
    Misconfigured,
    OutgoingDelivery,
    Result,
    Retry,
    Trouble,
    by_status,
    hookimpl,
)
from plugins.actions import crm_common
from plugins.actions.callers import ServiceAction

_URL: Final = {"type": "string", "pattern": r"^https?://[^\s#]+$"}
_PATH: Final = {"type": "string", "pattern": r"^[^.\s]+(\.[^.\s]+)*$"}
_CODES: Final = {"type": "array", "items": {"type": ["integer", "string"]}}
_OK: Final[Mapping[str, Any]] = {"type": ["integer", "string", "boolean"]}
_HEADERS: Final = {
    "type": "object",
    "additionalProperties": {"type": "string", "pattern": r"^[^\r\n]*$"},
}
_TOKEN: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url", "body", "token"],
    "properties": {
        "url": _URL,
        "body": {"type": "object"},
        "form": {"type": "boolean"},
        "token": _PATH,
        "seconds": {"type": "number", "exclusiveMinimum": 0},
        "header": {"type": "string", "pattern": "^[A-Za-z0-9-]+$"},
        "prefix": {"type": "string", "pattern": r"^[^\r\n]*$"},
        "path": _PATH,
        "expired": _CODES,
    },
}
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["url", "ok"],
    "properties": {
        "url": _URL,
        "method": {"enum": ["POST", "PUT", "PATCH"]},
        "headers": _HEADERS,
        "body": {"type": "object"},
        "record": _PATH,
        "fields": crm_common.FIELDS,
        "ok": {
            "type": "object",
            "additionalProperties": False,
            "required": ["path", "is"],
            "properties": {
                "path": _PATH,
                "is": {**_OK, "type": [*_OK["type"], "array"], "items": _OK},
            },
        },
        "id": _PATH,
        "busy": _CODES,
        "stop": _CODES,
        "token": _TOKEN,
        "allow_private": {"type": "boolean"},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 25},
    },
}
TOKEN_S: Final = 3_600.0


class CrmAction(ServiceAction):
    """Sends one record; the body of the answer says whether the CRM took it."""

    name = "crm"
    connection_schema = SETTINGS
    limits = Limits(concurrency=2)

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        record = crm_common.renamed(delivery.params, settings.get("fields", {}))
        if not record:
            return Failed("the step gives nothing to send: write it under `with`")
        answer, expired = await self._send(context, delivery, record)
        if expired:  # another token, and once more
            answer, _ = await self._send(context, delivery, record)
        return by_status(answer, "the CRM") or _said(settings, answer.data)

    async def check(self, context: ActionContext) -> Result | None:
        """Fetch a token, where the CRM has such."""
        if "token" not in context.connection:
            return None
        await self._token(context)
        return Delivered()

    async def _send(
        self, context: ActionContext, delivery: OutgoingDelivery, record: Mapping[str, Any]
    ) -> tuple[Answer, bool]:
        """Return the answer, and whether it says that the token has ended."""
        settings = context.connection
        body = settings.get("body", {})
        path = settings.get("record")
        body = crm_common.put(body, path, record) if path else {**body, **record}
        headers = {**settings.get("headers", {}), "idempotency-key": delivery.key}
        token, how = "", settings.get("token", {})
        if how:
            token = await self._token(context)
            if "path" in how:
                body = crm_common.put(body, how["path"], token)
            else:
                prefix = how.get("prefix", "Bearer ")
                headers[how.get("header", "authorization")] = f"{prefix}{token}"
        method = settings.get("method", "POST")
        caller = self.callers.of(context)
        answer = await caller.call(method, settings["url"], headers=headers, json=body)
        expired = bool(how) and (
            answer.status == 401 or _code(settings, answer.data) in _texts(how, "expired")
        )
        if expired:
            self.tokens.drop(_account(how), token)
        return answer, expired

    async def _token(self, context: ActionContext) -> str:
        how = context.connection["token"]

        async def fetch() -> tuple[str, float]:
            caller = self.callers.of(context)
            if how.get("form"):
                texts = {name: str(value) for name, value in how["body"].items()}
                answer = await caller.call("POST", how["url"], form=texts)
            else:
                answer = await caller.call("POST", how["url"], json=how["body"])
            trouble = by_status(answer, "the CRM's token service")
            if isinstance(trouble, Failed):  # such as OAuth's 400 for a wrong password
                trouble = Misconfigured(trouble.reason)
            if trouble is not None:
                raise Trouble(trouble)
            return crm_common.token_of(answer, how["token"], float(how.get("seconds", TOKEN_S)))

        return await self.tokens.get(_account(how), fetch)


def _account(how: Mapping[str, Any]) -> str:
    return repr((how["url"], sorted(how["body"].items(), key=str)))


def _code(settings: Mapping[str, Any], data: Any) -> str:
    return crm_common.code_of(crm_common.at(data, settings["ok"]["path"]))


def _texts(told: Mapping[str, Any], name: str) -> set[str]:
    return {str(code) for code in told.get(name, ())}


def _said(settings: Mapping[str, Any], data: Any) -> Result:
    """Return what the body says, by the codes that server.yaml knows."""
    found, wanted = crm_common.at(data, settings["ok"]["path"]), settings["ok"]["is"]
    wanted = wanted if isinstance(wanted, list) else [wanted]
    if any(type(found) is type(each) and found == each for each in wanted):
        id = crm_common.at(data, settings["id"]) if "id" in settings else ""
        return Delivered(str(id if isinstance(id, str | int) else ""))
    code = _code(settings, data)
    if code in _texts(settings, "busy"):
        return Retry(f"the CRM answered {code}")
    if code in _texts(settings, "stop") or code in _texts(settings.get("token", {}), "expired"):
        return Misconfigured(f"the CRM answered {code}")
    return Failed(f"the CRM did not take it: {code}")


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(CrmAction())
