"""To-dos and reports."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from starlette.requests import Request

from engine.errors import NotFound
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
from engine.server.leads import act
from engine.server.ownership import principal
from engine.server.problems import Json, Problem

TASK_STATUSES: Final = ("open", "done")
_TASKS_QUERY: Final[dict[str, Schema]] = {
    "owner": TEXT,
    "status": {"enum": list(TASK_STATUSES)},
    "lead": TEXT,
    "limit": LIMIT,
    "cursor": TEXT,
}


def _status(query: dict[str, str], known: tuple[str, ...]) -> str | None:
    status = query.get("status")
    if status is not None and status not in known:
        hint = did_you_mean(status[:80], known)
        raise Problem(400, "bad-status", f"{status[:80]!r} is no status; {hint}")
    return status


async def list_tasks(request: Request) -> Json:
    """To-dos, the most urgent first."""
    query = query_of(request, _TASKS_QUERY)
    page = await reading(
        services(request).runtime.reader.tasks,
        owner=_owner(request, query.get("owner")),
        status=_status(query, TASK_STATUSES),
        lead=query.get("lead"),
        limit=limit_of(query),
        cursor=query.get("cursor"),
    )
    return Json(page_of(request, page))


def _owner(request: Request, asked: str | None) -> str | None:
    """A salesperson sees their own to-dos."""
    member = principal(request).member
    if member is None or asked in (None, member):
        return member or asked
    raise Problem(403, "forbidden", f"{member} sees their own to-dos")


async def complete_task(request: Request) -> Json:
    """Close a to-do; doing so twice changes nothing."""
    id: str = request.path_params["id"]
    reader = services(request).runtime.reader
    data = await object_of(request, "by", "outcome")
    task = await reading(reader.task, id)
    if task is None:
        raise NotFound(f"there is no task {id[:200]!r}")
    member = principal(request).member
    if member is not None and task["owner"] != member:
        raise NotFound(f"there is no task {id[:200]!r}")
    request.state.lead = task["lead"]
    # One event a task, whoever completes it and however often.
    data["id"] = "task_completed:" + hashlib.sha256(id.encode()).hexdigest()[:40]
    properties = {"task": id, "outcome": data.get("outcome")}
    await act(request, "task_completed", data, properties, task["lead"])
    return Json(await reading(reader.task, id))


async def get_report(request: Request) -> Json:
    """The figures behind the console."""
    service = services(request)
    name: str = request.path_params["name"]
    report = service.reports.get(name)
    if report is None:
        hint = did_you_mean(name[:80], service.reports)
        raise NotFound(f"there is no report {name[:80]!r}; {hint}")
    figures: Any = await reading(report, service.runtime.reader, service.runtime.ruleset)
    return Json(figures)


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/tasks",
        scope="leads",
        handler=list_tasks,
        summary="To-dos, the most urgent first",
        tag="work",
        query=_TASKS_QUERY,
        gives={"$ref": "#/components/schemas/Page"},
    ),
    Endpoint(
        method="POST",
        path="/v1/tasks/{id:path}/complete",
        scope="work",
        handler=complete_task,
        summary="Close a to-do",
        tag="work",
        takes={
            "type": "object",
            "additionalProperties": False,
            "properties": {"outcome": TEXT, "by": TEXT},
        },
        fails=(404, 413, 422, 429),
    ),
    Endpoint(
        method="GET",
        path="/v1/reports/{name}",
        handler=get_report,
        summary="Figures, such as the funnel",
        tag="work",
        fails=(404,),
    ),
)
