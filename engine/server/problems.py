"""Answers: JSON, and the one shape of every error."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from engine.errors import Forbidden, LeadrulesError, NotFound, Refused

RETRY_AFTER: Final = {"Retry-After": "1"}


class Json(Response):
    """A JSON answer."""

    media_type = "application/json"

    def render(self, content: Any) -> bytes:
        """Encode ``content``; structs, dates and all else that msgspec knows."""
        return msgspec.json.encode(content)


class Problem(LeadrulesError):
    """Ends a request with an error; ``details`` say where, each in its own words."""

    def __init__(
        self,
        status: int,
        code: str,
        message: str,
        details: Sequence[Any] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.message = message
        self.details = list(details)
        self.headers = dict(headers or {})

    def response(self) -> Json:
        """Return the answer."""
        error = {"code": self.code, "message": self.message, "details": self.details}
        return Json({"error": error}, self.status, self.headers)


def as_problem(error: LeadrulesError) -> Problem:
    """Return what an error of the house means to a client."""
    if isinstance(error, Problem):
        return error
    kinds = ((NotFound, 404), (Forbidden, 403), (Refused, 409))
    status = next((status for kind, status in kinds if isinstance(error, kind)), 400)
    if error.code in {"not-running", "not-loaded", "stopped"}:
        return Problem(503, error.code, str(error), headers={"Retry-After": "5"})
    return Problem(status, error.code, str(error))


def not_stored(why: str, details: Sequence[Any] = ()) -> Problem:
    """Return the answer where the disk refuses: nothing was stored, and later it may be."""
    message = f"the database cannot be used now: {why}"
    return Problem(507, "storage", message, details, RETRY_AFTER)


def on_house_error(request: Request, error: Exception) -> Response:
    """Answer an error of the house."""
    assert isinstance(error, LeadrulesError)
    return as_problem(error).response()


_HTTP_CODES = {404: "not-found", 405: "method-not-allowed"}


def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses, such as an unknown route."""
    status = int(getattr(error, "status_code", 500))
    headers = getattr(error, "headers", None)
    code = _HTTP_CODES.get(status, "bad-request")
    if status == 404:
        message = f"there is nothing at {request.url.path[:200]!r}; /openapi.json lists all routes"
    elif status == 405:
        allowed = ", ".join(sorted(_methods(request)))
        headers = {"Allow": allowed}
        message = f"{request.method} is not possible here; allowed: {allowed}"
    else:
        message = str(getattr(error, "detail", "bad request"))
    return Problem(status, code, message, headers=headers).response()


def _methods(request: Request) -> set[str]:
    """Return the methods of an address; Starlette names those of the first route there only."""
    found: set[str] = set()
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found
