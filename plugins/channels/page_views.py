"""What the page-view script sends: somebody looks at a page, leaves it, or says who he is.

A browser is known by a random id of the script's. Only pages of the origins that server.yaml
admits are listened to. A stranger says who he is as in a form, and does only what settings list:
the script stands in web pages, for everybody to call.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from typing import Any, Final
from urllib.parse import parse_qsl, unquote, urlsplit

import rjsmin

from engine.plugin import Accepted, ChannelRequest, Names, Rejection, Reply
from plugins.channels.answers import id_of, wrong_body
from plugins.channels.form_settings import NOT_FOR_STRANGERS
from plugins.channels.reading import text_of

VIEWED: Final = "page_viewed"
LEFT: Final = "page_left"
IDENTIFIED: Final = "identified"
OWN: Final = frozenset({VIEWED, LEFT, IDENTIFIED})
MAX_TEXT: Final = 1_000
MAX_ID: Final = 100
LONGEST_S: Final = 86_400
SCRIPT_S: Final = 3_600  # browsers ask again after an hour
_UTM: Final = frozenset({"utm_source", "utm_medium", "utm_campaign", "utm_content", "utm_term"})

PAGES: Final[Mapping[str, Any]] = {
    "pages": {
        "type": "object",
        "propertyNames": {"pattern": "^/"},
        "additionalProperties": {"type": "string", "minLength": 1},
    },
    "events": {"type": "array", "items": {"type": "string", "minLength": 1}},
}


def script() -> bytes:
    """Return the script as it is served."""
    source = files("plugins.channels").joinpath("pages/page.js").read_text(encoding="utf-8")
    return str(rjsmin.jsmin(source)).encode()


def script_reply(content: bytes) -> Reply:
    """Return the answer to who asks for the script, from whatever site."""
    headers = {
        "cross-origin-resource-policy": "cross-origin",
        "cache-control": f"public, max-age={SCRIPT_S}",
    }
    return Reply(200, content, media_type="text/javascript; charset=utf-8", headers=headers)


def wrong_events(settings: Mapping[str, Any], names: Names) -> Iterator[str]:
    """Yield which of the events that pages may tell of are none that a lead does."""
    for type in settings.get("events", ()):
        if not names.is_behaviour(type):
            yield f'events: "{type}" is no event type of the group behaviour'


async def told(request: ChannelRequest) -> Accepted | Rejection:
    """Turn what a page tells into an event."""
    if request.origin is None:
        text = "server.yaml does not have this page's origin under `origins`"
        return Rejection(text, 403, "wrong-origin")
    said = request.data
    if not isinstance(said, dict):
        return wrong_body("what the page-view script sends")
    browser, type = text_of(said.get("anonymous_id")), text_of(said.get("type"))
    if not 0 < len(browser) <= MAX_ID:
        return wrong_body("what the page-view script sends: it has no anonymous_id")
    if type not in OWN and type not in request.settings.get("events", ()):
        text = f'pages may not tell of "{type[:MAX_ID]}": settings do not list it under `events`'
        return Rejection(text, 422, "unlisted-event")
    return Accepted((_event(said, type, browser, request),), lenient=True)


def _event(
    said: Mapping[str, Any], type: str, browser: str, request: ChannelRequest
) -> dict[str, Any]:
    names, url = request.names, text_of(said.get("url"))[:MAX_TEXT]
    person = said.get("lead") if type == IDENTIFIED else None
    agent = request.headers.get("user-agent", "")[:MAX_TEXT]
    client = {"ip": request.client, "agent": agent}
    event = {
        "type": type,
        "lead": {**_person(person, names), **_campaign(url, type), "anonymous_id": browser},
        "properties": dict(_properties(said, type, url, request)),
        "channel": "tracking",
        "client": {name: text for name, text in client.items() if text},
    }
    once = text_of(said.get("id"))
    # With the browser's id, so that nobody uses up an id of somebody else's.
    id = id_of("page", browser, once[:MAX_ID]) if once else None
    return {**event, **({"id": id} if id else {})}


def _properties(
    said: Mapping[str, Any], type: str, url: str, request: ChannelRequest
) -> Iterator[tuple[str, Any]]:
    """Yield what the event type has a property for, and takes."""
    given = said.get("properties") if type not in OWN else said
    page = _page(path_of(url), request.settings.get("pages", {}))
    own = {"url": url, "page": page} if url else {}
    whole = {**own, **(given if isinstance(given, dict) else {}), **own}
    if type == LEFT and not _is_time(whole.get("duration")):
        whole.pop("duration", None)
    for name in request.names.events.get(type, {}):
        value = whole.get(name)
        value = value[:MAX_TEXT] if isinstance(value, str) else value
        if value not in (None, "") and request.names.fits(name, value, type):
            yield name, value


def _person(said: Any, names: Names) -> dict[str, Any]:
    if not isinstance(said, dict):
        return {}
    wanted: Iterable[tuple[Any, Any]] = said.items()
    return {
        name: value
        for name, value in wanted
        if name not in NOT_FOR_STRANGERS and value not in (None, "") and names.fits(name, value)
    }


def _campaign(url: str, type: str) -> dict[str, str]:
    """Return what an address says of the campaign that led there."""
    try:
        query = parse_qsl(urlsplit(url).query, max_num_fields=100) if type == VIEWED else []
    except ValueError:
        return {}
    return {f"source.{name}": value for name, value in query if name in _UTM}


def path_of(url: str) -> str:
    """Return the path of an address, without a slash at its end; / for one that is none.

    >>> path_of("https://example.com/价格/?a=1"), path_of("http://[")
    ('/价格', '/')
    """
    try:
        return unquote(urlsplit(url).path).rstrip("/") or "/"
    except ValueError:
        return "/"


def _page(path: str, pages: Mapping[str, str]) -> str:
    """Return what rules call a page: the name of its path or longest beginning, else the path."""
    if path in pages:
        return pages[path]
    begun = [p for p in pages if p.endswith("*") and path.startswith(p[:-1])]
    return pages[max(begun, key=len)] if begun else path


def _is_time(seconds: Any) -> bool:
    return type(seconds) in (int, float) and 0 <= seconds <= LONGEST_S
