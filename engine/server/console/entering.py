"""Coming and going: signing in with a token, signing out, language and theme."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.server.auth import digest_of
from engine.server.console.forms import back_of, form_of
from engine.server.console.pages import get, post
from engine.server.console.room import THEME_COOKIE, THEMES, page, room_of
from engine.server.console.sessions import COOKIE, LASTS_S
from engine.server.console.words import COOKIE as LANGUAGE_COOKIE
from engine.server.console.words import LANGUAGES

HOME: Final = "/console/"
_YEAR_S: Final = 365 * 24 * 3600


async def show(request: Request) -> Response:
    """The sign-in."""
    return page(request, "sign_in.html", back=HOME, failed=False)


async def enter(request: Request) -> Response:
    """Open a session for the holder of a token."""
    fields = await form_of(request)
    back = back_of(fields, HOME)
    digest = digest_of(dict(fields).get("token", "").strip())
    if request.app.state.policies.current().access.by_digest(digest) is None:
        return page(request, "sign_in.html", code=422, back=back, failed=True)
    answer = RedirectResponse(back, 303)
    _keep(request, answer, COOKIE, room_of(request).sessions.open(digest), LASTS_S, hidden=True)
    return answer


async def leave(request: Request) -> Response:
    """End the session."""
    await form_of(request)
    answer = RedirectResponse("/console/sign-in", 303)
    answer.delete_cookie(COOKIE, path="/")
    return answer


async def settle(request: Request) -> Response:
    """Keep the language or theme that somebody prefers in their browser."""
    fields = await form_of(request)
    given = dict(fields)
    answer = RedirectResponse(back_of(fields, HOME), 303)
    if given.get("language") in LANGUAGES:
        _keep(request, answer, LANGUAGE_COOKIE, given["language"], _YEAR_S)
    if given.get("theme") in THEMES:
        _keep(request, answer, THEME_COOKIE, given["theme"], _YEAR_S)
    return answer


def _keep(request: Request, answer: Response, name: str, value: str, age: int, **more: Any) -> None:
    secure, hidden = request.url.scheme == "https", bool(more.get("hidden", True))
    answer.set_cookie(name, value, age, path="/", httponly=hidden, samesite="strict", secure=secure)


ENDPOINTS: Final = (
    get("/console/sign-in", show, "The sign-in", scope="free"),
    post("/console/sign-in", enter, "Open a session with a token", scope="free"),
    post("/console/sign-out", leave, "End the session", scope="free"),
    post("/console/settings", settle, "Choose language and theme", scope="free"),
)
