"""Errors as pages, for browsers that asked for a page; everybody else gets the one JSON shape."""

from __future__ import annotations

from collections.abc import Callable

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Scope

from engine.errors import LeadrulesError
from engine.server import problems
from engine.server.console.room import problem_page, wants_page
from engine.server.problems import Problem, as_problem


def presenter(app: Starlette) -> Callable[[Scope, Problem], Response | None]:
    """Return what makes a page of an error that the shell found before any route was reached."""

    def present(scope: Scope, problem: Problem) -> Response | None:
        request = Request({**scope, "app": app})
        return page_of(request, problem)

    return present


def page_of(request: Request, problem: Problem) -> Response | None:
    """Return an error as a page, None where a program asks."""
    if problem.status >= 500 or not wants_page(request.url.path, request.headers):
        return None
    return problem_page(request, problem)


def on_house_error(request: Request, error: Exception) -> Response:
    """Answer an error of the house."""
    assert isinstance(error, LeadrulesError)
    return page_of(request, as_problem(error)) or problems.on_house_error(request, error)


def on_http_error(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses, such as an unknown route."""
    status = int(getattr(error, "status_code", 500))
    said = Problem(status, "not-found", str(getattr(error, "detail", "")))
    return page_of(request, said) or problems.on_http_error(request, error)
