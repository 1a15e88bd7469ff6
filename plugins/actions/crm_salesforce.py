"""The action ``crm_salesforce``: a record of Salesforce, made or brought up to date."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final
from urllib.parse import quote

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

VERSION: Final = "v61.0"
# Salesforce does not say how long a token is good; that is set in the organisation.
TOKEN_S: Final = 900.0
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["instance", "client_id", "client_secret", "external_id"],
    "properties": {
        "instance": {"type": "string", "pattern": "^https?://[^/?#]+$"},
        "client_id": {"type": "string", "minLength": 1},
        "client_secret": {"type": "string", "minLength": 1},
        "object": {"type": "string", "pattern": "^[A-Za-z0-9_]+$"},
        "external_id": {"type": "string", "pattern": "^[A-Za-z0-9_]+$"},
        "version": {"type": "string", "pattern": r"^v[0-9]+\.0$"},
        "fields": crm_common.FIELDS,
        "allow_private": {"type": "boolean"},
        "timeout_s": {"type": "number", "exclusiveMinimum": 0, "maximum": 25},
    },
}
FIELDS: Final = {
    "name": "LastName",
    "company": "Company",
    "email": "Email",
    "phone": "Phone",
    "title": "Title",
    "industry": "Industry",
}
_LIMITED: Final = frozenset({"REQUEST_LIMIT_EXCEEDED", "SERVER_UNAVAILABLE", "UNABLE_TO_LOCK_ROW"})


class SalesforceAction(ServiceAction):
    """Upserts one record, by default a Lead, by a field that is marked as an external id."""

    name = "crm_salesforce"
    connection_schema = SETTINGS
    limits = Limits(concurrency=4)

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        record = crm_common.renamed(delivery.params, {**FIELDS, **settings.get("fields", {})})
        key = str(settings["external_id"])
        # The key is in the address and must not be in the body.
        value = record.pop(key, None)
        if value is None:
            return Failed(f'the step gives no "{key}", by which Salesforce finds the record')
        what, version = settings.get("object", "Lead"), settings.get("version", VERSION)
        path = f"/services/data/{version}/sobjects/{what}/{key}/{quote(str(value), safe='')}"
        answer = await self._upsert(context, path, record)
        if answer.status == 401:  # a token that ended early: another one, and once more
            answer = await self._upsert(context, path, record)
        return _said(answer)

    async def check(self, context: ActionContext) -> Result | None:
        """Fetch a token."""
        await self._token(context)
        return Delivered()

    async def _upsert(self, context: ActionContext, path: str, record: Mapping[str, Any]) -> Answer:
        token = await self._token(context)
        headers = {"authorization": f"Bearer {token}"}
        url = context.connection["instance"] + path
        answer = await self.callers.of(context).call("PATCH", url, headers=headers, json=record)
        if answer.status == 401:
            self.tokens.drop(_account(context.connection), token)
        return answer

    async def _token(self, context: ActionContext) -> str:
        settings = context.connection

        async def fetch() -> tuple[str, float]:
            form = {
                "grant_type": "client_credentials",
                "client_id": settings["client_id"],
                "client_secret": settings["client_secret"],
            }
            url = f"{settings['instance']}/services/oauth2/token"
            answer = await self.callers.of(context).call("POST", url, form=form)
            if answer.status == 400:  # invalid_client, invalid_grant
                code = crm_common.code_of(crm_common.at(answer.data, "error"))
                raise Trouble(Misconfigured(f"Salesforce gives no token: {code}"))
            trouble = by_status(answer, "Salesforce")
            if trouble is not None:
                raise Trouble(trouble)
            return crm_common.token_of(answer, "access_token", TOKEN_S)

        return await self.tokens.get(_account(settings), fetch)


def _account(settings: Mapping[str, Any]) -> str:
    return repr([settings[name] for name in ("instance", "client_id", "client_secret")])


def _said(answer: Answer) -> Result:
    data = answer.data
    if answer.status == 204:
        return Delivered()
    code = crm_common.code_of(crm_common.at(data[0], "errorCode")) if _is_errors(data) else ""
    if code in _LIMITED:
        return Retry(f"Salesforce: {code}", answer.retry_after)
    if answer.status == 300:
        return Failed("Salesforce has several records with this external id")
    trouble = by_status(answer, "Salesforce")
    if trouble is not None:
        return Failed(f"Salesforce: {code}") if code and type(trouble) is Failed else trouble
    if crm_common.at(data, "success") is True:
        return Delivered(str(crm_common.at(data, "id") or ""))
    return Failed("Salesforce answered without saying what it made")


def _is_errors(data: Any) -> bool:
    return isinstance(data, list) and bool(data)


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(SalesforceAction())
