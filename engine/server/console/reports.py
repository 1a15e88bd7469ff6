"""Reports: whatever figures a report gives, as tables that open into the leads behind them."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.errors import NotFound
from engine.language.nearest import did_you_mean
from engine.server.console.forms import ask
from engine.server.console.pages import get
from engine.server.console.room import formats_of, page, words_of
from engine.server.console.words import Words, language_of
from engine.server.endpoint import services

PERIODS: Final = (
    *("all", "last_7_days", "last_30_days", "last_90_days", "last_365_days"),
    *("month", "quarter", "year", "last_month", "last_quarter"),
)
_PERIOD: Final = "last_365_days"
_PARAMETERS: Final = ("period", "from", "to", "zone", "cohort", "compare", "owner", "team")
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS


async def index(request: Request) -> Response:
    """Lead to the first report."""
    known = list(services(request).reports)
    if not known:
        raise NotFound("this server was started without reports")
    return RedirectResponse(f"/console/reports/{known[0]}", 303)


async def report(request: Request) -> Response:
    """One report, as the API gives it."""
    known, name = services(request).reports, request.path_params["name"]
    if name not in known:
        raise NotFound(f"there is no report {name[:80]!r}; {did_you_mean(name[:80], known)}")
    asked = {k: v for k, v in request.query_params.items() if v and k in _PARAMETERS}
    asked.setdefault("period", _PERIOD)
    made = await ask(request, "GET", "/v1/reports/{name}", {"name": name}, {}, asked)
    language = language_of(request)
    return page(
        request,
        "report.html",
        "reports",
        name_of_report=name,
        known=list(known),
        report=made,
        asked=asked,
        periods=PERIODS,
        say=lambda words: words[language] if isinstance(words, dict) else str(words),
        cell=lambda value, kind, unit=None: shown(request, value, kind, unit),
        plot=plot,
        widest=widest,
        named_by=named_by,
    )


def shown(request: Request, value: Any, kind: str, unit: str | None = None) -> Any:
    """Return a figure as people read it, by its kind."""
    formats = formats_of(request)
    if value is None:
        return "–"
    if kind == "share":
        return formats.share(value)
    if kind == "duration":
        return span(value, words_of(request))
    if kind == "instant":
        return formats.moment(value)
    if kind == "money":
        return f"{'¥' if unit == 'CNY' else (unit or '') + ' '}{formats.number(value)}"
    return formats.value(value)


def span(ms: float, words: Words) -> str:
    """Return a duration in its largest unit."""
    if ms >= 2 * _DAY_MS:
        return words.say("span.days", n=f"{ms / _DAY_MS:.1f}")
    if ms >= _HOUR_MS:
        return words.say("span.hours", n=f"{ms / _HOUR_MS:.1f}")
    return words.say("span.minutes", n=f"{ms / _MINUTE_MS:.0f}")


def widest(table: dict[str, Any], column: str) -> float:
    """Return the largest figure of a column, for bars; never 0."""
    values = [row["cells"].get(column) for row in table["rows"]]
    return max((v for v in values if isinstance(v, (int, float))), default=0) or 1


def named_by(table: dict[str, Any]) -> str:
    """Return the column to name a table's bars by: the first that tells its rows apart."""
    keys: list[str] = [c["key"] for c in table["columns"] if c["kind"] == "text"]
    rows = [row["cells"] for row in table["rows"]]
    apart = (key for key in keys if len({cells.get(key) for cells in rows}) == len(rows))
    return next(apart, table["columns"][0]["key"])


def plot(series: dict[str, Any], language: str) -> dict[str, Any]:
    """Return a report's series as the charts take them."""
    days = [datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp() for day in series["x"]]
    lines = [{"label": s["label"][language], "values": list(s["values"])} for s in series["lines"]]
    return {"days": days, "series": lines}


ENDPOINTS: Final = (
    get("/console/reports", index, "Reports"),
    get("/console/reports/{name}", report, "A report"),
)
