"""Leads: found, shown, explained, and changed by people, each change an event."""

from __future__ import annotations

import math
from collections.abc import Collection, Mapping
from typing import Any, Final

import msgspec
from starlette.requests import Request

from engine.errors import NotFound
from engine.host.explaining import explain_lead, question
from engine.language.instants import BadTime, parse_instant
from engine.language.label import localised
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
from engine.server.events import count, refuse_if_all_bad, result_of
from engine.server.languages import language_of
from engine.server.ownership import acting, answering, check_lead, may_see, narrowed, principal
from engine.server.problems import Json, Problem
from engine.store import happened, narrowing
from engine.store.listing import SORTS
from engine.store.pages import Page
from engine.store.rows import from_json, to_json

FILTERS: Final = ("grade", "stage", "owner", "team", "pool")
# By which the leads behind a report's figures are found.
BEHIND: Final = ("source", *narrowing.NAMES)
_INSTANTS: Final = (
    *("created_from", "created_to", "entered_from", "entered_to"),
    *("then_from", "then_to", "since_to", "clock_to", "late_at"),
)
_NUMBERS: Final = ("score_from", "score_to", "within")
_CHOICES: Final[Mapping[str, Collection[str]]] = {
    "turn": happened.TURNS,
    "answer": happened.ANSWERS,
    "did": happened.OUTCOMES,
}
# What takes several, as JSON, and how that looks.
_LISTS: Final = {name: msgspec.json.Decoder(of) for name, of in narrowing.LISTS.items()}
_EXAMPLES: Final = {"letter": '[["email_sent","welcome",null,null]]'}
_EXAMPLE: Final = '["a","b"]'
_LIST_QUERY: Final[dict[str, Schema]] = {
    "q": TEXT,
    **dict.fromkeys((*FILTERS, *BEHIND), TEXT),
    "sort": {"enum": list(SORTS)},
    "limit": LIMIT,
    "cursor": TEXT,
}
_PAGE_QUERY: Final[dict[str, Schema]] = {"limit": LIMIT, "cursor": TEXT}
_EXPLAIN_QUERY: Final[dict[str, Schema]] = {"rule": TEXT, "why_not": TEXT, "at": TEXT}


async def list_leads(request: Request) -> Json:
    """Search; ``owner=`` with nothing behind it means leads that have none."""
    query = query_of(request, _LIST_QUERY)
    page = await reading(
        services(request).runtime.reader.leads,
        text=query.get("q"),
        filters=narrowed(request, _in_pools(request, filters_of(query))),
        limit=limit_of(query),
        cursor=query.get("cursor"),
        sort=_sort(query),
    )
    return Json(page_of(request, page))


def _in_pools(request: Request, filters: dict[str, str | None]) -> dict[str, str | None]:
    """Return the filters; leads at a final stage are in no pool."""
    if not filters.get("pool"):
        return filters
    ends = services(request).runtime.ruleset.definitions.lifecycle.ends
    without = from_json(filters.get("without") or "[]")
    return {**filters, "without": to_json([*without, *ends])}


def filters_of(query: Mapping[str, str]) -> dict[str, str | None]:
    """Return the filters of a list as the store takes them; raises Problem for a bad value."""
    found = {n: query[n] or None for n in (*FILTERS, *BEHIND) if n in query}
    for name in _INSTANTS:
        text = found.get(name)
        if text is not None:
            try:
                found[name] = str(parse_instant(text))
            except BadTime as error:
                message = f"{name} is an instant such as 2026-03-01T00:00:00Z, not {text[:80]!r}"
                raise Problem(400, "bad-parameter", message) from error
    for name in _NUMBERS:
        text = found.get(name)
        if text is not None and not is_number(text):
            raise Problem(400, "bad-parameter", f"{name} is a number, not {text[:80]!r}")
    for name, known in _CHOICES.items():
        text = found.get(name)
        if text is not None and text not in known:
            hint = did_you_mean(text[:80], known)
            raise Problem(400, "bad-parameter", f"{text[:80]!r} is no {name}; {hint}")
    for name in _LISTS:
        text = found.get(name)
        if text is not None:
            found[name] = _several(name, text)
    for name, of in narrowing.BELONGS.items():
        if name in found and not any(each in found for each in of):
            message = f"{name} only says more of {' or '.join(of)}, of which none is given"
            raise Problem(400, "bad-parameter", message)
    return found


