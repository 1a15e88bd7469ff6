"""To-dos."""

from __future__ import annotations

import hashlib
from typing import Any, Final

from starlette.requests import Request

from engine.errors import NotFound
from engine.host.ids import new_id
from engine.language.instants import BadTime, format_instant, parse_instant
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
from engine.server.leads import act, lead_named
from engine.server.ownership import mates, principal
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
    """A salesperson sees their own to-dos, and those of whom they supervise."""
    member = principal(request).member
    if member is None or asked is None or asked in mates(request):
        return asked or member
    raise Problem(403, "forbidden", f"{member} sees their own to-dos")


async def complete_task(request: Request) -> Json:
    """Close a to-do; doing so twice changes nothing."""
    data = await object_of(request, "by", "outcome")
    task = await _own_task(request)
    id, reader = task["id"], services(request).runtime.reader
    # One event a task, whoever completes it and however often.
    data["id"] = "task_completed:" + hashlib.sha256(id.encode()).hexdigest()[:40]
    properties = {"task": id, "outcome": data.get("outcome")}
    await act(request, "task_completed", data, properties, task["lead"])
    return Json(await reading(reader.task, id))


async def give_task(request: Request) -> Json:
    """Make a to-do about a lead; its owner is reminded when it is due."""
    data = await object_of(request, "id", "by", "lead", "title", "owner", "due", "priority")
    named = data.get("lead")
    if not isinstance(named, str) or not named:
        raise Problem(422, "bad-value", '"lead" names the lead, by id or identity')
    if not isinstance(data.get("title"), str) or not data["title"].strip():
        raise Problem(422, "bad-value", 'a to-do needs a "title"')
    runtime = services(request).runtime
    id = await lead_named(request, named)
    owner = data.get("owner")
    if principal(request).member is not None and owner is not None and owner not in mates(request):
        raise Problem(403, "forbidden", "to-dos are for oneself, or for those whom one supervises")
    _check_person(request, owner)
    data["id"] = data.get("id") or new_id(runtime.clock.now())
    said = {name: data.get(name) for name in ("title", "owner", "due", "priority")}
    result = await act(request, "task_given", data, said, id)
    return Json(await reading(runtime.reader.task, f"{result['lead']}:task:{data['id']}"))


def _check_person(request: Request, owner: Any) -> None:
    """Raise Problem for somebody whom routing.yaml does not have: nobody would see the to-do."""
    teams = services(request).runtime.ruleset.teams.values()
    people = {member.id for team in teams for member in team.members}
    people |= {team.supervisor for team in teams if team.supervisor}
    if isinstance(owner, str) and owner and owner not in people:
        hint = did_you_mean(owner[:80], people)
        raise Problem(422, "unknown-member", f"{owner[:80]!r} is in no team and leads none; {hint}")


async def snooze_task(request: Request) -> Json:
    """Put a to-do off; its owner is reminded then."""
    data = await object_of(request, "id", "by", "until")
    task = await _own_task(request)
    until = _later(data.get("until"), services(request).runtime.clock.now())
    if task["status"] != "open":
        raise Problem(409, "refused", "the to-do is done")
    said = {"task": task["id"], "until": until}
    said |= {"title": task["title"], "owner": task["owner"]}
    await act(request, "task_snoozed", data, said, task["lead"])
    return Json(await reading(services(request).runtime.reader.task, task["id"]))


def _later(until: Any, now: int) -> str:
    """Return the text of an instant that is still to come; raises Problem."""
    if not isinstance(until, str):
        raise Problem(422, "bad-value", '"until" is an instant such as 2026-03-02T09:00:00+08:00')
    try:
        at = parse_instant(until)
    except BadTime as error:
        raise Problem(422, "bad-value", f'"until": {error}') from error
    if at <= now:
        raise Problem(422, "bad-value", f'"until" has passed: it is {format_instant(now)}')
    return until


async def _own_task(request: Request) -> dict[str, Any]:
    """Return the to-do in the path; raises NotFound, also where it is somebody else's."""
    id: str = request.path_params["id"]
    task = await reading(services(request).runtime.reader.task, id)
    member = principal(request).member
    if task is None or (member is not None and task["owner"] not in mates(request)):
        raise NotFound(f"there is no task {id[:200]!r}")
    request.state.lead = task["lead"]
    return task


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
        path="/v1/tasks",
        scope="work",
        handler=give_task,
        summary="Make a to-do about a lead",
        tag="work",
        takes={
            "type": "object",
            "additionalProperties": False,
            "required": ["lead", "title"],
            "properties": {
                **dict.fromkeys(("id", "by", "lead", "title", "owner", "due"), TEXT),
                "priority": {"enum": ["low", "normal", "high"]},
            },
        },
        fails=(404, 413, 422, 429),
    ),
    Endpoint(
        method="POST",
        path="/v1/tasks/{id:path}/snooze",
        scope="work",
        handler=snooze_task,
        summary="Put a to-do off",
        tag="work",
        takes={
            "type": "object",
            "additionalProperties": False,
            "required": ["until"],
            "properties": dict.fromkeys(("id", "by", "until"), TEXT),
        },
        fails=(404, 409, 413, 422, 429),
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
)
