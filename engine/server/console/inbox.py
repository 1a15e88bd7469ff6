"""The inbox on the pages: the bell with what is unread, and what people do with it."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from engine.server.console.forms import ask, back_of, data_of, done, form_of
from engine.server.console.pages import get, post
from engine.server.console.room import page
from engine.server.endpoint import reading, services
from engine.server.ownership import principal

ITEMS: Final = 20


async def bell(request: Request) -> Response:
    """How many notes a salesperson has not read; pages fetch it anew when there is news."""
    member = principal(request).member

    def count() -> int:
        return services(request).runtime.reader.inbox().unread(member) if member else 0

    return page(request, "bell.html", unread=await reading(count))


def read(request: Request, member: str | None) -> dict[str, Any]:
    """Return somebody's newest notes for a page, none for nobody. Blocks."""
    if member is None:
        return {"notes": [], "unread": 0}
    box = services(request).runtime.reader.inbox()
    return {"notes": box.items(member, limit=ITEMS).items, "unread": box.unread(member)}


async def on_note(request: Request) -> Response:
    """Note that a note was read."""
    fields = await form_of(request)
    doing = ask(request, "POST", "/v1/inbox/{id}/read", {"id": request.path_params["id"]}, {})
    return await done(request, doing, back_of(fields, "/console/day"), "said.read")


async def on_all(request: Request) -> Response:
    """Note that everything was read."""
    fields = await form_of(request)
    doing = ask(request, "POST", "/v1/inbox/read", {}, data_of(fields))
    return await done(request, doing, back_of(fields, "/console/day"), "said.read")


ENDPOINTS: Final = (
    get("/console/bell", bell, "How many notes are unread", scope="work"),
    post("/console/inbox/read", on_all, "Note that all notes were read", scope="work"),
    post("/console/inbox/{id:path}/read", on_note, "Note that a note was read", scope="work"),
)
