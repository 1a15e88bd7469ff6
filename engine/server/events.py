"""``POST /v1/events``: everything that happens comes in here."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from engine.host.outcome import Outcome
from engine.server.endpoint import Endpoint, services
from engine.server.ingest import (
    MAX_EVENTS,
    count_of,
    ingest,
    refuse_if_all_bad,
    result_of,
)

__all__ = ["ENDPOINTS", "MAX_EVENTS", "count", "refuse_if_all_bad", "result_of"]


async def post_events(request: Request) -> Response:
    """Take one event or a list; answers after the commit. The shell calls `ingest` itself."""
    headers = dict(request.scope["headers"])
    who = request.scope["principal"]
    body = await ingest(services(request), who, headers, request.receive)
    return Response(body, media_type="application/json")


def count(request: Request, channel: str, outcomes: Sequence[Outcome]) -> None:
    """Count what became of events."""
    count_of(services(request), channel, outcomes)


_EVENT_OR_LIST: Final = {
    "anyOf": [
        {"$ref": "#/components/schemas/Event"},
        {"type": "array", "maxItems": MAX_EVENTS, "items": {"$ref": "#/components/schemas/Event"}},
    ]
}

ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/v1/events",
        handler=post_events,
        scope="ingest",
        summary="Send one event or up to 1,000; the answer comes when they are stored",
        tag="events",
        takes=_EVENT_OR_LIST,
        gives={"$ref": "#/components/schemas/Results"},
        fails=(413, 422, 429),
    ),
)