def _several(name: str, text: str) -> str:
    """Return a list that somebody wrote as JSON, in the store's own spelling; raises Problem."""
    try:
        return to_json(_LISTS[name].decode(text))
    except msgspec.DecodeError as error:
        example = _EXAMPLES.get(name, _EXAMPLE)
        message = f"{name} is a JSON list such as {example}, not {text[:80]!r}: {error}"
        raise Problem(400, "bad-parameter", message) from error


def is_number(text: str) -> bool:
    """Whether a text is a number that can be compared with."""
    try:
        return math.isfinite(float(text))
    except ValueError:
        return False


def _sort(query: dict[str, str]) -> str | None:
    sort = query.get("sort")
    if sort is not None and sort not in SORTS:
        hint = did_you_mean(sort[:80], SORTS)
        raise Problem(400, "bad-sort", f"{sort[:80]!r} is no order of leads; {hint}")
    return sort


async def lead_id(request: Request) -> str:
    """Return the id of the lead in the path, which may name it by an identity; raises NotFound."""
    return await lead_named(request, request.path_params["id"])


async def lead_named(request: Request, named: str) -> str:
    """Return the id of the lead that a request is about; raises NotFound."""
    request.state.lead = found = await visible(request, named)
    return found


async def visible(request: Request, named: str) -> str:
    """Return the id of a lead that who asks may see; raises NotFound."""
    runtime = services(request).runtime
    reader, region = runtime.reader, runtime.ruleset.definitions.intake.region
    found = await reading(reader.find, named, region)
    if found is None:
        raise NotFound(f"there is no lead {named[:200]!r}; name it by id, e-mail, phone or user id")
    if principal(request).member is not None:
        check_lead(request, named, await reading(reader.lead, found))
    return found


async def get_lead(request: Request) -> Json:
    """One lead with all its fields and scores; one that was merged answers as what it is now."""
    id, named = await lead_id(request), request.path_params["id"]
    reader = services(request).runtime.reader
    lead = await reading(reader.lead, id)
    if named != id and await reading(reader.is_absorbed, named):
        return Json({**(lead or {}), "merged_into": id})
    return Json(lead)


async def get_colleagues(request: Request) -> Json:
    """Other leads of the same company; links, nothing is merged by them."""
    query = query_of(request, _PAGE_QUERY)
    id = await lead_id(request)
    reader, limit = services(request).runtime.reader, limit_of(query)
    page = await reading(reader.colleagues, id, limit=limit, cursor=query.get("cursor"))
    items = [item for item in page.items if may_see(request, item)]
    return Json(page_of(request, Page(items, page.next)))


async def get_timeline(request: Request) -> Json:
    """Everything that happened to a lead, newest first."""
    query = query_of(request, _PAGE_QUERY)
    id = await lead_id(request)
    reader, limit = services(request).runtime.reader, limit_of(query)
    page = await reading(reader.timeline, id, limit=limit, cursor=query.get("cursor"))
    return Json(page_of(request, page))


async def get_enrichments(request: Request) -> Json:
    """What enrichers were asked about a lead and what came of it, newest first; 200 at most."""
    id = await lead_id(request)
    items = await reading(services(request).runtime.reader.enrichments, id)
    return Json({"items": items, "next": None})


async def get_explanation(request: Request) -> Json:
    """Why a lead stands as it does."""
    query = query_of(request, _EXPLAIN_QUERY)
    runtime = services(request).runtime
    asked = question(runtime.clock.now(), query) if query else None
    id = await lead_id(request)
    found = await reading(explain_lead, runtime.reader, runtime.ruleset, id, asked)
    return Json(localised(found, language_of(request)))


async def act(
    request: Request, type: str, data: dict[str, Any], properties: dict[str, Any], id: str
) -> dict[str, Any]:
    """Send what a person did through the door; returns the result, raises Problem."""
    event = {
        "type": type,
        "lead": {"id": id},
        "by": acting(request, data.get("by")),
        "properties": {name: value for name, value in properties.items() if value is not None},
        **({"id": data["id"]} if "id" in data else {}),
    }
    outcomes = await services(request).runtime.submit([event], channel="people")
    count(request, "people", outcomes)
    refuse_if_all_bad(outcomes, False, services(request).runtime)
    return result_of(outcomes[0])


async def answer(
    request: Request, type: str, data: dict[str, Any], properties: dict[str, Any]
) -> dict[str, Any]:
    """Send what the owner says to having been given the lead; raises Problem."""
    id = await lead_id(request)
    lead = await reading(services(request).runtime.reader.lead, id)
    by = answering(request, (lead or {}).get("owner"), data.get("by"))
    return await act(request, type, {**data, "by": by}, properties, id)


