"""What people do from the pages, each through the route of the API that does it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from engine.errors import NotFound
from engine.server.console.forms import ask, back_of, data_of, done, form_of
from engine.server.console.pages import post
from engine.server.console.room import formats_of

VERBS: Final = (
    *("accept", "claim", "release", "decline", "assign"),
    *("note", "stage", "grade", "follow-up", "task"),
)
_TASK_VERBS: Final = ("complete", "snooze")
_DATES: Final = ("due", "until")


async def on_lead(request: Request) -> Response:
    """Do something with a lead."""
    fields = await form_of(request)
    id, verb = request.path_params["id"], request.path_params["verb"]
    if verb not in VERBS:
        raise NotFound(f"nothing is called {verb[:80]!r} here")
    doing = do(request, id, verb, dated(request, data_of(fields)))
    back = back_of(fields, f"/console/lead/{quote(id, safe='')}")
    return await done(request, doing, back, f"said.{verb}")


async def do(request: Request, id: str, verb: str, data: Mapping[str, Any]) -> None:
    """Do something with one lead; raises LeadrulesError."""
    if verb == "task":
        await ask(request, "POST", "/v1/tasks", {}, {**data, "lead": id})
    else:
        await ask(request, "POST", f"/v1/leads/{{id}}/{verb}", {"id": id}, data)


async def on_task(request: Request) -> Response:
    """Complete a to-do, or put it off."""
    fields = await form_of(request)
    id, verb = request.path_params["id"], request.path_params["verb"]
    if verb not in _TASK_VERBS:
        raise NotFound(f"nothing is called {verb[:80]!r} here")
    data = dated(request, data_of(fields))
    doing = ask(request, "POST", f"/v1/tasks/{{id}}/{verb}", {"id": id}, data)
    return await done(request, doing, back_of(fields, "/console/day"), f"said.{verb}")


def dated(request: Request, data: dict[str, Any]) -> dict[str, Any]:
    """Return a form's data with its dates as instants: a browser sends them without a zone."""
    formats = formats_of(request)
    dates = {k: formats.typed(v) for k, v in data.items() if k in _DATES and isinstance(v, str)}
    return {**data, **dates}


ENDPOINTS: Final = (
    post("/console/lead/{id:path}/{verb}", on_lead, "Do something with a lead", scope="work"),
    post("/console/task/{id:path}/{verb}", on_task, "Complete or put off a to-do", scope="work"),
)
