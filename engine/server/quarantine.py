"""What intake held or turned away, for people to look at and to decide."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from engine.errors import NotFound
from engine.language.label import in_language
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
from engine.server.events import count, result_of
from engine.server.languages import language_of
from engine.server.ownership import acting
from engine.server.problems import Json, Problem
from engine.store.holding import STATUSES, WAITING
from engine.store.pages import Page

_QUERY: Final[dict[str, Schema]] = {
    "status": {"enum": list(STATUSES)},
    "limit": LIMIT,
    "cursor": TEXT,
}
_REJECTED_QUERY: Final[dict[str, Schema]] = {"limit": LIMIT, "cursor": TEXT}
_PAGE: Final = {"$ref": "#/components/schemas/Page"}


async def list_quarantine(request: Request) -> Json:
    """Events that wait for a person, the newest first; with status, those decided."""
    query = query_of(request, _QUERY)
    status = query.get("status", WAITING)
    if status not in STATUSES:
        hint = did_you_mean(status[:80], STATUSES)
        raise Problem(400, "bad-status", f"{status[:80]!r} is no status; {hint}")
    reader, limit = services(request).runtime.reader, limit_of(query)
    page = await reading(reader.quarantine, status, limit, query.get("cursor"))
    return Json(page_of(request, _named(request, page)))


async def list_rejected(request: Request) -> Json:
    """Events that a screening rule turned away, the newest first."""
    query = query_of(request, _REJECTED_QUERY)
    reader, limit = services(request).runtime.reader, limit_of(query)
    page = await reading(reader.rejected, limit, query.get("cursor"))
    return Json(page_of(request, _named(request, page)))


def _named(request: Request, page: Page) -> Page:
    """Return the events with what people call the rules that kept them out."""
    labels = services(request).runtime.ruleset.definitions.labels["screen"]
    language = language_of(request)
    items = [
        {**item, "label": in_language(labels.get(item["rule"]), language)} for item in page.items
    ]
    return Page(items, page.next)


async def release(request: Request) -> Json:
    """Let a held event in, and what its sender sent since, in their order."""
    id: str = request.path_params["id"]
    data = await _said(request, "by")
    outcomes = await services(request).runtime.release(id, acting(request, data.get("by")))
    if not outcomes:
        raise _not_held(id)
    count(request, "quarantine", outcomes)
    return Json({"released": len(outcomes), "results": [result_of(o) for o in outcomes]})


async def reject(request: Request) -> Json:
    """Keep a held event out for good, and what its sender sent since."""
    id: str = request.path_params["id"]
    data = await _said(request, "by", "reason")
    by, reason = acting(request, data.get("by")), data.get("reason") or ""
    rejected = await services(request).runtime.reject(id, by, reason)
    if not rejected:
        raise _not_held(id)
    return Json({"rejected": rejected})


async def _said(request: Request, *known: str) -> dict[str, Any]:
    data = await object_of(request, *known)
    for name, value in data.items():
        if not isinstance(value, str | None) or len(value or "") > 1_000:
            raise Problem(422, "bad-value", f'"{name}" is a short text')
    return data


def _not_held(id: str) -> NotFound:
    return NotFound(f"no event {id[:200]!r} waits in quarantine")


def _verb(name: str, handler: Any, summary: str, **keys: Schema) -> Endpoint:
    return Endpoint(
        method="POST",
        path=f"/v1/quarantine/{{id:path}}/{name}",
        handler=handler,
        summary=summary,
        tag="intake",
        scope="operate",
        takes={"type": "object", "additionalProperties": False, "properties": keys},
        fails=(404, 413, 422),
    )


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/quarantine",
        handler=list_quarantine,
        summary="Events that wait for a person, newest first",
        tag="intake",
        scope="read",
        query=_QUERY,
        gives=_PAGE,
    ),
    Endpoint(
        method="GET",
        path="/v1/rejected",
        handler=list_rejected,
        summary="Events that screening turned away, newest first",
        tag="intake",
        scope="read",
        query=_REJECTED_QUERY,
        gives=_PAGE,
    ),
    _verb("release", release, "Let a held event in", by=TEXT),
    _verb("reject", reject, "Keep a held event out for good", by=TEXT, reason=TEXT),
)
