"""The application: all routes over one runtime."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from engine.errors import LeadrulesError
from engine.host.delivery import Deliverer
from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.server import channels, console, events, leads, operations, work
from engine.server.auth import Access
from engine.server.bodies import MAX_BODY
from engine.server.endpoint import Endpoint, Report, Services
from engine.server.metrics import Metrics
from engine.server.problems import on_house_error, on_http_error
from engine.server.shell import Shell

_ROOMS: Final = (events, leads, work, operations, console)


def create_app(
    runtime: Runtime,
    access: Access,
    plugins: Plugins | None = None,
    reports: Mapping[str, Report] | None = None,
    max_body: int = MAX_BODY,
    on_ready: Callable[[], None] | None = None,
) -> Starlette:
    """Return the ASGI application over a runtime that is loaded and started.

    Its lifespan runs the outbox, and at the end stops both. ``reports`` maps names to
    functions of (reader, ruleset). ``on_ready`` is called when everything runs. Raises
    PluginError for a channel that can't be mounted.
    """
    found = plugins or Plugins()
    metrics = Metrics()
    endpoints = [e for room in _ROOMS for e in room.ENDPOINTS] + list(channels.endpoints_of(found))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        deliverer = Deliverer(runtime, found)
        deliverer.start()
        if on_ready is not None:
            on_ready()
        try:
            yield
        finally:
            await deliverer.stop()
            await runtime.stop()

    app = Starlette(
        routes=[_route(endpoint) for endpoint in endpoints],
        middleware=[Middleware(Shell, access=access, metrics=metrics)],
        exception_handlers={LeadrulesError: on_house_error, HTTPException: on_http_error},
        lifespan=lifespan,
    )
    app.state.services = Services(runtime, found, metrics, dict(reports or {}), max_body)
    app.state.endpoints = endpoints
    app.state.pages = console.Pages()
    return app


def _route(endpoint: Endpoint) -> Route:
    return Route(endpoint.path, endpoint.handler, methods=[endpoint.method])
