"""Leads: found as one types, narrowed by filters that are the page's address, taken away as CSV."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode, urlsplit

from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from engine.language.label import Text, in_language
from engine.server.console.forms import ask
from engine.server.console.pages import get
from engine.server.console.room import is_sales, page, words_of
from engine.server.endpoint import TEXT, Schema, reading, services
from engine.server.languages import language_of
from engine.server.ownership import mates, own_pools, principal
from engine.store.listing import SORTS
from engine.store.pages import Page

FILTERS: Final = ("grade", "stage", "owner", "team", "pool", "source", "tag")
LIST: Final = "/console/leads"
# What is done to all leads that are ticked.
MANY: Final = ("assign", "stage", "tag", "untag", "task", "release")
NONE: Final = "-"  # "has none", where an empty filter means "any"
_NO_FILTERS: Final = ("cursor", "limit")
_QUERY: Final[dict[str, Schema]] = dict.fromkeys(("q", *FILTERS, "sort", "cursor"), TEXT)
_PAGE: Final = 50
_CSV_PAGE: Final = 200
_MOST: Final = 100_000
_COLUMNS: Final = (
    *("id", "name", "company", "title", "phone", "email", "city", "industry"),
    *("score", "grade", "stage", "owner", "team", "pool", "source", "created_at", "updated_at"),
)
_KNOWN: Final = ("q", *FILTERS, "sort")
_OWN: Final = frozenset(
    ("id", "score", "grade", "stage", "owner", "team", "pool", "source", "created_at", "updated_at")
)
# What a spreadsheet would run as a formula, in either width; strangers fill these cells.
_FORMULA: Final = re.compile(r"[\s\u200b-\u200f\u202a-\u202e\ufeff]*[=+\-@＝＋－＠\t\r]")
_NUMBER: Final = re.compile(r"-?\d+(\.\d+)?")


async def leads(request: Request) -> Response:
    """The list; for a script that asks again as one types, the same page."""
    wanted = _wanted(request)
    found = await _found(request, wanted, request.query_params.get("cursor"), _PAGE)
    choices = await reading(_choices, request)
    following = None
    if found.next is not None:
        following = f"?{urlencode({**wanted, 'cursor': found.next})}"
    return page(
        request,
        "leads.html",
        "leads",
        items=found.items,
        following=following,
        wanted=wanted,
        choices=choices,
        stage_labels=dict(choices["stage"]),
        more=[(k, v) for k, v in wanted.items() if k not in _KNOWN],
        query=urlencode({k: v for k, v in wanted.items() if v}),
        is_first="cursor" not in request.query_params,
        sorts=list(SORTS),
        many=_many(request),
    )


def _wanted(request: Request) -> dict[str, str]:
    """Return the filters that are set, as the page's address has them."""
    return {k: v for k, v in request.query_params.items() if v and k not in _NO_FILTERS}


async def _found(request: Request, wanted: dict[str, str], cursor: str | None, limit: int) -> Page:
    """Return what the API's own list gives to who asks; raises LeadrulesError."""
    query = {name: "" if value == NONE else value for name, value in wanted.items()}
    query["limit"] = str(limit)
    if cursor:
        query["cursor"] = cursor
    found = await ask(request, "GET", "/v1/leads", {}, {}, query)
    following = found["next"] and dict(parse_qsl(urlsplit(found["next"]).query))["cursor"]
    return Page(found["items"], following)


def _choices(request: Request) -> dict[str, Sequence[tuple[str, Text]]]:
    """Return what each filter offers, as (value, label)."""
    runtime = services(request).runtime
    definitions = runtime.ruleset.definitions
    pools, teams = definitions.routing.pools, definitions.routing.teams
    own, whom = own_pools(request), handled(request)
    return {
        "stage": [(s.id, s.label or s.id) for s in definitions.lifecycle.stages],
        "grade": [(g.grade, g.grade) for g in definitions.default_model.grades],
        "owner": whom if len(whom) > 1 or not is_sales(request) else [],
        "team": [] if is_sales(request) else [(t.id, t.label or t.id) for t in teams.values()],
        "pool": [(p.id, p.label or p.id) for p in pools.values() if p.id in own],
        "source": [(source, source) for source in runtime.reader.boards().sources()],
    }


