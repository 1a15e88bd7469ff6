"""Public pools (公海池): what is in them, and what one may claim."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request

from engine.errors import NotFound
from engine.language.definitions import Pool
from engine.language.label import in_language
from engine.language.nearest import did_you_mean
from engine.machines.people.claiming import book_of, obstacles, on_day
from engine.machines.state import TeamBook, Teams
from engine.server.endpoint import (
    LIMIT,
    TEXT,
    Endpoint,
    Schema,
    limit_of,
    page_of,
    query_of,
    reading,
    services,
)
from engine.server.languages import language_of
from engine.server.ownership import own_pools, principal
from engine.server.problems import Json, Problem
from engine.store.reading import Reader
from engine.store.rows import to_json
from engine.store.shapes import when

_QUERY: Final[dict[str, Schema]] = {"member": TEXT, "limit": LIMIT, "cursor": TEXT}


async def list_pools(request: Request) -> Json:
    """The pools that one may look into, with how many leads each holds."""
    query_of(request, {})
    runtime = services(request).runtime
    ends = runtime.ruleset.definitions.lifecycle.ends
    counts = await reading(runtime.reader.pools, ends)
    own, pools = own_pools(request), runtime.ruleset.pools.values()
    items = [_described(request, pool, counts) for pool in pools if pool.id in own]
    return Json({"items": items, "next": None})


def _described(request: Request, pool: Pool, counts: Mapping[str, int]) -> dict[str, Any]:
    label, leads = in_language(pool.label, language_of(request)), counts.get(pool.id, 0)
    return {"id": pool.id, "label": label, "teams": list(pool.teams), "leads": leads}


async def get_pool(request: Request) -> Json:
    """A pool's leads, the latest change first, each with whether one may claim it now."""
    query = query_of(request, _QUERY)
    name: str = request.path_params["name"]
    own = own_pools(request)
    pool = services(request).runtime.ruleset.pools.get(name)
    if pool is None or pool.id not in own:
        raise NotFound(f"there is no pool {name[:80]!r}; {did_you_mean(name[:80], own)}")
    runtime = services(request).runtime
    reader, ends = runtime.reader, runtime.ruleset.definitions.lifecycle.ends
    filters = {"pool": name, "owner": None, "without": to_json(ends)}
    limit, cursor = limit_of(query), query.get("cursor")
    page = await reading(reader.leads, filters=filters, limit=limit, cursor=cursor)
    counts = await reading(reader.pools, ends)
    found = {**_described(request, pool, counts), **page_of(request, page)}
    member = _member(request, query.get("member"))
    if member is None:
        return Json(found)
    teams = await reading(reader.teams)
    had = on_day(teams.books.get(book_of(name), TeamBook()), member, _now(request))
    most = pool.claim.per_day
    today = {"member": member, "claimed_today": had, "per_day": most}
    items = await reading(_with_claims, request, reader, teams, page.items, member)
    return Json({**found, "items": items, "claims": today})


def _now(request: Request) -> int:
    return services(request).runtime.clock.now()


def _member(request: Request, asked: str | None) -> str | None:
    member = principal(request).member
    if member is None or asked in (None, member):
        return member or asked
    raise Problem(403, "forbidden", f"{member} sees what they themselves may claim")


def _with_claims(
    request: Request, reader: Reader, teams: Teams, items: list[dict[str, Any]], member: str
) -> list[dict[str, Any]]:
    """Return leads with {possible, reason, possible_at} of a claim by ``member`` now."""
    ruleset, now = services(request).runtime.ruleset, _now(request)
    states = reader.states([item["id"] for item in items])
    found = []
    for item in items:
        lead = states.get(item["id"])
        against = list(obstacles(ruleset, teams, lead, member, now)) if lead else []
        untils = [until for _, until in against if until is not None]
        possible_at = max(untils) if against and len(untils) == len(against) else None
        told = {
            "possible": not against,
            "reason": "; ".join(why for why, _ in against) or None,
            "possible_at": when(possible_at),
        }
        found.append({**item, "claim": told})
    return found


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/pools",
        handler=list_pools,
        summary="Public pools, with how many leads each holds",
        tag="leads",
        scope="leads",
        gives={"$ref": "#/components/schemas/Page"},
    ),
    Endpoint(
        method="GET",
        path="/v1/pools/{name}",
        handler=get_pool,
        summary="A pool's leads, and which of them one may claim now",
        tag="leads",
        scope="leads",
        query=_QUERY,
        fails=(404,),
    ),
)
