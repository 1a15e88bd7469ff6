"""Forms of the pages: read, and refused where another site made the browser send them."""

from __future__ import annotations

import hmac
import json
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.types import Message

from engine.errors import LeadrulesError, NotFound
from engine.server.bodies import decode_form, read_body
from engine.server.console.room import SAID_COOKIE, proof_of, room_of, saying, words_of
from engine.server.endpoint import Endpoint, services
from engine.server.guard import guarded
from engine.server.problems import Problem, as_problem

PROOF: Final = "proof"
BACK: Final = "back"
_OWN: Final = (PROOF, BACK)
_SAID_S: Final = 30
_DROPPED: Final = (b"content-length", b"content-type", b"content-encoding")


async def form_of(request: Request) -> list[tuple[str, str]]:
    """Return a form's fields; raises Problem 400 where it does not come from a page of ours.

    A program that sends its token with each request is no browser that could be tricked.
    """
    body = await read_body(request, services(request).max_body)
    fields = list(await decode_form(body, request.headers))
    if not request.headers.get("authorization", "").lower().startswith("bearer "):
        _check(request, dict(fields).get(PROOF, ""))
    return fields


def _check(request: Request, proof: str) -> None:
    elsewhere = request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}
    if elsewhere or not hmac.compare_digest(proof.encode(), proof_of(request).encode()):
        raise Problem(400, "forged", "this form was not sent from a page of this console")


def data_of(fields: list[tuple[str, str]]) -> dict[str, Any]:
    """Return what a form says as the API takes it: nothing empty, ``a.b`` as an object in ``a``.

    Raises Problem where ``a`` is text besides.
    """
    data: dict[str, Any] = {}
    for name, value in fields:
        if name in _OWN or not value.strip():
            continue
        outer, _, inner = name.partition(".")
        if inner:
            part_of(data, outer)[inner] = value.strip()
        else:
            data[name] = value.strip()
    return data


def part_of(data: dict[str, Any], name: str) -> dict[str, Any]:
    """Return the object of that name, a new one where there is none; raises Problem for text."""
    part = data.setdefault(name, {})
    if not isinstance(part, dict):
        raise Problem(422, "bad-value", f'"{name[:80]}" has parts, and is no text')
    return part


def back_of(fields: list[tuple[str, str]], otherwise: str) -> str:
    """Return the page of ours to go back to."""
    given = dict(fields).get(BACK, "")
    parts = urlsplit(given)
    ours = given.startswith("/console/") and not parts.scheme and not parts.netloc
    return given if ours and "\\" not in given else otherwise


async def ask(
    request: Request,
    method: str,
    path: str,
    params: Mapping[str, str],
    data: Mapping[str, Any],
    query: Mapping[str, str] | None = None,
) -> Any:
    """Do what a route of the API does, as the person who is signed in; raises LeadrulesError."""
    answer = await answered(request, method, path, params, data, query)
    return json.loads(bytes(answer.body)) if answer.body else None


async def answered(
    request: Request,
    method: str,
    path: str,
    params: Mapping[str, str],
    data: Mapping[str, Any],
    query: Mapping[str, str] | None = None,
) -> Response:
    """Return the answer of a route of the API to the person who is signed in."""
    endpoint = _endpoint(request, method, path)
    body = json.dumps(data).encode()
    kept = [each for each in request.scope["headers"] if each[0] not in _DROPPED]
    scope = {
        **request.scope,
        "method": method,
        "path_params": dict(params),
        "query_string": urlencode(query or {}).encode(),
        "headers": [*kept, (b"content-type", b"application/json")],
        "state": {},  # which lead it is about is for each to say
    }

    async def receive() -> Message:
        return {"type": "http.request", "body": body, "more_body": False}

    return await guarded(endpoint)(Request(scope, receive))


def _endpoint(request: Request, method: str, path: str) -> Endpoint:
    for each in request.app.state.endpoints:
        if each.method == method and each.path.replace(":path}", "}") == path:
            found: Endpoint = each
            return found
    raise NotFound(f"there is no {method} {path}")


async def done(request: Request, doing: Any, back: str, key: str) -> Response:
    """Await what a person asked for and return to ``back``, which says what came of it."""
    words = words_of(request)
    try:
        await doing
        text, good = words.say(key), True
    except LeadrulesError as error:
        problem = as_problem(error)
        if problem.status in {401, 403}:
            raise
        text, good = words.say("said.refused", why=words.why(problem)), False
    room_of(request).figures.forget()
    answer = RedirectResponse(back, 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(
        SAID_COOKIE,
        saying(text, good),
        _SAID_S,
        path="/console/",
        httponly=True,
        samesite="lax",
        secure=secure,
    )
    return answer
