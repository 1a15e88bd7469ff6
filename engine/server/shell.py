"""Around every request: who may, what is said of failures, and headers for browsers."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Final

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from engine.errors import LeadrulesError
from engine.host.outcome import Outcome
from engine.server.endpoint import Services
from engine.server.express import LONGEST, PATH, Asked
from engine.server.ingest import Sent, ingest
from engine.server.policy import Policies, Policy
from engine.server.problems import Problem, as_problem, not_stored
from engine.server.requests import HEADER, REQUEST_ID, Header, Names
from engine.server.roles import Principal
from engine.store.database import is_of_the_disk

logger = logging.getLogger("leadrules.server")

# API answers may use nothing at all; the console's pages bring a policy of their own.
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
    "cross-origin-opener-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    "cache-control": "no-store",
}
_ENCODED: Final = tuple((name.encode(), value.encode()) for name, value in HEADERS.items())
_WRITTEN: Final = b"".join(b"%s: %s\r\n" % header for header in _ENCODED)
Present = Callable[[Scope, Problem], "Response | None"]
_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
_JSON: Final = (b"content-type", b"application/json")
_PREFLIGHT_S: Final = "600"


class Shell:
    """The outermost layer of our own. Whatever happens inside, the client gets one shape."""

    def __init__(
        self, app: ASGIApp, services: Services, policies: Policies, present: Present | None = None
    ) -> None:
        self._app = app
        self._present = present
        self._services = services
        self._policies = policies
        self._names = Names()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        traces = self._services.runtime.telemetry.traces
        if traces is None:
            await self._serve(scope, receive, send)
            return
        with traces.request(scope) as answered:

            async def noted(message: Message) -> None:
                if message["type"] == "http.response.start":
                    answered(message["status"])
                await send(message)

            await self._serve(scope, receive, noted)

    async def _serve(self, scope: Scope, receive: Receive, send: Send) -> None:
        policy = self._policies.current()
        visit = _Visit(self, policy, scope, send)
        REQUEST_ID.set(visit.id.decode())
        try:
            who = policy.admit(scope, visit.headers)
            if visit.is_preflight:
                await visit.answer_preflight()
            elif isinstance(who, Problem):
                await visit.refuse(who)
            elif scope["path"] == PATH and scope["method"] == "POST":
                await self._ingest(visit, who, receive)
            else:
                scope["principal"] = who
                await self._app(scope, receive, visit.send)
        except Exception as error:
            problem = _problem_of(error, scope, visit.id.decode())
            if not visit.started:  # else half an answer is out; the server closes the connection
                await visit.refuse(problem)

    # --- straight from the connection --------------------------------------------------------

    @property
    def takes(self) -> bool:
        """Whether `take` may be called: no request is traced, and no body of its size too long."""
        given = self._services
        return given.runtime.telemetry.traces is None and given.max_body >= LONGEST

    def take(self, asked: Asked) -> None:
        """Treat a request for `express.PATH` as `__call__` does; it is answered once."""
        visit = _Visit(self, self._policies.current(), asked.scope, _to_nobody)
        named = REQUEST_ID.set(visit.id.decode())
        try:
            who = visit.policy.admit(asked.scope, visit.headers)
            if isinstance(who, Problem):
                raise who
            if not who.may("ingest"):
                raise forbidden(who)
            sent = Sent(self._services, who, bytes(asked.body))
            sent.hand_in(partial(self._reply, asked, visit, sent))
        except Exception as error:
            self._fail(asked, visit, error)
        finally:
            REQUEST_ID.reset(named)

    def _reply(self, asked: Asked, visit: _Visit, sent: Sent, outcomes: list[Outcome]) -> None:
        try:
            body = sent.answer(outcomes)
        except Exception as error:
            self._fail(asked, visit, error)
            return
        self.count(asked.scope, 200)
        head = [_JSON, (b"content-length", b"%d" % len(body)), *visit.own_headers()]
        asked.answer(200, head, body, _WRITTEN)

    def _fail(self, asked: Asked, visit: _Visit, error: Exception) -> None:
        problem = _problem_of(error, asked.scope, visit.id.decode())
        response = self.present(asked.scope, problem)
        self.count(asked.scope, response.status_code)
        head = _with_ours(response.raw_headers, visit.own_headers())
        asked.answer(response.status_code, head, bytes(response.body))

    async def _ingest(self, visit: _Visit, who: Principal, receive: Receive) -> None:
        if not who.may("ingest"):
            raise forbidden(who)
        body = await ingest(self._services, who, dict(visit.scope["headers"]), receive)
        head = [_JSON, (b"content-length", b"%d" % len(body))]
        await visit.send({"type": "http.response.start", "status": 200, "headers": head})
        await visit.send({"type": "http.response.body", "body": body})

    def count(self, scope: Scope, status: int) -> None:
        """Count an answer that begins."""
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._services.metrics.request(method, status)

    def present(self, scope: Scope, problem: Problem) -> Response:
        """Return an error as JSON, or to a browser that asked for a page as one."""
        shown = self._present(scope, problem) if self._present is not None else None
        return shown or problem.response()

    def name(self, scope: Scope) -> bytes:
        """Return a request's id."""
        return self._names.name(scope["headers"])