def _many(request: Request) -> dict[str, Any]:
    """Return what may be done to the ticked leads, and what there is to choose from."""
    definitions = services(request).runtime.ruleset.definitions
    stages, pools = definitions.lifecycle.stages, definitions.routing.pools
    own = [(id, pools[id].label or id) for id in sorted(own_pools(request))]
    whom = handled(request)
    leads_others = not is_sales(request) or len(whom) > 1
    missing = {"assign": not leads_others, "stage": not stages, "release": not own}
    return {
        "verbs": [verb for verb in MANY if not missing.get(verb)],
        "owner": whom,
        "stage": [(s.id, s.label or s.id) for s in stages],
        "reasoned": [(s.id, s.label or s.id) for s in stages if s.requires],
        "pool": own,
    }


def members(request: Request) -> list[tuple[str, str]]:
    """Return all salespeople as (id, name), each once."""
    teams = services(request).runtime.ruleset.teams.values()
    return list({m.id: (m.id, m.name) for team in teams for m in team.members}.values())


def handled(request: Request) -> list[tuple[str, str]]:
    """Return the salespeople whose leads who asks may handle, as (id, name)."""
    found = members(request)
    return [each for each in found if each[0] in mates(request)] if is_sales(request) else found


async def table(request: Request) -> Response:
    """What the filters leave, as CSV that a spreadsheet opens and runs nothing of."""
    wanted = _wanted(request)
    words = words_of(request)
    labels = _labels(request)
    first = await _found(request, wanted, None, _CSV_PAGE)

    async def lines() -> AsyncIterator[str]:
        found, count = first, 0
        yield "\ufeff" + _line([words.say(f"csv.{name}") for name in _COLUMNS])
        while True:
            yield "".join(_line(_row(item, labels)) for item in found.items)
            count += len(found.items)
            if found.next is None or count >= _MOST:
                return
            found = await _found(request, wanted, found.next, _CSV_PAGE)

    named = {"content-disposition": 'attachment; filename="leads.csv"'}
    return StreamingResponse(lines(), media_type="text/csv; charset=utf-8", headers=named)


def _labels(request: Request) -> dict[str, dict[str, str | None]]:
    """Return what stages, teams and pools are called, by column, in the reader's language."""
    known, language = services(request).runtime.ruleset.definitions.labels, language_of(request)
    return {
        column: {id: in_language(label, language) for id, label in known[column].items() if label}
        for column in ("stage", "team", "pool")
    }


def _row(item: dict[str, Any], labels: Mapping[str, Mapping[str, str | None]]) -> list[str]:
    values = {**item["fields"], **{name: item.get(name) for name in _OWN}}
    values |= {name: called.get(values[name], values[name]) for name, called in labels.items()}
    return [cell(values.get(name)) for name in _COLUMNS]


def cell(value: Any) -> str:
    """Return a cell's text, behind an apostrophe where a spreadsheet would calculate it."""
    text = "" if value is None else str(value)
    return f"'{text}" if _FORMULA.match(text) and not _NUMBER.fullmatch(text) else text


def _line(cells: list[str]) -> str:
    out = io.StringIO()
    csv.writer(out).writerow(cells)
    return out.getvalue()


def who_acts(request: Request) -> str | None:
    """Return the salesperson that is signed in, None for others."""
    return principal(request).member


ENDPOINTS: Final = (
    get("/console/leads", leads, "Leads, searched and filtered", scope="leads", query=_QUERY),
    get(
        "/console/leads.csv",
        table,
        "The same leads as CSV",
        scope="leads",
        media="text/csv",
        query=_QUERY,
    ),
)
