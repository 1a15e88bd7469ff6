"""Whose a lead is: assigned, claimed, given back or turned down by people, each an event."""

from __future__ import annotations

from itertools import cycle
from typing import Any, Final

from starlette.requests import Request

from engine.errors import NotFound
from engine.host.ids import new_id
from engine.language.nearest import did_you_mean
from engine.machines.people.claiming import place_of
from engine.server.endpoint import TEXT, Endpoint, Schema, object_of, reading, services
from engine.server.events import count, refuse_if_all_bad, result_of
from engine.server.leads import act, answer, body, lead_id, verb, visible
from engine.server.ownership import acting, mates, own_pools, principal
from engine.server.problems import Json, Problem

MOST: Final = 1_000
_REASON: Final = 'say why: "reason" is a text that others will read'
_TARGET: Final[dict[str, Schema]] = {"owner": TEXT, "team": TEXT, "pool": TEXT, "reason": TEXT}


async def claim(request: Request) -> Json:
    """Take a lead from a pool; 409 says why not and when it will be possible."""
    data = await object_of(request, "id", "by")
    id = await lead_id(request)
    data["id"] = data.get("id") or new_id(services(request).runtime.clock.now())
    result = await act(request, "lead_claimed", data, {}, id)
    reader = services(request).runtime.reader
    type, said = await reading(reader.claim_answer, result["lead"], data["id"])
    if type == "lead_assigned":
        return Json(result)
    reason = said.get("reason") or "the lead can't be claimed now"
    detail = {"possible_at": said.get("possible_at"), "pool": said.get("pool"), **result}
    raise Problem(409, "claim-refused", reason, [detail])


async def release(request: Request) -> Json:
    """Give a lead back to a pool, with a reason; the previous owner waits to claim it again."""
    data = await object_of(request, "id", "by", "reason", "pool")
    reason, pool = _reason(data), data.get("pool")
    _check_pool(request, pool)
    id = await lead_id(request)
    data["id"] = data.get("id") or new_id(services(request).runtime.clock.now())
    lead = await reading(services(request).runtime.reader.lead, id)
    properties = {"reason": reason, "pool": pool, "owner": (lead or {}).get("owner")}
    result = await act(request, "lead_released", data, properties, id)
    refused = await _refused(request, result["lead"], data["id"], "release_refused")
    if refused is not None:
        raise Problem(409, "refused", refused, [result])
    return Json(result)


async def _refused(request: Request, lead: str, event: str, kind: str) -> str | None:
    found = await reading(services(request).runtime.reader.happened, lead, event, kind)
    return None if found is None else str(found.get("reason"))


async def decline(request: Request) -> Json:
    """Turn a lead down that one can't take on; the supervisor hears of it."""
    data = await object_of(request, "id", "by", "reason")
    properties = {"reason": _reason(data)}
    return Json(await answer(request, "lead_declined", data, properties))


async def assign(request: Request) -> Json:
    """Give a lead to somebody, or put it into a pool: for supervisors and ops."""
    data = await object_of(request, "id", "by", *_TARGET)
    properties = _whom(request, data, data.get("owner"))
    id = await lead_id(request)
    return Json(await act(request, "lead_assigned", data, properties, id))


async def assign_many(request: Request) -> Json:
    """Give many leads away at once: to one person, in turn to several, or into a pool."""
    data = await object_of(request, "by", "leads", *_TARGET)
    named = data.get("leads")
    if not isinstance(named, list) or not 1 <= len(named) <= MOST:
        raise Problem(422, "bad-value", f'"leads" lists 1 to {MOST} leads')
    owners = data.get("owner")
    each = owners if isinstance(owners, list) and owners else [owners]
    whom = cycle([_whom(request, data, owner) for owner in each])
    by = acting(request, data.get("by"))
    ids = [await _known(request, name) for name in named]
    events = [
        {"type": "lead_assigned", "lead": {"id": id}, "by": by, "properties": next(whom)}
        for id in ids
    ]
    outcomes = await services(request).runtime.submit(events, channel="people")
    count(request, "people", outcomes)
    refuse_if_all_bad(outcomes, True, services(request).runtime)
    return Json({"results": [result_of(outcome) for outcome in outcomes]})


