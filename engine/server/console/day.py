"""My day: what is due, what must be accepted, and what lies in the public pools (公海)."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from engine.machines.people.claiming import book_of, obstacles, on_day
from engine.machines.state import TeamBook
from engine.server.console import inbox
from engine.server.console.leads import handled, who_acts
from engine.server.console.pages import get
from engine.server.console.room import page, room_of
from engine.server.endpoint import TEXT, reading, services
from engine.server.ownership import mates, own_pools
from engine.server.problems import Problem
from engine.store.rows import to_json

_TASKS: Final = 50
_POOLED: Final = 12


async def day(request: Request) -> Response:
    """The day of who asks, or of the one that ops look over the shoulder of."""
    me = who_acts(request)
    asked = request.query_params.get("member") or None
    if me is not None and asked is not None and asked not in mates(request):
        raise Problem(403, "forbidden", f"{me} sees their own day")
    found = await reading(_read, request, asked or me)
    return page(request, "day.html", "day", **found)


def _read(request: Request, member: str | None) -> dict[str, Any]:
    runtime = services(request).runtime
    reader, ruleset = runtime.reader, runtime.ruleset
    boards, me = reader.boards(), who_acts(request)
    clocks = boards.clocks(member, limit=_TASKS)
    tasks = reader.tasks(owner=member, status="open", limit=_TASKS)
    return {
        "member": member,
        "me": me,
        "people": handled(request),
        "tasks": tasks.items,
        "more_tasks": tasks.next is not None,
        "without": to_json(ruleset.definitions.lifecycle.ends),
        "to_accept": [c for c in clocks if c["clock"] == "accept"],
        "clocks": [c for c in clocks if c["clock"] != "accept"],
        **inbox.read(request, member),
        "pools": [_pool(request, id, member) for id in sorted(own_pools(request))],
        "stage_labels": {s.id: s.label for s in ruleset.definitions.lifecycle.stages},
    }


def _pool(request: Request, id: str, member: str | None) -> dict[str, Any]:
    """Return a pool's best leads, each with why ``member`` can't have it now."""
    runtime = services(request).runtime
    reader, ruleset, now = runtime.reader, runtime.ruleset, runtime.clock.now()
    pool = ruleset.pools[id]
    ends = ruleset.definitions.lifecycle.ends
    filters = {"pool": id, "owner": None, "without": to_json(ends)}
    found = reader.leads(filters=filters, limit=_POOLED)
    teams = reader.teams()
    held = room_of(request).figures.get("pools", lambda: reader.pools(ends))
    states = reader.states([item["id"] for item in found.items])
    why = {
        item["id"]: "; ".join(
            reason for reason, _ in obstacles(ruleset, teams, states[item["id"]], member, now)
        )
        for item in found.items
        if member is not None and item["id"] in states
    }
    book = teams.books.get(book_of(id), TeamBook())
    return {
        "id": id,
        "label": pool.label,
        "leads": held.get(id, 0),
        "items": found.items,
        "why": why,
        "per_day": pool.claim.per_day,
        "today": on_day(book, member, now) if member else 0,
    }


ENDPOINTS: Final = (get("/console/day", day, "My day", scope="work", query={"member": TEXT}),)
