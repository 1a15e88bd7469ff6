"""The console: for now one page that shows how things are."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

import jinja2
import msgspec
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

import engine
from engine.server.endpoint import Endpoint, Services, reading, services

_HERE: Final = Path(__file__).parent
_NEWEST: Final = 20


class Pages:
    """The templates, compiled once, every value escaped."""

    def __init__(self) -> None:
        self._environment = jinja2.Environment(
            loader=jinja2.FileSystemLoader(_HERE / "templates"),
            autoescape=True,
            undefined=jinja2.StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )

    def render(self, name: str, **values: Any) -> HTMLResponse:
        """Return a page."""
        return HTMLResponse(self._environment.get_template(name).render(**values))


def _figures(service: Services) -> dict[str, Any]:
    """Read what the overview shows."""
    runtime = service.runtime
    report = service.reports.get("funnel")
    funnel = msgspec.to_builtins(report(runtime.reader, runtime.ruleset)) if report else None
    stages = runtime.ruleset.definitions.lifecycle.stages
    return {
        "status": runtime.status(),
        "funnel": funnel,
        "leads": runtime.reader.leads(limit=_NEWEST).items,
        "labels": {stage.id: stage.label or stage.id for stage in stages},
        "version": engine.__version__,
    }


async def overview(request: Request) -> Response:
    """Figures, the funnel and the leads that changed last."""
    figures = await reading(_figures, services(request))
    pages: Pages = request.app.state.pages
    return pages.render("overview.html", **figures)


async def home(request: Request) -> Response:
    """Lead browsers to the console."""
    return RedirectResponse("/console/", 307)


async def style(request: Request) -> Response:
    """The style sheet, from this machine as everything is."""
    text = (_HERE / "static" / "console.css").read_bytes()
    return Response(text, media_type="text/css", headers={"cache-control": "max-age=300"})


def _page(
    path: str, handler: Any, summary: str, media: str = "text/html", scope: str = "read"
) -> Endpoint:
    return Endpoint(
        method="GET",
        path=path,
        handler=handler,
        summary=summary,
        tag="console",
        media=media,
        scope=scope,
        gives={"type": "string"},
    )


ENDPOINTS: Final = (
    _page("/", home, "Leads to the console"),
    _page("/console/", overview, "The overview"),
    _page(
        "/console/static/console.css",
        style,
        "The console's style",
        media="text/css",
        scope="free",
    ),
)
