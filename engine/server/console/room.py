"""The room that pages are made in: templates, words, files, and what every page shows."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, unquote, urlencode, urlsplit

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse

import engine
from engine.language.label import Text, in_language
from engine.server.console.figures import Figures
from engine.server.console.formats import Formats
from engine.server.console.menu import menu_of
from engine.server.console.words import Words, catalogues
from engine.server.endpoint import services
from engine.server.languages import language_of
from engine.server.ownership import principal
from engine.server.problems import Problem
from engine.server.roles import STRANGER, Principal
from engine.server.sign_in.sessions import COOKIE as SESSION
from engine.server.sign_in.users import desk_of

HERE: Final = Path(__file__).parent
THEMES: Final = ("auto", "light", "dark")
THEME_COOKIE: Final = "leadrules_theme"
SAID_COOKIE: Final = "leadrules_said"
# htmx brings neither its own style nor code out of attributes; both would need a laxer policy.
HTMX: Final = {"includeIndicatorStyles": False, "allowEval": False, "selfRequestsOnly": True}
POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)

# Without a referrer at all a browser would send forms with the origin "null", as strangers do.
HEADERS: Final = {"content-security-policy": POLICY, "referrer-policy": "same-origin"}


class Room:
    """The templates, compiled once with every value escaped, and what they draw on."""

    def __init__(self) -> None:
        self.words = catalogues()
        self.figures = Figures()
        self.files: Mapping[str, str] = msgspec.json.decode(
            (HERE / "static" / "manifest.json").read_bytes(), type=dict[str, str]
        )
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            extensions=["jinja2.ext.do"],
        )
        self._environment.globals["asset"] = lambda name: f"/console/static/{self.files[name]}"
        self._environment.globals["htmx"] = json.dumps(HTMX)
        self._environment.globals["segment"] = lambda text: quote(str(text), safe="")

    def render(self, name: str, status: int = 200, /, **values: Any) -> HTMLResponse:
        """Return a page."""
        text = self._environment.get_template(name).render(**values)
        return HTMLResponse(text, status, headers=HEADERS)


def room_of(request: Request) -> Room:
    """Return the room of the request's application."""
    found: Room = request.app.state.pages
    return found


def words_of(request: Request) -> Words:
    """Return the words in the reader's language."""
    return room_of(request).words[language_of(request)]


def formats_of(request: Request) -> Formats:
    """Return how values are written for the reader."""
    runtime = services(request).runtime
    return Formats(runtime.ruleset.definitions.server.zone, runtime.clock.now())


def page(
    request: Request, name: str, active: str = "", /, code: int = 200, **values: Any
) -> HTMLResponse:
    """Return a page in the reader's language; ``active`` is its place in the menu."""
    room, words = room_of(request), words_of(request)
    who: Principal = request.scope.get("principal", STRANGER)
    runtime = services(request).runtime
    formats = formats_of(request)
    theme = request.cookies.get(THEME_COOKIE, THEMES[0])
    said = _said(request)
    answer = room.render(
        name,
        code,
        t=words.say,
        name=words.name,
        label=words.label,
        because=lambda reason: formats.within(words.why(reason)),
        person=_people(request),
        called=called(request),
        lang=words.language,
        f=formats,
        theme=theme if theme in THEMES else THEMES[0],
        who=who,
        is_open=SESSION not in request.cookies,
        menu=menu_of(who, active),
        active=active,
        proof=proof_of(request),
        path=request.url.path,
        here=here(request),
        said=said,
        now=runtime.clock.now(),
        version=engine.__version__,
        **values,
    )
    if said is not None:
        answer.delete_cookie(SAID_COOKIE, path="/console/")
    return answer


def _people(request: Request) -> Callable[[str | None], str]:
    """Return what names a salesperson by id; whoever is in no team is called by the id."""
    rules = services(request).runtime.rules
    teams = rules.ruleset.teams.values() if rules else ()
    names = {member.id: member.name for team in teams for member in team.members}
    return lambda id: names.get(id, id) if id else "–"


def called(request: Request) -> Callable[[str, Any], str]:
    """Return what names a thing by its kind in `Definitions.labels` and its id."""
    words, labels = words_of(request), _labels(request)

    def name(kind: str, id: Any) -> str:
        given = labels.get(kind, {}).get(id)
        return words.label(id, given) if given else str(id)

    return name


def _labels(request: Request) -> dict[str, dict[str, Text | None]]:
    """Return all labels, gathered once for a page."""
    rules = services(request).runtime.rules
    if not hasattr(request.state, "labels"):
        request.state.labels = rules.ruleset.definitions.labels if rules else {}
    found: dict[str, dict[str, Text | None]] = request.state.labels
    return found


def here(request: Request) -> str:
    """Return the page's address with its query."""
    query = request.url.query
    return f"{request.url.path}?{query}" if query else request.url.path


def proof_of(request: Request) -> str:
    """Return what a form of this browser's session must carry."""
    return desk_of(request).sessions.proof(request.cookies.get(SESSION))


def saying(text: str, good: bool = True) -> str:
    """Return the cookie by which the next page says what was done."""
    return quote(json.dumps([good, text[:600]]))


def _said(request: Request) -> tuple[bool, str] | None:
    try:
        good, text = json.loads(unquote(request.cookies.get(SAID_COOKIE, "")))
    except (ValueError, TypeError):
        return None
    return bool(good), str(text)


def sign_in_page(
    request: Request, code: int, back: str, why: str | None = None, name: str = ""
) -> HTMLResponse:
    """Return the sign-in with the ways that there are; ``why`` it did not work the last time."""
    desk = desk_of(request)
    settings, spoken = desk.settings, language_of(request)
    ways = {"oidc": settings.oidc, "wecom": settings.wecom}
    return page(
        request,
        "sign_in.html",
        code=code,
        back=back,
        why=why,
        name_given=name,
        has_accounts=bool(desk.accounts),
        ways=[(how, in_language(each.label, spoken)) for how, each in ways.items() if each],
        query=urlencode({"back": back}),
    )


def problem_page(request: Request, problem: Problem) -> HTMLResponse:
    """Return an error as a page; without a session it is the sign-in."""
    if problem.status == 401:
        answer = sign_in_page(request, 401, _looked_at(request))
        # Not Basic: the browser would put its own window over the page.
        answer.headers["www-authenticate"] = "Bearer"
        return answer
    request.scope.setdefault("principal", STRANGER)
    answer = page(request, "problem.html", code=problem.status, problem=problem)
    for name, value in problem.headers.items():
        answer.headers[name] = value
    return answer


def _looked_at(request: Request) -> str:
    """Return the page to come back to after signing in: of a form the one that it stands on."""
    if request.method in {"GET", "HEAD"}:
        return here(request)
    stood = urlsplit(request.headers.get("referer", ""))
    if stood.netloc != request.headers.get("host") or not stood.path.startswith("/console/"):
        return "/console/"
    return f"{stood.path}?{stood.query}" if stood.query else stood.path


def wants_page(path: str, headers: Mapping[str, str]) -> bool:
    """Whether a browser asks for a page of the console, not a program for data."""
    inside = path == "/" or path.startswith("/console")
    return inside and "text/html" in headers.get("accept", "")


def is_sales(request: Request) -> bool:
    """Whether who asks is a salesperson, who sees their own leads only."""
    return principal(request).member is not None
