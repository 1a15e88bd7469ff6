"""A lead's opportunities: opened, changed, won or lost, with amount and expected close."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from starlette.requests import Request

from engine.machines.people.deals import Deal, record
from engine.server.endpoint import Endpoint, reading, services
from engine.server.leads import lead_id
from engine.server.problems import Json
from engine.store.reading import Reader
from engine.store.shapes import when


async def list_opportunities(request: Request) -> Json:
    """The opportunities of a lead, the latest first."""
    id = await lead_id(request)
    reader = services(request).runtime.reader
    return Json({"items": await reading(_opportunities, reader, id), "next": None})


def _opportunities(reader: Reader, id: str) -> list[dict[str, Any]]:
    return [_shown(deal) for deal in record(logged.event for logged in reader.history(id))]


def _shown(deal: Deal) -> dict[str, Any]:
    instants = ("opened_at", "changed_at", "closed_at")
    told: dict[str, Any] = msgspec.structs.asdict(deal)
    return {name: when(value) if name in instants else value for name, value in told.items()}


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/leads/{id:path}/opportunities",
        handler=list_opportunities,
        summary="The opportunities of a lead, the latest first",
        tag="leads",
        scope="leads",
        gives={"$ref": "#/components/schemas/Page"},
        fails=(404,),
    ),
)
