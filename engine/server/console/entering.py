"""Coming and going: signing in and out, one's own password, language and theme."""

from __future__ import annotations

import logging
from typing import Any, Final, Literal

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.errors import Refused
from engine.language.label import LANGUAGES
from engine.server.auth import digest_of
from engine.server.console.forms import BACK, back_of, form_of
from engine.server.console.pages import get, post
from engine.server.console.room import THEME_COOKIE, THEMES, page, sign_in_page, words_of
from engine.server.endpoint import TEXT
from engine.server.guard import note
from engine.server.languages import COOKIE as LANGUAGE_COOKIE
from engine.server.problems import Problem
from engine.server.roles import Principal
from engine.server.sign_in.sessions import COOKIE
from engine.server.sign_in.users import desk_of
from engine.server.sign_in.vouching import LASTS_S, NotVouched
from engine.store.accounts import Account

HOME: Final = "/console/"
SIGN_IN: Final = "/console/sign-in"
DEVICE_COOKIE: Final = "leadrules_device"
FLOW_COOKIE: Final = "leadrules_flow"
_log: Final = logging.getLogger("leadrules.server")
_YEAR_S: Final = 365 * 24 * 3600
_NOBODY: Final = Principal("", "")
_BY_FORM: Final = f"POST {SIGN_IN}"
_NOT_VOUCHED: Final = (404, 422, 429)
_BY_PROVIDER: Final = f"GET {SIGN_IN}/{{how}}/back"
_OWN_PASSWORD: Final = "POST /console/password"


async def show(request: Request) -> Response:
    """The sign-in."""
    return sign_in_page(request, 200, HOME)


async def enter(request: Request) -> Response:
    """Open a session for the holder of a token, or for whom name and password open an account."""
    fields = await form_of(request)
    given, back = dict(fields), back_of(fields, HOME)
    try:
        if given.get("token", "").strip():
            return await _by_token(request, given["token"].strip(), back)
        return await _by_password(request, given, back)
    except Problem as problem:
        return _again(request, problem, back, given.get("name", ""))
    except Refused:
        return _again(request, Problem(409, "changed", ""), back, given.get("name", ""))


async def _by_token(request: Request, token: str, back: str) -> Response:
    access, digest = request.app.state.policies.current().access, digest_of(token)
    opened = await desk_of(request).by_token(digest, access, _address(request))
    if opened is None:
        await note(request, _BY_FORM, _NOBODY, 422)
        raise Problem(422, "bad-token", "this token does not count")
    cookie, who = opened
    await note(request, _BY_FORM, who, 303)
    return await _entered(request, RedirectResponse(back, 303), cookie)


async def _by_password(request: Request, given: dict[str, str], back: str) -> Response:
    account = await _account(request, given, _BY_FORM)
    if account.must_change:
        return _change_page(request, account.name, back, code=200)
    return await _at_home(request, account, back, _BY_FORM)


async def _account(request: Request, given: dict[str, str], action: str) -> Account:
    """Return whose name and password stand in a form; raises Problem 422 and 429."""
    desk, name = desk_of(request), given.get("name", "")
    device = request.cookies.get(DEVICE_COOKIE)
    found = await desk.by_password(name, given.get("password", ""), _address(request), device)
    if found is None:
        # What was typed may be a password in the wrong field, so it is written down only where
        # it is an account's name.
        known = desk.accounts.get(name)
        who = Principal(known.name, known.role) if known else _NOBODY
        await note(request, action, who, 422)
        raise Problem(422, "bad-password", "this name and password open nothing")
    return found


async def change_own(request: Request) -> Response:
    """Change a password by its owner, who gives the old one; needs no session and opens one."""
    fields = await form_of(request)
    given, back = dict(fields), back_of(fields, HOME)
    name, new = given.get("name", ""), given.get("new", "")
    try:
        account = await _account(request, given, _OWN_PASSWORD)
        if new != given.get("again"):
            raise Problem(422, "different-passwords", "the new password was not typed twice alike")
        account = await desk_of(request).accounts.set_own(account, new)
    except Problem as problem:
        answer = _change_page(request, name, back, problem.status, problem.code)
        answer.headers.update(problem.headers)
        return answer
    except Refused:
        return _again(request, Problem(409, "changed", ""), back, name)
    return await _at_home(request, account, back, _OWN_PASSWORD)


