"""The application: all routes over one runtime."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final, Protocol

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.routing import Route

from engine.errors import LeadrulesError
from engine.host.delivery import Deliverer
from engine.host.enriching import Enriching
from engine.host.experiments import Experimenter
from engine.host.housekeeping import Housekeeper
from engine.host.plugins import Plugins
from engine.host.polling import Polling
from engine.host.rounds import Keeper
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
    reporting,
    subscriptions,
    work,
)
from engine.server.auth import Access
from engine.server.bodies import MAX_BODY
from engine.server.console.present import on_house_error, on_http_error, presenter
from engine.server.console.room import Room
from engine.server.endpoint import Endpoint, Report, Services
from engine.server.guard import guarded
from engine.server.metrics import Metrics
from engine.server.people import deals, following, handing, inbox, pools
from engine.server.policy import Policies
from engine.server.receipts import SentDeliveries
from engine.server.reloading import remember
from engine.server.shell import Shell
from engine.server.sign_in import users
from engine.server.sign_in.desk import Desk

logger = logging.getLogger("leadrules.server")

_HITS_S: Final = 60.0
_ROOMS: Final = (
    *(
        events,
        accountability,
        quarantine,
        merging,
        handing,
        following,
        deals,
        leads,
        pools,
        work,
        inbox,
        reporting,
    ),
    *(deliveries, operations, users),
    console,
    subscriptions,
)


class House(Starlette):
    """All routes within the `Shell`, which answers every error itself.

    So there is nothing of Starlette's own around it, which would cost each event its share.
    """

    def __init__(self, services: Services, policies: Policies, **more: Any) -> None:
        super().__init__(**more)
        inner = ExceptionMiddleware(self.router, handlers=self.exception_handlers)
        self.shell = Shell(inner, services, policies, presenter(self))
        self.middleware_stack = self.shell


class Working(Protocol):
    """What works in the background while the server runs."""

    def start(self) -> None:
        """Begin in the running event loop."""

    async def stop(self) -> None:
        """Finish or leave for the next start what has begun."""


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
    deliverer, room, desk = Deliverer(runtime, found), Room(), Desk(runtime)
    polling = Polling(runtime, found, SentDeliveries(runtime))
    own = [e for room in _ROOMS for e in room.ENDPOINTS]
    mounted = list(channels.endpoints_of(found))
    open_paths = channels.open_paths(mounted, own)
    endpoints = own + mounted

    hits = Keeper("hits", runtime.keep_hits, _HITS_S)
    background = (Enriching(runtime, found), polling, Housekeeper(runtime), Experimenter(runtime))
    at_work: tuple[Working, ...] = (hits, desk, deliverer, *background)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        await desk.keep()
        await remember(runtime)
        for each in at_work:
            each.start()
        if on_ready is not None:
            on_ready()
        try:
            yield
        finally:
            await asyncio.to_thread(room.figures.close)
            for each in reversed(at_work):
                await each.stop()
            await channels.close(found)
            await runtime.stop()

    made = Services(runtime, found, metrics, dict(reports or {}), deliverer, polling, max_body)
    policies = Policies(runtime, access, desk, open_paths=open_paths)
    app = House(
        made,
        policies,
        routes=[_route(endpoint) for endpoint in endpoints],
        exception_handlers={LeadrulesError: on_house_error, HTTPException: on_http_error},
        lifespan=lifespan,
    )
    app.state.services = made
    app.state.endpoints = endpoints
    app.state.pages, app.state.policies, app.state.desk = room, policies, desk
    return app


def _route(endpoint: Endpoint) -> Route:
    return Route(endpoint.path, guarded(endpoint), methods=[endpoint.method])