async def accept(request: Request) -> Json:
    """The owner takes the lead on."""
    data = await object_of(request, "id", "by")
    return Json(await answer(request, "lead_accepted", data, {}))


async def note(request: Request) -> Json:
    """Write something down about the lead."""
    data = await object_of(request, "id", "by", "text")
    if not str(data.get("text") or "").strip():
        raise Problem(422, "bad-value", 'a note needs a "text"')
    properties = {"text": data["text"]}
    return Json(await act(request, "note_added", data, properties, await lead_id(request)))


async def stage(request: Request) -> Json:
    """Move the lead to another stage, if the lifecycle allows it."""
    data = await object_of(request, "id", "by", "to", "reason")
    stages = services(request).runtime.ruleset.stages
    to = data.get("to")
    if not isinstance(to, str) or to not in stages:
        hint = did_you_mean(str(to)[:80], stages)
        raise Problem(422, "unknown-stage", f'"to" must be a stage of lifecycle.yaml; {hint}')
    id = await lead_id(request)
    reader = services(request).runtime.reader
    before = await reading(reader.lead, id)
    properties = {"from": (before or {}).get("stage"), "to": to, "reason": data.get("reason")}
    result = await act(request, "stage_changed", data, properties, id)
    if result["stage"] != to:
        raise Problem(409, "refused", await _why_refused(request, id, to), [result])
    return Json(result)


async def _why_refused(request: Request, id: str, to: str) -> str:
    """Return the lifecycle's own words for not moving a lead."""
    page = await reading(services(request).runtime.reader.timeline, id, limit=20)
    for item in page.items:
        if item["type"] == "stage_refused" and item["data"].get("to") == to:
            return f"the lead stays where it is: {item['data'].get('reason')}"
    return f"the lead was moved on from {to} at once by a rule"


def body(*required: str, **properties: Schema) -> Schema:
    """Return the schema of what a person does to a lead; it may have an ``id`` and ``by``."""
    known = {"id": TEXT, "by": TEXT, **properties}
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False,
        "properties": known,
    }
    return {**schema, "required": list(required)} if required else schema


def verb(name: str, handler: Any, summary: str, takes: Schema, *fails: int) -> Endpoint:
    """Return the route of something that a person does to a lead."""
    return Endpoint(
        method="POST",
        path=f"/v1/leads/{{id:path}}/{name}",
        handler=handler,
        summary=summary,
        tag="leads",
        scope="work",
        takes=takes,
        gives={"$ref": "#/components/schemas/Result"},
        fails=(404, 413, 422, 429, *fails),
    )


_PAGE: Final = {"$ref": "#/components/schemas/Page"}
# The longer paths first: an id may contain slashes.
ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/leads",
        handler=list_leads,
        summary="Search leads, latest change first",
        tag="leads",
        scope="leads",
        query=_LIST_QUERY,
        gives=_PAGE,
    ),
    Endpoint(
        method="GET",
        path="/v1/leads/{id:path}/timeline",
        handler=get_timeline,
        summary="Everything that happened to a lead, newest first",
        tag="leads",
        scope="leads",
        query=_PAGE_QUERY,
        gives=_PAGE,
        fails=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/leads/{id:path}/colleagues",
        handler=get_colleagues,
        summary="Other leads of the same company",
        tag="leads",
        scope="leads",
        query=_PAGE_QUERY,
        gives=_PAGE,
        fails=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/leads/{id:path}/enrichments",
        handler=get_enrichments,
        summary="What enrichers were asked about a lead, and what came of it",
        tag="leads",
        scope="leads",
        gives=_PAGE,
        fails=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/leads/{id:path}/explain",
        handler=get_explanation,
        summary="Why a lead has its score, grade, stage and owner",
        tag="leads",
        scope="leads",
        query=_EXPLAIN_QUERY,
        gives={"$ref": "#/components/schemas/Explanation"},
        fails=(404,),
    ),
    Endpoint(
        method="GET",
        path="/v1/leads/{id:path}",
        handler=get_lead,
        summary="A lead, by its id or any of its identities",
        tag="leads",
        scope="leads",
        gives={"$ref": "#/components/schemas/Lead"},
        fails=(404,),
    ),
    verb("accept", accept, "Take the lead on", body(), 409),
    verb("note", note, "Write a note", body("text", text=TEXT)),
    verb("stage", stage, "Move to another stage", body("to", to=TEXT, reason=TEXT), 409),
)
