"""Deliveries: the outbox, what could not be delivered and why, and trying it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode

from starlette.requests import Request
from starlette.responses import Response

from engine.server.console.forms import ask, back_of, done, form_of
from engine.server.console.hindrance import hindrances
from engine.server.console.leads import members
from engine.server.console.pages import get, post
from engine.server.console.room import page, room_of, words_of
from engine.server.deliveries import STATUSES
from engine.server.endpoint import TEXT, reading, services
from engine.server.problems import Problem
from engine.store.retrying import AGAIN

_PAGE: Final = 50


async def deliveries(request: Request) -> Response:
    """The page; ``status``, ``connection`` and ``lead`` narrow it."""
    query = request.query_params
    status = query.get("status") or None
    if status is not None and status not in STATUSES:
        raise Problem(400, "bad-status", f"{status[:80]!r} is no status of deliveries")
    found = await reading(_read, request, status)
    return page(request, "deliveries.html", "deliveries", status=status, **found)


def _read(request: Request, status: str | None) -> dict[str, Any]:
    service, query = services(request), request.query_params
    reader = service.runtime.reader
    wanted = {k: query[k] for k in ("status", "connection", "lead") if query.get(k)}
    found = reader.deliveries(
        status=status,
        connection=wanted.get("connection"),
        lead=wanted.get("lead"),
        limit=_PAGE,
        cursor=query.get("cursor"),
    )
    counts = room_of(request).figures.get("deliveries", lambda: reader.counts()["deliveries"])
    ruleset = service.runtime.ruleset
    hints = hindrances(ruleset, reader.states, found.items)
    following = f"?{urlencode({**wanted, 'cursor': found.next})}" if found.next else None
    return {
        "items": found.items,
        "again": AGAIN,
        "hints": {id: _hint(request, *why) for id, why in hints.items()},
        "following": following,
        "counts": counts,
        "connection": wanted.get("connection"),
        "connections": service.deliverer.status(),
        "statuses": [s for s in STATUSES if counts.get(s) or s == status],
    }


def _hint(request: Request, key: str, told: Mapping[str, str]) -> str:
    """Say why another try is of no use, and what to do instead."""
    words, names = words_of(request), dict(members(request))
    fields = services(request).runtime.ruleset.catalogue.fields
    said = {"who": names.get(told.get("who", "")), "field": None}
    if field := told.get("field"):
        said["field"] = words.label(field, fields[field].label if field in fields else None)
    return words.say(key, **{name: said[name] or value for name, value in told.items()})


async def retry(request: Request) -> Response:
    """Try a dead delivery again."""
    fields = await form_of(request)
    id = request.path_params["id"]
    doing = ask(request, "POST", "/v1/deliveries/{id}/retry", {"id": id}, {})
    return await done(request, doing, back_of(fields, "/console/deliveries"), "said.retry")


ENDPOINTS: Final = (
    get(
        "/console/deliveries",
        deliveries,
        "The outbox",
        query={"status": TEXT, "connection": TEXT, "lead": TEXT, "cursor": TEXT},
    ),
    post("/console/deliveries/{id:path}/retry", retry, "Try a delivery again", scope="operate"),
)
