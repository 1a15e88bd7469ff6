"""What was done, and forgetting a person."""

from __future__ import annotations

from typing import Final

import msgspec
from starlette.requests import Request

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
from engine.server.leads import lead_id
from engine.server.problems import Json

_QUERY: Final[dict[str, Schema]] = {"who": TEXT, "lead": TEXT, "limit": LIMIT, "cursor": TEXT}


async def list_deeds(request: Request) -> Json:
    """What people and programs did and were refused, newest first."""
    query = query_of(request, _QUERY)
    page = await reading(
        services(request).runtime.reader.deeds,
        query.get("who"),
        query.get("lead"),
        limit_of(query),
        query.get("cursor"),
    )
    return Json(page_of(request, page))


async def forget(request: Request) -> Json:
    """Erase a person; the counts stay."""
    await object_of(request)
    id = await lead_id(request)
    erased = await services(request).runtime.forget(id)
    request.state.lead = erased.name  # the audit must not lead back
    return Json(msgspec.to_builtins(erased))


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/audit",
        handler=list_deeds,
        summary="What people and programs did through the API, newest first",
        tag="accountability",
        query=_QUERY,
        gives={"$ref": "#/components/schemas/Page"},
        scope="admin",
    ),
    Endpoint(
        method="POST",
        path="/v1/leads/{id:path}/forget",
        handler=forget,
        summary="Erase a person from leads, events, deliveries, to-dos and search",
        tag="accountability",
        takes={"type": "object", "additionalProperties": False, "properties": {}},
        fails=(404, 413, 422),
        scope="admin",
    ),
)
