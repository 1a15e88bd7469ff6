"""The application: all routes over one runtime."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.routing import Route

from engine.errors import LeadrulesError
from engine.host.delivery import Deliverer
from engine.host.enriching import Enriching
from engine.host.housekeeping import Housekeeper
from engine.host.plugins import Plugins
from engine.host.runtime import Runtime
from engine.server import (
    accountability,
    channels,
    console,
    deliveries,
    events,
    leads,
    merging,
    operations,
    quarantine,
    work,
)
from engine.server.auth import Access
from engine.server.bodies import MAX_BODY
from engine.server.endpoint import Endpoint, Report, Services
from engine.server.guard import guarded
from engine.server.metrics import Metrics
from engine.server.policy import Policies
from engine.server.problems import on_house_error, on_http_error
from engine.server.shell import Shell

logger = logging.getLogger("leadrules.server")

_HITS_S: Final = 60.0
_ROOMS: Final = (
    *(events, accountability, quarantine, merging, leads, work, deliveries, operations),
    console,
)


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
    deliverer = Deliverer(runtime, found)
    endpoints = [e for room in _ROOMS for e in room.ENDPOINTS] + list(channels.endpoints_of(found))

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        deliverer.start()
        enriching = Enriching(runtime, found)
        enriching.start()
        housekeeper = Housekeeper(runtime)
        housekeeper.start()
        remembering = asyncio.create_task(_remember_hits(runtime))
        if on_ready is not None:
            on_ready()
        try:
            yield
        finally:
            remembering.cancel()
            await housekeeper.stop()
            await enriching.stop()
            await deliverer.stop()
            await _last_hits(runtime)
            await runtime.stop()

    made = Services(runtime, found, metrics, dict(reports or {}), deliverer, max_body)
    app = Starlette(
        routes=[_route(endpoint) for endpoint in endpoints],
        middleware=[Middleware(Shell, services=made, policies=Policies(runtime, access))],
        exception_handlers={LeadrulesError: on_house_error, HTTPException: on_http_error},
        lifespan=lifespan,
    )
    app.state.services = made
    app.state.endpoints = endpoints
    app.state.pages = console.Pages()
    return app


async def _remember_hits(runtime: Runtime) -> None:
    while True:
        await asyncio.sleep(_HITS_S)
        await _last_hits(runtime)


async def _last_hits(runtime: Runtime) -> None:
    """Counts are worth less than an orderly end: where they can't be kept, so be it."""
    try:
        await runtime.keep_hits()
    except (LeadrulesError, sqlite3.Error) as error:
        logger.warning("the hits of rules could not be kept: %s", type(error).__name__)


def _route(endpoint: Endpoint) -> Route:
    return Route(endpoint.path, guarded(endpoint), methods=[endpoint.method])
