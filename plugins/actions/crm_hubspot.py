"""The action ``crm_hubspot``: a record of HubSpot, made or brought up to date."""

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
    by_status,
    hookimpl,
)
from plugins.actions import callers, crm_common
from plugins.actions.callers import ServiceAction

ENDPOINT: Final = "https://api.hubapi.com"
SETTINGS: Final[Mapping[str, Any]] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["token"],
    "properties": {
        "token": {"type": "string", "minLength": 1},
        "object": {"type": "string", "pattern": "^[A-Za-z0-9_-]+$"},
        "id_property": {"type": "string", "pattern": "^[a-z0-9_]+$"},
        "fields": crm_common.FIELDS,
        **callers.SETTINGS,
    },
}
_UNKNOWN: Final = (400, 404)
FIELDS: Final = {"name": "lastname", "title": "jobtitle"}


class HubspotAction(ServiceAction):
    """Upserts one record by a property whose values are unique, by default a contact's email."""

    name = "crm_hubspot"
    connection_schema = SETTINGS
    limits = Limits(per_second=10, concurrency=4)

    async def perform(self, delivery: OutgoingDelivery, context: ActionContext) -> Result:
        settings = context.connection
        record = crm_common.renamed(delivery.params, {**FIELDS, **settings.get("fields", {})})
        key = str(settings.get("id_property", "email"))
        if key not in record:
            return Failed(f'the step gives no "{key}", by which HubSpot finds the record')
        texts = {name: _text(value) for name, value in record.items()}
        what = settings.get("object", "contacts")
        body = {"inputs": [{"idProperty": key, "id": texts[key], "properties": texts}]}
        answer = await self._post(context, f"/crm/v3/objects/{what}/batch/upsert", body)
        return by_status(answer, "HubSpot") or _said(answer.data)

    async def check(self, context: ActionContext) -> Result | None:
        """Ask whose the token is: that needs no scope."""
        path = "/oauth/v2/private-apps/get/access-token-info"
        answer = await self._post(context, path, {"tokenKey": context.connection["token"]})
        if answer.status in _UNKNOWN:
            return Misconfigured("HubSpot does not know the token")
        return by_status(answer, "HubSpot") or Delivered()

    async def _post(self, context: ActionContext, path: str, body: Mapping[str, Any]) -> Answer:
        url = f"{context.connection.get('endpoint', ENDPOINT)}{path}"
        headers = {"authorization": f"Bearer {context.connection['token']}"}
        return await self.callers.of(context).call("POST", url, headers=headers, json=body)


def _text(value: Any) -> str:
    """Return a value as HubSpot's properties want it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ";".join(map(str, value)) if isinstance(value, list) else str(value)


def _said(data: Any) -> Result:
    """Return what a 2xx body says: 207 has errors inside."""
    errors, results = crm_common.at(data, "errors"), crm_common.at(data, "results")
    if isinstance(errors, list) and errors:
        code = crm_common.code_of(crm_common.at(errors[0], "category"))
        busy = code == "RATE_LIMITS"
        return (Retry if busy else Failed)(f"HubSpot did not take it: {code}")
    if isinstance(results, list) and results and crm_common.at(results[0], "id"):
        return Delivered(str(results[0]["id"]))
    return Failed("HubSpot answered without saying what it made")


@hookimpl
def register_actions(register: Callable[[Action], None]) -> None:
    """Register the action."""
    register(HubspotAction())
