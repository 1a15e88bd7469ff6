"""The outbox: what was sent and what came to nothing, and trying that again."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from engine.language.nearest import did_you_mean
from engine.server.endpoint import (
    LIMIT,
    TEXT,
    Endpoint,
    Schema,
    limit_of,
    object_of,
    page_of,
    query_of,
    reading,
    services,
)
from engine.server.ownership import acting
from engine.server.problems import Json, Problem
from engine.store.retrying import AGAIN

STATUSES: Final = (
    "queued",
    "leased",
    "delivered",
    "failed",
    "dead",
    "expired",
    "blocked",
    "collected",
)
_QUERY: Final[dict[str, Schema]] = {
    "status": {"enum": list(STATUSES)},
    "lead": TEXT,
    "connection": TEXT,
    "limit": LIMIT,
    "cursor": TEXT,
}


async def list_deliveries(request: Request) -> Json:
    """The outbox, newest first."""
    query = query_of(request, _QUERY)
    page = await reading(
        services(request).runtime.reader.deliveries,
        status=_one_of(query.get("status"), STATUSES, 400),
        lead=query.get("lead"),
        connection=query.get("connection"),
        limit=limit_of(query),
        cursor=query.get("cursor"),
    )
    if not page.items and (name := query.get("connection")) is not None:
        await _refuse_unknown(request, name, 400)
    return Json(page_of(request, page))


async def _refuse_unknown(request: Request, name: str, problem: int) -> None:
    """Raise Problem for a connection that is not set up and through which nothing ever went."""
    runtime = services(request).runtime
    known = runtime.ruleset.definitions.server.connections
    if name not in known:
        past = await reading(runtime.reader.deliveries, connection=name, limit=1)
        if not past.items:
            text = f"there is no connection {name[:80]!r}; {did_you_mean(name[:80], known)}"
            raise Problem(problem, "unknown-connection", text)


def _one_of(status: Any, known: tuple[str, ...], problem: int) -> str | None:
    if status is not None and status not in known:
        hint = did_you_mean(str(status)[:80], known)
        raise Problem(problem, "bad-status", f"{str(status)[:80]!r} is no status for this; {hint}")
    return None if status is None else str(status)


async def retry(request: Request) -> Json:
    """Try one again that came to nothing, with the same key; gives it as it stands."""
    key: str = request.path_params["id"]
    data = await object_of(request, "by")
    service = services(request)
    await service.deliverer.retry(key, _by(request, data))
    return Json(await reading(service.runtime.reader.delivery, key))


async def retry_all(request: Request) -> Json:
    """Try everything of a connection again that came to nothing."""
    data = await object_of(request, "by", "connection", "status")
    name = data.get("connection")
    if not isinstance(name, str) or not name:
        raise Problem(422, "bad-value", 'name a connection: {"connection": "email"}')
    status = _one_of(data.get("status"), AGAIN, 422)
    await _refuse_unknown(request, name, 422)
    count = await services(request).deliverer.retry_all(name, _by(request, data), status)
    return Json({"retried": count})


def _by(request: Request, data: dict[str, Any]) -> str:
    by = acting(request, data.get("by"))
    if not isinstance(by, str):
        raise Problem(422, "bad-value", '"by" is who wants it, a text')
    return by


def _body(**properties: Schema) -> Schema:
    known = {"by": TEXT, **properties}
    return {"type": "object", "additionalProperties": False, "properties": known}


# The shorter path first: an id may contain slashes.
ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/deliveries",
        handler=list_deliveries,
        summary="The outbox, newest first",
        tag="work",
        query=_QUERY,
        gives={"$ref": "#/components/schemas/Page"},
    ),
    Endpoint(
        method="POST",
        path="/v1/deliveries/retry",
        handler=retry_all,
        summary="Try all of a connection again that came to nothing",
        tag="work",
        takes={**_body(connection=TEXT, status={"enum": list(AGAIN)}), "required": ["connection"]},
        fails=(413, 422),
    ),
    Endpoint(
        method="POST",
        path="/v1/deliveries/{id:path}/retry",
        handler=retry,
        summary="Try a delivery again that came to nothing",
        tag="work",
        takes=_body(),
        fails=(404, 409, 413, 422),
    ),
)
