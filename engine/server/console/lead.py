"""One lead: who it is, what its score is made of, whose it is and why, and all that happened."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import Response

from engine.host.explaining import explain_lead
from engine.language.catalogue import Field
from engine.language.definitions import Journey
from engine.language.label import Text, in_language
from engine.machines import lifecycle
from engine.machines.people.claiming import obstacles
from engine.server.console import charts
from engine.server.console.leads import handled, members, who_acts
from engine.server.console.pages import get
from engine.server.console.room import formats_of, page, words_of
from engine.server.console.telling import told
from engine.server.endpoint import TEXT, reading, services
from engine.server.leads import lead_id
from engine.server.ownership import own_pools, principal
from engine.store.shapes import when

_LINES: Final = 60
_DELIVERIES: Final = 20
_HIDDEN: Final = ("anonymous_id", "email.domain", "phone.valid", "tags")


async def lead(request: Request) -> Response:
    """A lead's page."""
    id = await lead_id(request)
    found = await reading(_read, request, id, request.query_params.get("cursor"))
    return page(request, "lead.html", "leads", **found)


def _read(request: Request, id: str, cursor: str | None) -> dict[str, Any]:
    runtime = services(request).runtime
    reader, ruleset = runtime.reader, runtime.ruleset
    record = reader.lead(id) or {}
    if record.get("stage") in ruleset.definitions.lifecycle.ends:
        record = {**record, "pool": None}  # the last one it lay in, from which nobody claims it now
    why = explain_lead(reader, ruleset, id)
    line = reader.timeline(id, limit=_LINES, cursor=cursor)
    words = words_of(request)
    return {
        "lead": record,
        "why": why,
        "title": record["fields"].get("name") or record["fields"].get("company") or id,
        "profile": _profile(request, record),
        "steps": charts.waterfall(why["score"]["ledger"], words.say("lead.others")),
        "line": [told(request, item) for item in line.items],
        "earlier": line.next,
        "others": _others(ruleset.definitions.journeys, why["journeys"]),
        "tasks": reader.tasks(lead=id, limit=_DELIVERIES).items,
        "sent": reader.deliveries(lead=id, limit=_DELIVERIES).items,
        "merges": reader.merges(id),
        "stage_labels": {s.id: s.label for s in ruleset.definitions.lifecycle.stages},
        "pools": {p.id: p.label for p in ruleset.pools.values()},
        "names": dict(members(request)),
        **_possible(request, id, record),
    }


def _others(known: Sequence[Journey], walked: Sequence[dict[str, Any]]) -> list[Journey]:
    """Return the journeys in which the lead is not: of these one may ask why."""
    inside = {each["journey"] for each in walked if each["left_at"] is None}
    return [each for each in known if each.id not in inside]


def _profile(request: Request, record: dict[str, Any]) -> list[tuple[str, Text | None, str]]:
    """Return the lead's fields as (name, label, value as read), in the order of the catalogue."""
    fields = services(request).runtime.ruleset.catalogue.fields
    given = record["fields"]
    order = [name for name in fields if name in given] + sorted(given.keys() - fields.keys())
    return [
        (
            name,
            fields[name].label if name in fields else None,
            _written(request, fields.get(name), given[name]),
        )
        for name in order
        if name not in _HIDDEN and not name.startswith("consent.") and given[name] not in (None, "")
    ]


def _written(request: Request, field: Field | None, value: Any) -> str:
    if field is not None and field.type == "datetime":
        return formats_of(request).moment(value)
    if field is not None and isinstance(value, str):
        return in_language(field.called.get(value), words_of(request).language) or value
    if field is not None and field.type == "money":
        return formats_of(request).money(value, field.currency)
    return formats_of(request).value(value)


def _possible(request: Request, id: str, record: dict[str, Any]) -> dict[str, Any]:
    """Return what who looks may do here, so that no button is there only to refuse."""
    runtime = services(request).runtime
    ruleset, who = runtime.ruleset, principal(request)
    acts, me = who.may("work"), who_acts(request)
    state = runtime.reader.state(id)
    against: list[str] = []
    if me and state is not None and record["pool"]:
        now = runtime.clock.now()
        against = [w for w, _ in obstacles(ruleset, runtime.reader.teams(), state, me, now)]
    whom = handled(request)
    leads_others = me is None or len(whom) > 1
    stages = [
        s.definition
        for s in ruleset.stages.values()
        if lifecycle.barred(ruleset, record["stage"], s) is None
    ]
    clocks = state.clocks.values() if state else ()
    return {
        "acts": acts,
        "may_claim": acts and bool(record["pool"]) and me is not None and not against,
        "claim_against": "; ".join(against),
        "may_accept": acts and _answers(record, me) and _unaccepted(state),
        "may_release": acts and record["owner"] is not None,
        "may_decline": acts and me is not None and record["owner"] == me,
        "may_assign": acts and leads_others,
        "whom": whom,
        "stages": [(s.id, s.label) for s in stages],
        "grades": [g.grade for g in ruleset.definitions.default_model.grades],
        "own_pools": [(p, ruleset.pools[p].label) for p in sorted(own_pools(request))],
        "next_due": when(min((c.due for c in clocks if c.status == "running"), default=None)),
    }


def _answers(record: Mapping[str, Any], me: str | None) -> bool:
    """Whether who looks says for the lead's owner that they take it on."""
    owner = record["owner"]
    return owner is not None and me in (None, owner)


def _unaccepted(state: Any) -> bool:
    return any(n == "accept" and c.status == "running" for n, c in state.clocks.items())


ENDPOINTS: Final = (
    get("/console/lead/{id:path}", lead, "A lead", scope="leads", query={"cursor": TEXT}),
)
