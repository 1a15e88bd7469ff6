"""The audit: what people and programs did, and what they were refused."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from engine.server.console.pages import get
from engine.server.console.room import page
from engine.server.endpoint import TEXT, reading, services

_PAGE: Final = 60


async def audit(request: Request) -> Response:
    """The page; ``who`` and ``lead`` narrow it."""
    query = request.query_params
    wanted = {name: query[name] for name in ("who", "lead") if query.get(name)}
    found = await reading(
        services(request).runtime.reader.deeds,
        who=wanted.get("who"),
        lead=wanted.get("lead"),
        limit=_PAGE,
        cursor=query.get("cursor"),
    )
    following = f"?{urlencode({**wanted, 'cursor': found.next})}" if found.next else None
    return page(
        request, "audit.html", "audit", items=found.items, following=following, wanted=wanted
    )


ENDPOINTS: Final = (
    get(
        "/console/audit",
        audit,
        "The audit",
        scope="admin",
        query={"who": TEXT, "lead": TEXT, "cursor": TEXT},
    ),
)
