"""Reports: the figures behind decisions, as JSON, as a table, or as a page to print."""

from __future__ import annotations

from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from engine.errors import NotFound
from engine.language.nearest import did_you_mean
from engine.server.endpoint import TEXT, Endpoint, Schema, query_of, reading, services
from engine.server.languages import language_of
from engine.server.ownership import mates, principal
from engine.server.problems import Json, Problem

FORMATS: Final = ("json", "csv", "html", "pdf")
_MEDIA: Final = {
    "csv": "text/csv; charset=utf-8",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
_FILES: Final = ("csv", "pdf")
# A page to print brings its style with it, and nothing else.
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"
_QUERY: Final[dict[str, Schema]] = {
    **dict.fromkeys(("period", "from", "to", "zone", "cohort", "compare"), TEXT),
    **dict.fromkeys(("owner", "team", "lang"), TEXT),
    "format": {"enum": list(FORMATS)},
}


async def list_reports(request: Request) -> Json:
    """Return the reports there are for who asks."""
    query_of(request, {})
    is_one_of_many = principal(request).member is not None
    known = services(request).reports.items()
    items = [
        {"report": name, "title": each.title}
        for name, each in known
        if not (is_one_of_many and each.of_all)
    ]
    return Json({"items": items})


async def get_report(request: Request) -> Response:
    """Return one of them."""
    service = services(request)
    name: str = request.path_params["name"]
    report = service.reports.get(name)
    if report is None:
        hint = did_you_mean(name[:80], service.reports)
        raise NotFound(f"there is no report {name[:80]!r}; {hint}")
    query = {"lang": language_of(request), **query_of(request, _QUERY)}
    if query.get("format", "json") not in FORMATS:
        hint = did_you_mean(query["format"][:80], FORMATS)
        raise Problem(400, "bad-parameter", f"{query['format'][:80]!r} is no format; {hint}")
    own = None if principal(request).member is None else mates(request)
    runtime = service.runtime
    found: Any = await reading(
        report, runtime.reader, runtime.ruleset, query, runtime.clock.now(), own
    )
    if not isinstance(found, (str, bytes)):
        return Json(found)
    headers, form = {"content-security-policy": _POLICY}, query["format"]
    if form in _FILES:
        headers["content-disposition"] = f'attachment; filename="{name}.{form}"'
    return Response(found, media_type=_MEDIA[form], headers=headers)


ENDPOINTS: Final = (
    Endpoint(
        method="GET",
        path="/v1/reports",
        scope="leads",
        handler=list_reports,
        summary="The reports there are",
        tag="reports",
    ),
    Endpoint(
        method="GET",
        path="/v1/reports/{name}",
        scope="leads",
        handler=get_report,
        summary="Figures, such as those of the sources",
        tag="reports",
        query=_QUERY,
        fails=(403, 404),
    ),
)
