"""What a salesperson sees and may touch: their own leads, and those that nobody has."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from starlette.requests import Request

from engine.errors import NotFound
from engine.server.problems import Problem
from engine.server.roles import Principal


def principal(request: Request) -> Principal:
    """Return who asks."""
    who: Principal = request.scope["principal"]
    return who


def check_lead(request: Request, id: str, owner: str | None) -> None:
    """Raise NotFound where a salesperson asks for somebody else's lead: it is none for them."""
    member = principal(request).member
    if member is not None and owner not in (None, member):
        raise NotFound(f"there is no lead {id[:200]!r}; name it by id, e-mail, phone or user id")


def narrowed(request: Request, filters: Mapping[str, str | None]) -> dict[str, str | None]:
    """Return the filters of a list, narrowed to what the person may see.

    A salesperson gets their own leads, or those without owner, such as a pool's, on demand.
    """
    member = principal(request).member
    if member is None:
        return dict(filters)
    asked = filters.get("owner", None if "pool" in filters else member)
    if asked not in (None, member):
        raise Problem(403, "forbidden", f"{member} sees their own leads, and those of pools")
    return {**filters, "owner": asked}


def acting(request: Request, named: Any) -> Any:
    """Return who did it: a salesperson is always themselves, others may name somebody."""
    who = principal(request)
    if who.member is None:
        return named or who.name
    if named not in (None, "", who.member):
        raise Problem(403, "forbidden", f'with the token of {who.member}, "by" is {who.member}')
    return who.member