async def begin(request: Request) -> Response:
    """Send the browser to a provider that vouches for people."""
    how, desk = request.path_params["how"], desk_of(request)
    back = back_of([(BACK, request.query_params.get(BACK, ""))], HOME)
    try:
        provider = desk.provider(how)
        cookie, flow = desk.flows.begin(how, back)
        answer = RedirectResponse(await provider.address(flow), 303)
    except NotVouched as problem:
        return _not_vouched(request, problem, back)
    # Lax: the browser comes back from another site.
    age = int(LASTS_S)
    _keep(request, answer, FLOW_COOKIE, cookie, age, path=f"{SIGN_IN}/", samesite="lax")
    return answer


async def come_back(request: Request) -> Response:
    """Open a session for whom a provider vouches."""
    how, desk = request.path_params["how"], desk_of(request)
    given, back = dict(request.query_params), HOME
    try:
        flow = desk.flows.end(how, request.cookies.get(FLOW_COOKIE), given.get("state", ""))
        back = flow.back
        claims = await _vouched(request, desk.provider(how).claims(flow, given))
        cookie, who = await _vouched(request, desk.by_provider(how, claims))
    except NotVouched as problem:
        return _not_vouched(request, problem, back)
    await note(request, _BY_PROVIDER, who, 200)
    # A page, for a browser does not send strict cookies along where another site redirects to.
    answer = page(request, "entered.html", next_page=back)
    answer.delete_cookie(FLOW_COOKIE, path=f"{SIGN_IN}/")
    return await _entered(request, answer, cookie)


async def _vouched(request: Request, doing: Any) -> Any:
    try:
        return await doing
    except NotVouched:
        await note(request, _BY_PROVIDER, _NOBODY, 422)
        raise


async def leave(request: Request) -> Response:
    """End the session, or all that the same person has."""
    everywhere = "everywhere" in dict(await form_of(request))
    await desk_of(request).sign_out(request.cookies.get(COOKIE), everywhere)
    answer = RedirectResponse(SIGN_IN, 303)
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


def _not_vouched(request: Request, problem: NotVouched, back: str) -> Response:
    """Return the sign-in once more; what exactly was wrong is for those who run the server."""
    _log.warning("nobody was signed in by %.20r: %s", request.path_params["how"], problem)
    return _again(request, problem, back)


def _again(request: Request, problem: Problem, back: str, name: str = "") -> Response:
    """Return the sign-in once more, with why it did not work."""
    why = words_of(request).name("sign", problem.code)
    answer = sign_in_page(request, problem.status, back, why, name[:80])
    answer.headers.update(problem.headers)
    return answer


def _change_page(
    request: Request, name: str, back: str, code: int, why: str | None = None
) -> Response:
    said = None if why is None else words_of(request).name("sign", why)
    return page(request, "password.html", code=code, back=back, why=said, name_given=name[:80])


async def _at_home(request: Request, account: Account, back: str, action: str) -> Response:
    """Return the answer that signs an account's owner in; raises Refused."""
    desk = desk_of(request)
    cookie = await desk.open_account(account)
    await note(request, action, Principal(account.name, account.role), 303)
    answer = await _entered(request, RedirectResponse(back, 303), cookie)
    _keep(request, answer, DEVICE_COOKIE, desk.device(account), _YEAR_S)
    return answer


async def _entered(request: Request, answer: Response, cookie: str) -> Response:
    """Give a browser its new session in place of the one that it may have."""
    desk = desk_of(request)
    await desk.sessions.end(request.cookies.get(COOKIE))
    _keep(request, answer, COOKIE, cookie, desk.settings.lasts // 1_000)
    return answer


def _address(request: Request) -> str:
    return request.client.host if request.client else "?"


def _keep(
    request: Request,
    answer: Response,
    name: str,
    value: str,
    age: int,
    path: str = "/",
    samesite: Literal["strict", "lax"] = "strict",
) -> None:
    secure = request.url.scheme == "https"
    answer.set_cookie(name, value, age, path=path, httponly=True, samesite=samesite, secure=secure)


ENDPOINTS: Final = (
    get(SIGN_IN, show, "The sign-in", scope="free"),
    post(SIGN_IN, enter, "Open a session with a token, or with name and password", scope="free"),
    get(
        f"{SIGN_IN}/{{how}}",
        begin,
        "Sign in at a provider",
        scope="free",
        query={BACK: TEXT},
        fails=_NOT_VOUCHED,
    ),
    get(
        f"{SIGN_IN}/{{how}}/back",
        come_back,
        "Come back from a provider",
        scope="free",
        query={"state": TEXT, "code": TEXT},
        fails=_NOT_VOUCHED,
    ),
    post("/console/password", change_own, "Change one's own password", scope="free"),
    post("/console/sign-out", leave, "End the session, or all of one's own", scope="free"),
    post("/console/settings", settle, "Choose language and theme", scope="free"),
)