class _Visit:
    """One request on its way; ``send`` adds what every answer has."""

    __slots__ = ("_origin", "_send", "_shell", "headers", "id", "policy", "scope", "started")

    def __init__(self, shell: Shell, policy: Policy, scope: Scope, send: Send) -> None:
        self._shell = shell
        self._send = send
        self.policy = policy
        self.scope = scope
        self.headers = first_of_each(scope)
        self.id = shell.name(scope)
        self.started = False
        self._origin = policy.allowed_origin(scope["path"], self.headers)

    @property
    def is_preflight(self) -> bool:
        """Whether a browser asks if a page of an allowed origin may post."""
        return (
            self._origin is not None
            and self.scope["method"] == "OPTIONS"
            and "access-control-request-method" in self.headers
        )

    async def send(self, message: Message) -> None:
        """Pass a message on; a start gets its headers and is counted."""
        if message["type"] == "http.response.start":
            self.started = True
            message["headers"] = _with_ours(message.get("headers", ()), self.own_headers())
            self._shell.count(self.scope, message["status"])
        await self._send(message)

    def own_headers(self) -> list[Header]:
        """Return the headers of this request's answer: its name, and what other sites may know."""
        told = [(HEADER, self.id)]
        if self.policy.origins:
            told.append((b"vary", b"Origin"))
        if self._origin is not None:
            told.append((b"access-control-allow-origin", self._origin.encode("latin-1")))
        return told

    async def answer_preflight(self) -> None:
        """Say what such a page may send; without cookies, for nothing here reads any."""
        allowed = {
            "access-control-allow-methods": "POST, GET",
            "access-control-allow-headers": "content-type, authorization",
            "access-control-max-age": _PREFLIGHT_S,
        }
        head = [(name.encode(), value.encode()) for name, value in allowed.items()]
        await self.send({"type": "http.response.start", "status": 204, "headers": head})
        await self.send({"type": "http.response.body", "body": b""})

    async def refuse(self, problem: Problem) -> None:
        """Answer with an error."""
        await self._shell.present(self.scope, problem)(self.scope, _nothing, self.send)


def first_of_each(scope: Scope) -> Mapping[str, str]:
    """Return a request's headers by their names in lower case; of several alike the first."""
    return {
        name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"][::-1]
    }


async def _to_nobody(message: Message) -> None:
    """Stand for the sending of an answer that goes another way."""


async def _nothing() -> Message:
    return {"type": "http.disconnect"}


def forbidden(who: Principal) -> Problem:
    """Return the answer to somebody whose role does not reach this far."""
    return Problem(403, "forbidden", f'a token of the role "{who.role}" may not do this')


def _with_ours(headers: Iterable[Header], own: list[Header]) -> list[Header]:
    """Return an answer's headers with all that every answer has and it does not say itself."""
    given = list(headers)  # names in ASGI are in lower case
    said = {name for name, _ in given}
    return [*given, *own, *(each for each in _ENCODED if each[0] not in said)]


def _problem_of(error: Exception, scope: Scope, id: str) -> Problem:
    if isinstance(error, LeadrulesError):
        return as_problem(error)
    if is_of_the_disk(error):
        logger.error("the database cannot be used, id %s: %s", id, error)
        return not_stored(str(error))
    # The exception's own text may quote a lead; its type and the lines that led to it do not.
    frames = "".join(traceback.format_tb(error.__traceback__))
    logger.error("%s in %s, id %s\n%s", type(error).__name__, scope["method"], id, frames)
    return Problem(500, "internal", f"a defect in leadrules; the log has more under {id}")
