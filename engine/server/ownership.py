"""What a salesperson sees and may touch: their own leads, their team's where they supervise it,
and those of pools that they may claim from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from engine.errors import NotFound
from engine.server.endpoint import services
from engine.server.problems import Problem
from engine.server.roles import Principal
from engine.store.rows import from_json, to_json


def principal(request: Request) -> Principal:
    """Return who asks."""
    who: Principal = request.scope["principal"]
    return who


def mates(request: Request) -> frozenset[str]:
    """Return whose leads a salesperson may handle: their own, and those of whom they supervise."""
    member = principal(request).member
    assert member is not None
    return _handled(request, member)


def _handled(request: Request, member: str) -> frozenset[str]:
    teams = services(request).runtime.ruleset.teams.values()
    led = (each.id for team in teams if team.supervisor == member for each in team.members)
    return frozenset((member, *led))


def own_pools(request: Request) -> frozenset[str]:
    """Return the pools that who asks may look into: those that their teams claim from."""
    ruleset, member = services(request).runtime.ruleset, principal(request).member
    if member is None:
        return frozenset(ruleset.pools)
    mine = {
        team.id
        for team in ruleset.teams.values()
        if team.supervisor == member or any(each.id == member for each in team.members)
    }
    return frozenset(p.id for p in ruleset.pools.values() if not p.teams or mine & {*p.teams})


def may_see(request: Request, lead: Mapping[str, Any]) -> bool:
    """Whether a lead is one's own, or lies where one may look."""
    if principal(request).member is None:
        return True
    owner, pool = lead.get("owner"), lead.get("pool")
    if owner is not None:
        return owner in mates(request)
    return pool not in services(request).runtime.ruleset.pools or pool in own_pools(request)


def check_lead(request: Request, id: str, lead: Mapping[str, Any] | None) -> None:
    """Raise NotFound where a salesperson asks for somebody else's lead: it is none for them."""
    if lead is not None and not may_see(request, lead):
        raise NotFound(f"there is no lead {id[:200]!r}; name it by id, e-mail, phone or user id")


def narrowed(request: Request, filters: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the filters of a list, narrowed to what the person may see.

    A salesperson gets their own leads and those of whom they supervise, or on demand those without
    owner, such as a pool's.
    """
    member = principal(request).member
    if member is None:
        return dict(filters)
    if filters.get("owners"):
        theirs = mates(request).intersection(from_json(filters["owners"] or "[]"))
        return {**filters, "owners": to_json(sorted(theirs))}
    asked = filters.get("owner", None if "pool" in filters else member)
    if "owner" not in filters and asked is not None and len(mates(request)) > 1:
        return {**filters, "owners": to_json(sorted(mates(request)))}
    if asked is not None and asked not in mates(request):
        raise Problem(403, "forbidden", f"{member} sees their own leads, and those of pools")
    if asked is None:
        _check_pool(request, filters)
    return {**filters, "owner": asked}


def _check_pool(request: Request, filters: Mapping[str, str | None]) -> None:
    """Leads that nobody has are shown by pool, where not all pools are everybody's."""
    own, pools = own_pools(request), services(request).runtime.ruleset.pools
    if own == pools.keys() or filters.get("pool") in own:
        return
    mine = ", ".join(sorted(own)) or "none"
    raise Problem(403, "forbidden", f"ask with pool=, one of your own: {mine}")


def acting(request: Request, named: Any) -> Any:
    """Return who did it: a salesperson is always themselves, others may name somebody."""
    who = principal(request)
    if who.member is None:
        return named or who.name
    if named not in (None, "", who.member):
        raise Problem(403, "forbidden", f'with the token of {who.member}, "by" is {who.member}')
    return who.member


def answering(request: Request, owner: str | None, named: Any) -> Any:
    """Return who accepts or declines a lead: its owner, or who supervises them.

    Who is no salesperson and names nobody acts in the owner's name. Raises Problem.
    """
    if owner is None:
        raise Problem(409, "refused", "nobody has the lead")
    by = acting(request, named or (owner if principal(request).member is None else None))
    if isinstance(by, str) and owner not in _handled(request, by):
        raise Problem(409, "refused", f"{owner} has the lead, not {by[:80]}")
    return by
