"""Accounts: one's own page, and what administrators do with those of others."""

from __future__ import annotations

from typing import Any, Final
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from engine.errors import NotFound
from engine.server.console.forms import ask, data_of, done, form_of
from engine.server.console.pages import get, post
from engine.server.console.room import page
from engine.server.sign_in.people import PASSWORD
from engine.server.sign_in.sessions import COOKIE
from engine.server.sign_in.users import desk_of

_PEOPLE: Final = "/console/people"
_DISABLED: Final = {"disable": True, "enable": False}
_SET: Final = ("password", "role")


async def own(request: Request) -> Response:
    """Who one is here, in how many browsers, and one's password."""
    desk = desk_of(request)
    session = desk.sessions.of(request.cookies.get(COOKIE))
    count = len(desk.sessions.whose(session.kind, session.subject)) if session else 0
    has_password = session is not None and session.kind == PASSWORD
    return page(request, "account.html", session=session, count=count, has_password=has_password)


async def add(request: Request) -> Response:
    """Make an account."""
    data = _typed(await form_of(request))
    doing = ask(request, "POST", "/v1/users", {}, data)
    return await done(request, doing, _PEOPLE, "said.user_add")


async def on_user(request: Request) -> Response:
    """Change somebody's account."""
    data = _typed(await form_of(request))
    name, verb = request.path_params["name"], request.path_params["verb"]
    path = "/v1/users/{name}"
    if verb in _DISABLED:
        data = {"disabled": _DISABLED[verb]}
    elif verb == "sign-out":
        path, data = f"{path}/sign-out", {}
    elif verb not in _SET:
        raise NotFound(f"nothing is called {verb[:80]!r} here")
    doing: Any = ask(request, "POST", path, {"name": name}, data)
    return await done(request, doing, f"{_PEOPLE}#{quote(name)}", "said.user")


def _typed(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Return a form's data with the password as it was typed, spaces and all."""
    data, typed = data_of(fields), dict(fields).get(PASSWORD)
    return {**data, PASSWORD: typed} if typed and PASSWORD in data else data


ENDPOINTS: Final = (
    get("/console/account", own, "One's own account", scope="any"),
    post("/console/users", add, "Make an account", scope="admin"),
    post("/console/users/{name}/{verb}", on_user, "Change an account", scope="admin"),
)
