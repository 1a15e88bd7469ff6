"""Around a route's handler: may this role come here, and what is written down of it."""

from __future__ import annotations

import logging
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from engine.errors import LeadrulesError
from engine.server.endpoint import Endpoint, Handler, services
from engine.server.problems import as_problem
from engine.server.requests import REQUEST_ID
from engine.server.roles import Principal
from engine.server.shell import forbidden
from engine.store import audit
from engine.store.audit import Deed

_log: Final = logging.getLogger("leadrules.server")
# What arrives by these is an event in the log already.
_UNNOTED: Final = frozenset({"free", "ingest"})


def guarded(endpoint: Endpoint) -> Handler:
    """Return the handler of a route for those whose role reaches it."""
    noted = endpoint.noted and endpoint.method != "GET" and endpoint.needs not in _UNNOTED

    async def handler(request: Request) -> Response:
        who: Principal = request.scope["principal"]
        if not noted:
            if not who.may(endpoint.needs):
                raise forbidden(who)
            return await endpoint.handler(request)
        status = 500
        try:
            if not who.may(endpoint.needs):
                raise forbidden(who)
            response = await endpoint.handler(request)
            status = response.status_code
        except LeadrulesError as error:
            status = as_problem(error).status
            raise
        finally:
            action = f"{endpoint.method} {endpoint.path}".replace(":path}", "}")
            await note(request, action, who, status)
        return response

    return handler


async def note(request: Request, action: str, who: Principal, status: int) -> None:
    """Write a deed down; where that fails, the log has it and the answer goes out all the same."""
    runtime, about = services(request).runtime, getattr(request.state, "about", None)
    deed = Deed(
        at=runtime.clock.wall(),
        who=who.name,
        role=who.role,
        action=f"{action} {about}" if about else action,
        lead=getattr(request.state, "lead", None),
        status=status,
        request=REQUEST_ID.get(),
        address=request.client.host if request.client else None,
    )
    try:
        await runtime.write(lambda connection: audit.note(connection, deed))
    except Exception as error:
        _log.error("%s by %s is not in the audit: %s", deed.action, who.name, type(error).__name__)
