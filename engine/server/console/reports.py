"""Reports: whatever figures a report gives, as tables that open into the leads behind them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from importlib.util import find_spec
from typing import Any, Final
from urllib.parse import quote, urlencode

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from engine.errors import NotFound
from engine.language.label import Text
from engine.language.nearest import did_you_mean
from engine.server.console.forms import answered, ask
from engine.server.console.leads import handled
from engine.server.console.pages import get
from engine.server.console.room import formats_of, is_sales, page, words_of
from engine.server.console.words import Words
from engine.server.endpoint import Report, services
from engine.server.languages import language_of
from engine.store.rows import to_json

PERIODS: Final = (
    *("all", "last_7_days", "last_30_days", "last_90_days", "last_365_days"),
    *("today", "week", "month", "quarter", "year"),
    *("last_week", "last_month", "last_quarter", "last_year"),
)
_COHORTS: Final = ("created", "event")
_COMPARE: Final = ("none", "previous")
# How lines of a kind are drawn: what their name is filled into, and the factor.
_SCALES: Final = {"duration": ("reports.days", 1 / 86_400_000), "share": ("reports.percent", 100)}
_PERIOD: Final = "last_365_days"
_PARAMETERS: Final = ("period", "from", "to", "zone", "cohort", "compare", "owner", "team")
_API: Final = "/v1/reports/{name}"
_MINUTE_MS: Final = 60_000
_HOUR_MS: Final = 60 * _MINUTE_MS
_DAY_MS: Final = 24 * _HOUR_MS


async def index(request: Request) -> Response:
    """Lead to the first report."""
    known = _offered(request)
    if not known:
        raise NotFound("this server was started without reports")
    return RedirectResponse(f"/console/reports/{known[0]}", 303)


def _offered(request: Request) -> list[str]:
    """Return the reports that who asks may see."""
    known = services(request).reports
    return [name for name, each in known.items() if not each.of_all or not is_sales(request)]


def _wanted(request: Request) -> tuple[str, Report]:
    """Return the report that the address names; raises NotFound."""
    known, name = services(request).reports, request.path_params["name"]
    if name not in known:
        raise NotFound(f"there is no report {name[:80]!r}; {did_you_mean(name[:80], known)}")
    return name, known[name]


async def report(request: Request) -> Response:
    """One report, as the API gives it."""
    name, wanted = _wanted(request)
    asked = _asked(request, wanted)
    language = language_of(request)
    query = {**asked, "lang": language}
    made = await ask(request, "GET", _API, {"name": name}, {}, query)
    return page(
        request,
        "report.html",
        "reports",
        name_of_report=name,
        known=_offered(request),
        report=made,
        asked={**asked, **(made.get("parameters") or {})},
        choices=_choices(request, wanted),
        files=[(form, _file(name, form, asked)) for form in _forms()],
        say=lambda said: headed(said[language]),
        formula=lambda said: said[language],
        cell=lambda value, kind, unit=None: shown(request, value, kind, unit),
        plot=lambda series: plot(series, words_of(request)),
        shown_columns=shown_columns,
        reached=reached,
        charted=charted,
        widest=widest,
        named_by=named_by,
        text_of=text_of,
    )


def _choices(request: Request, wanted: Report) -> dict[str, Sequence[tuple[str, Text]]]:
    """Return what a report may be narrowed to: (name, label) of each."""
    words = words_of(request)
    found: dict[str, Sequence[tuple[str, Text]]] = {
        "period": [(each, words.say(f"period.{each}")) for each in PERIODS],
        "cohort": [(each, words.say(f"reports.cohort_{each}")) for each in _COHORTS],
        "compare": [(each, words.say(f"reports.compare_{each}")) for each in _COMPARE],
    }
    if not is_sales(request):
        teams = services(request).runtime.ruleset.definitions.routing.teams
        labels = ((id, words.label(id, team.label)) for id, team in teams.items())
        found["team"] = [("", words.say("all")), *labels]
    whom = handled(request)
    if len(whom) > 1:
        found["owner"] = [("", words.say("all")), *whom]
    return {key: offered for key, offered in found.items() if key not in wanted.fixed}


async def file(request: Request) -> Response:
    """The same report as a file, as the API gives it, for a session opens no route of the API."""
    name, wanted = _wanted(request)
    form = request.url.path.rpartition(".")[2]
    query = {**_asked(request, wanted), "lang": language_of(request), "format": form}
    return await answered(request, "GET", _API, {"name": name}, {}, query)


def _asked(request: Request, wanted: Report) -> dict[str, str]:
    """Return what the page's address asks of a report; the last year where it has no usual time."""
    if set(_PARAMETERS) <= {*wanted.fixed}:
        return {}
    asked = {k: v for k, v in request.query_params.items() if v and k in _PARAMETERS}
    if not wanted.usual and not asked.keys() & {"period", "from", "to"}:
        asked["period"] = _PERIOD
    return asked


