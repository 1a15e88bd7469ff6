"""The inbox: what a salesperson was told, and what of it they have read."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from engine.errors import NotFound
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
from engine.server.ownership import mates, principal
from engine.server.problems import Json, Problem
from engine.store import inbox

_QUERY: Final[dict[str, Schema]] = {
    "person": TEXT,
    "unread": {"enum": ["true", "false"]},
    "limit": LIMIT,
    "cursor": TEXT,
}


async def list_inbox(request: Request) -> Json:
    """Notes to a person, newest first, and how many of all are unread."""
    query = query_of(request, _QUERY)
    unread = query.get("unread", "false")
    if unread not in ("true", "false"):
        raise Problem(400, "bad-value", f"unread is true or false, not {unread[:80]!r}")
    person = _person(request, query.get("person"))
    limit, cursor = limit_of(query), query.get("cursor")

    def read() -> dict[str, Any]:
        box = services(request).runtime.reader.inbox()
        found = box.items(person, unread == "true", limit, cursor)
        return {**page_of(request, found), "unread": box.unread(person)}

    return Json(await reading(read))


def _person(request: Request, asked: Any) -> str:
    """A salesperson sees their own inbox, and those of whom they supervise; others name one."""
    member = principal(request).member
    if asked is not None and not isinstance(asked, str):
        raise Problem(422, "bad-value", '"person" is a salesperson, by id')
    if member is None:
        if not asked:
            raise Problem(400, "bad-value", "name whose inbox: person=")
        return asked
    if asked is not None and asked not in mates(request):
        raise Problem(403, "forbidden", f"{member} sees their own inbox")
    return asked or member


async def read_item(request: Request) -> Json:
    """Note that a note was read; doing so twice changes nothing."""
    await object_of(request)
    runtime, member = services(request).runtime, principal(request).member
    id: str = request.path_params["id"]
    item = await _item(request, id)
    # A supervisor looks over the shoulder; what is read is for each to say.
    if item is None or (member is not None and item["person"] != member):
        raise NotFound(f"there is no note {id[:200]!r}")
    now = runtime.clock.now()
    await runtime.write(lambda connection: inbox.read(connection, id, now))
    return Json(await _item(request, id))


async def _item(request: Request, id: str) -> dict[str, Any] | None:
    return await reading(lambda: services(request).runtime.reader.inbox().item(id))


async def read_all(request: Request) -> Json:
    """Note that everything was read."""
    data = await object_of(request, "person")
    person, member = _person(request, data.get("person")), principal(request).member
    if member is not None and person != member:
        raise Problem(403, "forbidden", f"{member} reads their own inbox")
    runtime = services(request).runtime
    now = runtime.clock.now()
    count = await runtime.write(lambda connection: inbox.read_all(connection, person, now))
    return Json({"read": count})


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/inbox",
        scope="leads",
        handler=list_inbox,
        summary="What a salesperson was told, newest first",
        tag="work",
        query=_QUERY,
        gives={"$ref": "#/components/schemas/Page"},
        fails=(400,),
    ),
    Endpoint(
        method="POST",
        path="/v1/inbox/read",
        scope="work",
        handler=read_all,
        summary="Note that everything in an inbox was read",
        tag="work",
        takes={"type": "object", "additionalProperties": False, "properties": {"person": TEXT}},
        fails=(400, 413, 422, 429),
        noted=False,
    ),
    Endpoint(
        method="POST",
        path="/v1/inbox/{id:path}/read",
        scope="work",
        handler=read_item,
        summary="Note that a note was read",
        tag="work",
        takes={"type": "object", "additionalProperties": False, "properties": {}},
        fails=(404, 413, 422, 429),
        noted=False,
    ),
)
