"""Around every request: who may, what is said of failures, and headers for browsers."""

from __future__ import annotations

import logging
import traceback
import uuid
from collections.abc import MutableMapping
from typing import Any, Final

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.errors import LeadrulesError
from engine.server.auth import Access
from engine.server.metrics import Metrics
from engine.server.problems import Problem, as_problem

logger = logging.getLogger("leadrules.server")

# The console may use its own style sheet and nothing else; API answers nothing at all.
_POLICY: Final = (
    "default-src 'none'; style-src 'self'; img-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_ENCODED: Final = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})


class Shell:
    """The outermost layer of our own. Whatever happens inside, the client gets one shape."""

    def __init__(self, app: ASGIApp, access: Access, metrics: Metrics) -> None:
        self._app = app
        self._access = access
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = False

        async def send_with_headers(message: Message) -> None:
            nonlocal started
            if message["type"] == "http.response.start":
                started = True
                _add_headers(message)
                self._count(scope, message["status"])
            await send(message)

        refusal = self._access.refusal(scope["method"], scope["path"], Headers(scope=scope))
        if refusal is not None:
            await refusal.response()(scope, receive, send_with_headers)
            return
        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            problem = _problem_of(error, scope)
            if started:
                return  # half an answer is out; the server closes the connection
            await problem.response()(scope, receive, send_with_headers)

    def _count(self, scope: Scope, status: int) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._metrics.count("leadrules_http_requests_total", method=method, status=str(status))


def _add_headers(message: MutableMapping[str, Any]) -> None:
    """Add what the answer does not say itself; names in ASGI are in lower case."""
    headers = list(message.get("headers", ()))
    said = {name for name, _ in headers}
    message["headers"] = headers + [each for each in _ENCODED if each[0] not in said]


def _problem_of(error: Exception, scope: Scope) -> Problem:
    if isinstance(error, LeadrulesError):
        return as_problem(error)
    id = uuid.uuid4().hex[:12]
    # The exception's own text may quote a lead; its type and the lines that led to it do not.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s in %s, id %s\n%s", type(error).__name__, scope["method"], id, frames)
    return Problem(500, "internal", f"a defect in leadrules; the log has more under {id}")
