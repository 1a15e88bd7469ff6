"""Leads that a person says are one, or are not."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request

from engine.host.door import MAX_ID, RESERVED
from engine.host.ids import new_id
from engine.machines.merging import MERGED, UNMERGED
from engine.machines.state import Event
from engine.server.endpoint import TEXT, Endpoint, Schema, object_of, reading, services
from engine.server.events import count, refuse_if_all_bad, result_of
from engine.server.leads import lead_id, visible
from engine.server.ownership import acting
from engine.server.problems import Json, Problem
from engine.store.shapes import when


async def merge(request: Request) -> Json:
    """Make another lead part of this one."""
    data = await object_of(request, "id", "by", "with", "reason")
    id = await lead_id(request)
    other = await _other(request, data.get("with"))
    if other == id:
        raise Problem(409, "not-merged", f"{data['with']!r} is this lead already")
    return Json(await _said(request, MERGED, data, id, other))


async def _other(request: Request, named: Any) -> str:
    """Return the id of the lead that goes; raises NotFound and Problem."""
    if not isinstance(named, str) or not named:
        raise Problem(422, "bad-value", '"with" names the other lead, by id or identity')
    return await visible(request, named)


async def unmerge(request: Request) -> Json:
    """Part a lead again from this one, as both were; the latest merge first."""
    data = await object_of(request, "id", "by", "lead", "reason")
    id = await lead_id(request)
    if not isinstance(data.get("lead"), str) or not data["lead"]:
        raise Problem(422, "bad-value", '"lead" is the id of the lead that was merged')
    return Json(await _said(request, UNMERGED, data, id, data["lead"]))


async def _said(
    request: Request, type: str, data: dict[str, Any], id: str, absorbed: str
) -> dict[str, Any]:
    """Send what a person says through the door; returns the result, raises Problem."""
    runtime = services(request).runtime
    reason = data.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise Problem(422, "bad-value", 'say why: "reason" is a text that others will read')
    given = data.get("id") or new_id(runtime.clock.now())
    if not isinstance(given, str) or given.startswith(RESERVED) or len(given) > MAX_ID:
        raise Problem(422, "bad-value", f'"id" is a text of yours, {MAX_ID} characters at most')
    event = Event(
        id=given,
        type=type,
        at=runtime.clock.now(),
        properties={"absorbed": absorbed, "reason": reason.strip()[:1_000]},
        channel="people",
        by=acting(request, data.get("by")),
    )
    outcome = await runtime.submit_event(event, id)
    count(request, "people", [outcome])
    if outcome.error is not None and outcome.error["code"] == "not-merged":
        raise Problem(409, "not-merged", outcome.error["message"])
    refuse_if_all_bad([outcome], False, services(request).runtime)
    return result_of(outcome)


async def list_merges(request: Request) -> Json:
    """The merges into a lead, the latest first, with those that were undone."""
    id = await lead_id(request)
    found = await reading(services(request).runtime.reader.merges, id)
    items = [
        {
            "lead": each.absorbed,
            "at": when(each.at),
            "by": each.by,
            "reason": each.reason,
            "undone_at": when(each.undone_at),
        }
        for each in found
    ]
    return Json({"items": items, "next": None})


def _takes(required: str, said: Schema) -> Schema:
    known = {"id": TEXT, "by": TEXT, "reason": TEXT, required: said}
    needs = [required, "reason"]
    return {
        "type": "object",
        "additionalProperties": False,
        "properties": known,
        "required": needs,
    }


_RESULT: Final = {"$ref": "#/components/schemas/Result"}
_FAILS: Final = (404, 409, 413, 422, 429)
ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/v1/leads/{id:path}/merge",
        handler=merge,
        summary="Make another lead part of this one",
        tag="leads",
        scope="work",
        takes=_takes("with", TEXT),
        gives=_RESULT,
        fails=_FAILS,
    ),
    Endpoint(
        method="POST",
        path="/v1/leads/{id:path}/unmerge",
        handler=unmerge,
        summary="Part a lead from this one again",
        tag="leads",
        scope="work",
        takes=_takes("lead", TEXT),
        gives=_RESULT,
        fails=_FAILS,
    ),
    Endpoint(
        method="GET",
        path="/v1/leads/{id:path}/merges",
        handler=list_merges,
        summary="The leads that were merged into this one",
        tag="leads",
        scope="leads",
        gives={"$ref": "#/components/schemas/Page"},
        fails=(404,),
    ),
)
