"""Health, reload, plugins and metrics."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

import engine
from engine.errors import LeadrulesError
from engine.language.diagnostic import Diagnostic
from engine.server.endpoint import Endpoint, reading, services
from engine.server.openapi import describe
from engine.server.ownership import principal
from engine.server.problems import Json, Problem
from engine.server.reloading import reload as load_anew

# Starlette adds a charset of its own to text/plain without one.
_PROMETHEUS: Final = "text/plain; version=0.0.4; charset=utf-8"


async def healthy(request: Request) -> Response:
    """The process answers."""
    return Json({"status": "healthy"})


async def ready(request: Request) -> Response:
    """Rules are loaded and the database is open; a failed reload does not change that."""
    runtime = services(request).runtime
    try:
        version = runtime.ruleset.version
        runtime.reader  # noqa: B018 - raises when the database is not open
    except LeadrulesError as error:
        raise Problem(503, error.code, str(error), headers={"Retry-After": "1"}) from None
    return Json({"status": "ready", "ruleset": version})


async def status(request: Request) -> Response:
    """Version, last reload, queue, and how late timers are."""
    service = services(request)
    figures = await reading(service.runtime.status)
    connections = service.deliverer.status()
    told = {"connections": connections, "polled": service.polling.status()}
    return Json({"version": engine.__version__, **figures, **told})


async def reload(request: Request) -> Response:
    """Load the configuration anew: all of it, or with an error nothing."""
    runtime = services(request).runtime
    found = await load_anew(runtime, "person", principal(request).name)
    errors = [d for d in found if d.severity == "error"]
    shown = [diagnostic_item(d) for d in found]
    if errors:
        message = f"{len(errors)} errors in the configuration; the rules in use stay as they are"
        raise Problem(422, "bad-configuration", message, shown)
    return Json({"ruleset": runtime.ruleset.version, "diagnostics": shown})


def diagnostic_item(found: Diagnostic) -> dict[str, Any]:
    """Return a finding as JSON, in the form that all verbs print."""
    place = found.source
    return {
        "file": place.file,
        "line": place.line,
        "column": place.column,
        "end_line": place.end_line,
        "end_column": place.end_column,
        "severity": found.severity,
        "code": found.code,
        "message": found.message,
        "rule": found.rule,
        "hint": found.hint,
    }


async def list_plugins(request: Request) -> Response:
    """What plugins there are, and what each brings."""
    return Json({"items": services(request).plugins.describe()})


async def metrics(request: Request) -> Response:
    """Counters, gauges and histograms."""
    service = services(request)
    lanes = service.deliverer.status()
    text = await reading(service.metrics.render, service.runtime, lanes)
    return Response(text, media_type=_PROMETHEUS)


async def openapi(request: Request) -> Response:
    """The description of this API."""
    return Json(describe(request.app.state.endpoints, engine.__version__))


def _get(path: str, handler: Any, summary: str, **more: Any) -> Endpoint:
    return Endpoint(
        method="GET", path=path, handler=handler, summary=summary, tag="operations", **more
    )


ENDPOINTS: Final = (
    _get("/-/healthy", healthy, "Whether the process answers", scope="free"),
    _get(
        "/-/ready",
        ready,
        "Whether rules are loaded and the database is open",
        fails=(503,),
        scope="free",
    ),
    _get("/-/status", status, "Rules, queue, counts, and how late timers are"),
    _get("/-/plugins", list_plugins, "Channels and actions"),
    _get("/metrics", metrics, "Prometheus metrics", media="text/plain", gives={"type": "string"}),
    _get("/openapi.json", openapi, "This description", scope="any"),
    Endpoint(
        method="POST",
        path="/-/reload",
        handler=reload,
        summary="Load the rules anew, all or nothing",
        tag="operations",
        fails=(422,),
    ),
)
