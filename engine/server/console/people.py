"""People, accounts and tokens: who sells, what each has, and who may come in."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from engine.language.serving import ROLES
from engine.server.console.pages import get
from engine.server.console.room import page
from engine.server.endpoint import reading, services
from engine.server.ownership import principal
from engine.server.sign_in.users import desk_of, item
from engine.store.rows import to_json
from engine.store.shapes import when


async def people(request: Request) -> Response:
    """The page; tokens are for administrators, and never shown themselves."""
    found = await reading(_read, request)
    return page(request, "people.html", "people", **found)


def _read(request: Request) -> dict[str, Any]:
    runtime = services(request).runtime
    books = runtime.reader.teams().books
    now = runtime.clock.now()
    late = runtime.reader.boards().late(now)
    rows = [
        {
            "member": member,
            "team": team,
            "load": books[team.id].loads.get(member.id, 0) if team.id in books else 0,
            "late": late.get(member.id, 0),
            "away": next((a.until for a in member.away if a.since <= now < a.until), None),
        }
        for team in runtime.ruleset.teams.values()
        for member in team.members
    ]
    sees = principal(request).may("admin")
    tokens = request.app.state.policies.tokens() if sees else []
    wall, desk = runtime.clock.wall(), desk_of(request)
    return {
        "rows": rows,
        "instant": when(now),
        "without": to_json(runtime.ruleset.definitions.lifecycle.ends),
        "sees_tokens": sees,
        "accounts": [item(desk, each) for each in desk.accounts.all()] if sees else [],
        "roles": ROLES,
        "tokens": [
            {
                "token": token,
                "secrets": len(token.secrets),
                "expires": min((s.expires for s in token.secrets if s.expires), default=None),
                "over": all(s.expires is not None and s.expires <= wall for s in token.secrets),
            }
            for token in tokens
        ],
    }


ENDPOINTS: Final = (get("/console/people", people, "People and tokens"),)
