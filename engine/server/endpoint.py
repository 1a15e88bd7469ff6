"""What a route is: its handler, and what the API's description says of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import Any, Final, Protocol, TypeVar
from urllib.parse import urlencode

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from engine.host.delivery import Deliverer
from engine.host.plugins import Plugins
from engine.host.polling import Polling
from engine.host.runtime import Runtime
from engine.language.nearest import did_you_mean
from engine.server.bodies import MAX_BODY, decode_json, read_body
from engine.server.metrics import Metrics
from engine.server.problems import Problem
from engine.store.pages import Page

Handler = Callable[[Request], Awaitable[Response]]
Schema = Mapping[str, Any]
T = TypeVar("T")
MAX_LIMIT: Final = 200
TEXT: Final[Schema] = {"type": "string"}
LIMIT: Final[Schema] = {"type": "integer", "minimum": 1, "maximum": MAX_LIMIT}


class Endpoint(msgspec.Struct, frozen=True, kw_only=True):
    """One route. ``query`` maps the parameters it knows to their schemas.

    ``scope`` is what it asks of a role (see roles.py), by default ``read`` for GET and ``operate``
    for all else. ``takes`` is the schema of its body, ``gives`` that of a good answer, ``media``
    its type; ``fails`` are the statuses of errors beyond those every route has. The audit tells of
    a route unless it is ``noted`` elsewhere.
    """

    method: str
    path: str
    handler: Handler
    summary: str
    tag: str
    query: Mapping[str, Schema] = {}
    takes: Schema | None = None
    gives: Schema = msgspec.field(default_factory=lambda: {"type": "object"})
    media: str = "application/json"
    fails: tuple[int, ...] = ()
    scope: str | None = None
    noted: bool = True

    @property
    def needs(self) -> str:
        """The scope that a role must have to come here."""
        return self.scope or ("read" if self.method == "GET" else "operate")


class Report(Protocol):
    """A report, called with reader, rules, query, instant, and whose leads one may see.

    It is ``of_all`` when it is about everybody's leads, so none for those who see their own only;
    ``fixed`` are the parameters that it does not let one choose, ``usual`` is what it is asked
    where no time is asked for.
    """

    @property
    def title(self) -> Any: ...

    @property
    def of_all(self) -> bool: ...

    @property
    def fixed(self) -> Collection[str]: ...

    @property
    def usual(self) -> Mapping[str, str]: ...

    def __call__(self, *values: Any, **named: Any) -> Any: ...


class Services(msgspec.Struct, frozen=True):
    """What handlers work with; one for each application."""

    runtime: Runtime
    plugins: Plugins
    metrics: Metrics
    reports: Mapping[str, Report]
    deliverer: Deliverer
    polling: Polling
    max_body: int = MAX_BODY


def services(request: Request) -> Services:
    """Return the services of the request's application."""
    found: Services = request.app.state.services
    return found


async def reading(function: Callable[..., T], *values: Any, **named: Any) -> T:
    """Run something that reads the database outside of the event loop."""
    return await asyncio.to_thread(function, *values, **named)


async def body_of(request: Request) -> Any:
    """Return the JSON body; raises Problem."""
    return decode_json(await read_body(request, services(request).max_body))


async def object_of(request: Request, *known: str) -> dict[str, Any]:
    """Return the body as an object with no other keys than ``known``; none is an empty one."""
    body = await read_body(request, services(request).max_body)
    data = decode_json(body) if body.strip() else {}
    if not isinstance(data, dict):
        raise Problem(422, "bad-value", "the body must be a JSON object")
    for name in data:
        if name not in known:
            hint = did_you_mean(name, known)
            raise Problem(422, "unknown-key", f'"{name[:80]}" is not known here; {hint}')
    return data


def query_of(request: Request, endpoint_query: Mapping[str, Schema]) -> dict[str, str]:
    """Return the query's parameters; a misspelt one is refused, not silently without effect."""
    for name in request.query_params:
        if name not in endpoint_query:
            hint = did_you_mean(name, endpoint_query, all_at="/openapi.json lists them")
            message = f'"{name[:80]}" is no parameter of this route; {hint}'
            raise Problem(400, "unknown-parameter", message)
    return dict(request.query_params)


def limit_of(query: Mapping[str, str], default: int = 50) -> int:
    """Return how many items are asked for; raises Problem."""
    text = query.get("limit", str(default))
    if text.isascii() and text.isdecimal() and 1 <= int(text[:6]) <= MAX_LIMIT:
        return int(text)
    raise Problem(400, "bad-limit", f"limit is a number from 1 to {MAX_LIMIT}, not {text[:80]!r}")


def page_of(request: Request, page: Page) -> dict[str, Any]:
    """Return a page as clients see it, with the address of the one that follows."""
    following = None
    if page.next is not None:
        query = {**request.query_params, "cursor": page.next}
        following = f"{request.url.path}?{urlencode(query)}"
    return {"items": page.items, "next": following}