def _forms() -> tuple[str, ...]:
    """Return the kinds of files that can be made here."""
    return ("csv", "pdf") if find_spec("weasyprint") else ("csv",)


def _file(name: str, form: str, asked: Mapping[str, str]) -> str:
    """Return where the same is to be had as a file."""
    return f"/console/reports/{quote(name)}.{form}?{urlencode(asked)}"


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
        return formats.money(value, unit)
    return formats.value(value)


def span(ms: float, words: Words) -> str:
    """Return a duration in its largest unit."""
    if ms >= 2 * _DAY_MS:
        return words.say("span.days", n=f"{ms / _DAY_MS:.1f}")
    if ms >= _HOUR_MS:
        return words.say("span.hours", n=f"{ms / _HOUR_MS:.1f}")
    return words.say("span.minutes", n=f"{ms / _MINUTE_MS:.0f}")


def charted(table: dict[str, Any]) -> dict[str, Any] | None:
    """Return the column that bars show: what the table is ordered by, else the first count."""
    wanted = "key" if table["drawn"] else "kind"
    found = (c for c in table["columns"] if c[wanted] == (table["drawn"] or "count"))
    return next(found, None)


def widest(table: dict[str, Any], column: str) -> float:
    """Return the largest figure of a column, for bars; never 0."""
    values = [row["cells"].get(column) for row in table["rows"]]
    return max((v for v in values if isinstance(v, (int, float))), default=0) or 1


def headed(text: str) -> str:
    """Return a text as it begins a heading."""
    return text[:1].upper() + text[1:]


def text_of(row: dict[str, Any], key: str) -> Any:
    """Return a cell as people read it: the name of what it has an id of."""
    return row["names"].get(key, row["cells"].get(key))


def named_by(table: dict[str, Any]) -> str:
    """Return the column to name a table's bars by: the first that tells its rows apart."""
    keys: list[str] = [c["key"] for c in table["columns"] if c["kind"] == "text"]
    rows = [row["cells"] for row in table["rows"]]
    apart = (key for key in keys if len({cells.get(key) for cells in rows}) == len(rows))
    return next(apart, table["columns"][0]["key"])


def shown_columns(table: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the columns in which there is anything."""
    rows = [row["cells"] for row in table["rows"]]
    return [c for c in table["columns"] if any(cells.get(c["key"]) is not None for cells in rows)]


def plot(series: dict[str, Any], words: Words) -> dict[str, Any]:
    """Return a report's series as the charts take them: what has the kind of the first line.

    One scale does not fit both a number of sales and their days; the tables have the others.
    """
    days = [datetime.fromisoformat(f"{day}T00:00:00+00:00").timestamp() for day in series["x"]]
    kind = series["lines"][0]["kind"]
    key, factor = _SCALES.get(kind, ("", 1))
    lines = [
        {
            "label": words.say(key, label=name) if key else name,
            "values": [value and round(value * factor, 2) for value in line["values"]],
        }
        for line in series["lines"]
        if line["kind"] == kind and (name := line["label"][words.language])
    ]
    return {"days": days, "series": lines}


def reached(stages: Sequence[dict[str, Any]]) -> dict[str, str]:
    """Return the query of the leads behind each stage of the funnel: who came so far or farther."""
    first = stages[0]["stage"]
    way = [s["stage"] for s in stages if s["stage"] == first or s["passed"] is not None]
    found = {s["stage"]: urlencode({"stage": s["stage"]}) for s in stages}
    found |= {s: urlencode({"reached": to_json(way[n:])}) for n, s in enumerate(way)}
    return {**found, first: ""}


ENDPOINTS: Final = (
    get("/console/reports", index, "Reports", scope="leads"),
    get("/console/reports/{name}.csv", file, "A report as CSV", scope="leads", media="text/csv"),
    get(
        "/console/reports/{name}.pdf",
        file,
        "A report as PDF",
        scope="leads",
        media="application/pdf",
    ),
    get("/console/reports/{name}", report, "A report", scope="leads"),
)