async def _known(request: Request, named: Any) -> str:
    """Return the id of a lead that who asks may see; raises Problem."""
    try:
        return await visible(request, str(named))
    except NotFound as error:
        text = f"there is no lead {str(named)[:200]!r}; nothing is done"
        raise Problem(422, "unknown-lead", text) from error


def _whom(request: Request, data: dict[str, Any], owner: Any) -> dict[str, Any]:
    """Return the properties of an assignment; raises Problem."""
    ruleset = services(request).runtime.ruleset
    pool, team = data.get("pool"), data.get("team")
    if (owner is None) == (pool is None):
        raise Problem(422, "bad-value", 'say "owner", or "pool", one of them')
    said = {k: v for k, v in (("reason", data.get("reason")), ("team", team)) if v is not None}
    _supervising(request, owner)
    if pool is not None:
        _check_pool(request, pool)
        return {**said, "pool": pool}
    place = place_of(ruleset, owner) if isinstance(owner, str) else None
    if place is None:
        known = [member.id for each in ruleset.teams.values() for member in each.members]
        hint = did_you_mean(str(owner)[:80], known)
        raise Problem(422, "unknown-member", f"{str(owner)[:80]!r} is in no team; {hint}")
    if team is not None and all(m.id != owner for m in _members(request, team)):
        raise Problem(422, "unknown-member", f"{owner} is not in team {str(team)[:80]!r}")
    return {"team": place[0].id, **said, "owner": owner}


def _members(request: Request, team: Any) -> tuple[Any, ...]:
    found = services(request).runtime.ruleset.teams.get(team) if isinstance(team, str) else None
    return found.members if found else ()


def _supervising(request: Request, owner: Any) -> None:
    """A salesperson who supervises a team gives leads to its members; others do not."""
    member = principal(request).member
    if member is None:
        return
    led = mates(request) - {member}
    if not led or (owner is not None and owner not in mates(request)):
        raise Problem(
            403, "forbidden", f"{member} assigns leads to nobody, or not to {owner!s:.80}"
        )


def _check_pool(request: Request, pool: Any) -> None:
    if pool is None:
        return
    own = own_pools(request)
    if not isinstance(pool, str) or pool not in own:
        hint = did_you_mean(str(pool)[:80], own)
        raise Problem(422, "unknown-pool", f"there is no pool {str(pool)[:80]!r} for you; {hint}")


def _reason(data: dict[str, Any]) -> str:
    reason = data.get("reason")
    if not isinstance(reason, str) or not reason.strip():
        raise Problem(422, "bad-value", _REASON)
    return reason.strip()[:1_000]


ENDPOINTS: Final = (
    Endpoint(
        method="POST",
        path="/v1/leads/assign",
        handler=assign_many,
        summary="Give many leads away at once",
        tag="leads",
        scope="work",
        takes={
            "type": "object",
            "additionalProperties": False,
            "required": ["leads"],
            "properties": {
                **_TARGET,
                "owner": {"anyOf": [TEXT, {"type": "array", "items": TEXT}]},
                "by": TEXT,
                "leads": {"type": "array", "minItems": 1, "maxItems": MOST, "items": TEXT},
            },
        },
        fails=(404, 413, 422, 429),
    ),
    verb("assign", assign, "Give it to somebody, or put it into a pool", body(**_TARGET)),
    verb("claim", claim, "Take it from its pool", body(), 409),
    verb("release", release, "Give it back to a pool", body("reason", reason=TEXT, pool=TEXT), 409),
    verb("decline", decline, "Turn it down", body("reason", reason=TEXT), 409),
)
