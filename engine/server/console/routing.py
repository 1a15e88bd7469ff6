"""Routing: the rules in order, teams with their loads, and where a lead of such a kind would go."""

from __future__ import annotations

import re
import unicodedata
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from engine.host.faults import Faults, Hints
from engine.host.fields import LeadFields
from engine.host.plugins import names_of
from engine.language.catalogue import Field
from engine.language.definitions import Member, Team
from engine.machines.state import Assignment, Lead
from engine.machines.state import Request as Asked
from engine.machines.team import assign
from engine.server.console.pages import get
from engine.server.console.room import page, room_of
from engine.server.endpoint import reading, services
from engine.store.rows import to_json

_NUMBERS: Final = frozenset(("integer", "number", "money"))
_CURRENT: Final = "route"
_BOOLEANS: Final = {"是": True, "true": True, "yes": True, "否": False, "false": False, "no": False}
_PARTS: Final = re.compile(r"[,，、;；]")


async def routing(request: Request) -> Response:
    """The page; with fields in its address also the answer to "what if this lead came"."""
    return page(request, "routing.html", "routing", **await reading(_read, request))


def _read(request: Request) -> dict[str, Any]:
    runtime = services(request).runtime
    ruleset, reader = runtime.ruleset, runtime.reader
    fields = _fields(request)
    given = {name: v for name in fields if (v := request.query_params.get(name, "").strip())}
    facts, unfit = _facts(request, given)
    asks = not unfit and (given or "try" in request.query_params)
    answer = _what_if(request, facts) if asks else None
    hits = {id: n for (kind, id), n in runtime.telemetry.hits.items() if kind == _CURRENT}
    books = reader.teams().books
    ends = ruleset.definitions.lifecycle.ends
    held = room_of(request).figures.get("pools", lambda: reader.pools(ends))
    return {
        "routes": [
            (r.definition, ruleset.definitions.place(r.definition.source)) for r in ruleset.routes
        ],
        "conditions": {
            r.definition.id: _excerpt(request, r.definition.source) for r in ruleset.routes
        },
        "hits": hits,
        "teams": [_team(t, books.get(t.id), runtime.clock.now()) for t in ruleset.teams.values()],
        "pools": [(p, held.get(p.id, 0)) for p in ruleset.pools.values()],
        "without": to_json(ends),
        "targets": {
            **{id: team.label for id, team in ruleset.teams.items()},
            **{id: pool.label for id, pool in ruleset.pools.items()},
        },
        "slas": [(s.definition, _excerpt(request, s.definition.source)) for s in ruleset.slas],
        "fields": [(name, ruleset.catalogue.fields.get(name)) for name in fields],
        "choices": _choices(request),
        "given": given,
        "unfit": unfit,
        "answer": answer,
        "tried": {each["rule"]: each["outcome"] for each in answer.tried} if answer else {},
    }


def _fields(request: Request) -> list[str]:
    """Return the fields and facts that routing reads, in the order of the rules."""
    names: dict[str, None] = {}
    for rule in services(request).runtime.ruleset.routes:
        reads = sorted(rule.when.reads) if rule.when is not None else []
        for fact in [*reads, *([rule.definition.by] if rule.definition.by else [])]:
            names[fact.removeprefix("lead.")] = None
    return list(names)


def _choices(request: Request) -> dict[str, list[str]]:
    runtime = services(request).runtime
    ruleset = runtime.ruleset
    model = ruleset.definitions.default_model
    enums = {f.name: list(f.values) for f in ruleset.catalogue.fields.values() if f.values}
    return {
        **enums,
        "source.name": runtime.reader.boards().sources(),
        "stage": [s.id for s in ruleset.definitions.lifecycle.stages],
        "grade": [g.grade for g in model.grades],
    }


def _what_if(request: Request, facts: dict[str, Any]) -> Assignment:
    """Return what routing says of a lead with these facts; nothing is stored."""
    runtime = services(request).runtime
    now = runtime.clock.now()
    lead = Lead(id="what-if", created_at=now, updated_at=now, facts=facts)
    asked = Asked(key="what-if", kind="assign", at=now)
    return assign(runtime.ruleset, runtime.reader.teams(), lead, asked, now)[1]


def _facts(request: Request, given: dict[str, str]) -> tuple[dict[str, Any], list[str]]:
    """Return the facts that a lead with these fields would have, and the names that do not fit.

    They are what the door makes of them: 苏州市 is 苏州, and in 华东.
    """
    catalogue = services(request).runtime.ruleset.catalogue
    said: dict[str, Any] = {}
    facts: dict[str, Any] = {}
    unfit = []
    for name, text in given.items():
        field = catalogue.fields.get(name)
        if field is None or field.derived:
            number = _number(text) if name.startswith("score.") else text
            facts[name if field is None and "." not in name else _path(name)] = number
            if name.startswith("score.") and isinstance(number, str):
                unfit.append(name)
        else:
            said[name] = _typed(field, text)
            if not names_of(catalogue).fits(name, said[name]):
                unfit.append(name)
    if unfit:
        return {}, unfit
    read = LeadFields(catalogue.fields, ()).read(said, Faults(Hints()))
    return {**{f"lead.{name}": value for name, value in read.facts.items()}, **facts}, []


def _path(name: str) -> str:
    return name if name.startswith("score.") else f"lead.{name}"


def _typed(field: Field, text: str) -> Any:
    """Return what is typed as its field takes it; the text itself where it does not."""
    if field.type in _NUMBERS:
        return _number(text)
    if field.type == "boolean":
        return _BOOLEANS.get(text.casefold(), text)
    return [part.strip() for part in _PARTS.split(text)] if field.type == "list" else text


def _number(text: str) -> int | float | str:
    plain = unicodedata.normalize("NFKC", text).replace(",", "").strip(" ¥元")
    factor = 10_000 if plain.endswith("万") else 1
    try:
        number = float(plain.removesuffix("万")) * factor
    except ValueError:
        return text
    return int(number) if number.is_integer() else number


def _team(team: Team, book: Any, now: int) -> dict[str, Any]:
    loads = book.loads if book else {}
    return {"team": team, "members": [_member(m, loads.get(m.id, 0), now) for m in team.members]}


def _member(member: Member, load: int, now: int) -> dict[str, Any]:
    away = next((a.until for a in member.away if a.since <= now < a.until), None)
    full = 100 * load / member.capacity if member.capacity else None
    return {"member": member, "load": load, "full": full, "away": away}


def _excerpt(request: Request, source: Any) -> str:
    """Return the lines of YAML that a thing was written in, up to the next one beside it."""
    runtime = services(request).runtime
    lines = runtime.sources.get(source.file, ())
    found: list[str] = []
    for text in lines[source.line - 1 : source.line + 11]:
        indent = len(text) - len(text.lstrip())
        if found and text.strip() and indent < source.column - 1:
            break
        found.append(text)
    while found and (not found[-1].strip() or found[-1].lstrip().startswith("#")):
        found.pop()
    least = min((len(t) - len(t.lstrip()) for t in found if t.strip()), default=0)
    return "\n".join(text[least:] for text in found)


ENDPOINTS: Final = (get("/console/routing", routing, "Routing, teams, and what-if"),)
