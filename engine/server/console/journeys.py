"""Journeys as graphs: how many wait at each step, how many have passed, who they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, Final
from unicodedata import east_asian_width
from urllib.parse import quote

from starlette.requests import Request
from starlette.responses import Response

from engine.errors import NotFound
from engine.host.explaining import Question, explain_lead
from engine.language.definitions import Journey, Step
from engine.language.nearest import did_you_mean
from engine.server.console.pages import get
from engine.server.console.room import page, room_of, words_of
from engine.server.console.telling import event_name
from engine.server.console.words import Words
from engine.server.endpoint import TEXT, reading, services

Told = Callable[[str], str]  # what people call a kind of event
_WHO: Final = 50
_END: Final = "end"
_COUNTED: Final = 20_000  # leads whose ways are counted, those who entered last
_PLACES: Final = 26
_ROLES: Final = ("enter", "exit")  # the conditions that decide who comes in


async def journeys(request: Request) -> Response:
    """All journeys, each with how many are in it."""
    return page(request, "journeys.html", "journeys", **await reading(_all, request))


def _all(request: Request) -> dict[str, Any]:
    runtime, room = services(request).runtime, room_of(request)
    found = []
    for each in runtime.ruleset.definitions.journeys:
        counted = room.figures.get(f"journey:{each.id}", _counter(request, each.id))
        found.append({"journey": each, **counted})
    return {"items": found}


def _counter(request: Request, id: str) -> Any:
    reader = services(request).runtime.reader
    return lambda: reader.boards().journey(id)


async def journey(request: Request) -> Response:
    """One journey: its graph with live counts, and who waits where."""
    id = request.path_params["name"]
    known = {j.id: j for j in services(request).runtime.ruleset.definitions.journeys}
    if id not in known:
        raise NotFound(f"there is no journey {id[:80]!r}; {did_you_mean(id[:80], known)}")
    step = request.query_params.get("step") or None
    named = request.query_params.get("lead", "").strip()
    lead = await _sought(request, named) if named else None
    found = await reading(_one, request, known[id], step)
    why = await reading(_why_not, request, id, lead) if lead else None
    asked: dict[str, Any] = {"step": step, "named": named, "why": why}
    return page(request, "journey.html", "journeys", journey=known[id], **asked, **found)


async def _sought(request: Request, named: str) -> str | None:
    """Return the lead that somebody names by id or identity, or as the search finds it first."""
    reader = services(request).runtime.reader
    found: str | None = await reading(reader.find, named)
    if found is None:
        items = (await reading(reader.leads, text=named, limit=1)).items
        found = items[0]["id"] if items else None
    return found


def _why_not(request: Request, journey: str, lead: str) -> dict[str, Any]:
    """Return what `explain` says of a lead and this journey, and whom it is about."""
    runtime = services(request).runtime
    asked = Question(now=runtime.clock.now(), why_not=f"journey:{journey}")
    found = explain_lead(runtime.reader, runtime.ruleset, lead, asked)["why_not"]
    looks = [(look["role"], list(_flat(look["tree"]))) for look in found["conditions"]]
    wanted = [(role, nodes) for role, nodes in looks if role in _ROLES]
    return {**found, "looks": wanted, "lead": runtime.reader.lead(lead)}


def _flat(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the single tests of a condition, in their order."""
    if "items" not in node:
        yield node
    for each in node.get("items", ()):
        yield from _flat(each)


def _one(request: Request, journey: Journey, step: str | None) -> dict[str, Any]:
    runtime, words = services(request).runtime, words_of(request)
    told = partial(event_name, request, words)
    boards = runtime.reader.boards()
    figures, reader = room_of(request).figures, runtime.reader
    counted = figures.get(f"journey:{journey.id}", _counter(request, journey.id))
    moved = figures.get(f"moved:{journey.id}", lambda: reader.boards().moved(journey.id, _COUNTED))
    place = runtime.ruleset.definitions.place(journey.source)
    return {
        **counted,
        "graph": _graph(journey, {**counted, "moved": moved}, words, told),
        "who_waits": boards.waiting(journey.id, step, _WHO),
        "place": place,
        "steps": [(s, _what(s, words, told)) for s in journey.steps],
    }


def _graph(journey: Journey, counted: dict[str, Any], words: Words, told: Told) -> dict[str, Any]:
    """Return nodes and edges as cytoscape takes them."""
    nodes = [_node(journey, step, counted, words, told) for step in journey.steps]
    edges = [edge for step in journey.steps for edge in _edges(journey, step, counted, words)]
    if any(edge["data"]["target"] == _END for edge in edges):
        nodes.append({"data": {"id": _END, "label": words.say("journey.end"), "end": True}})
    return {"nodes": nodes, "edges": edges}


def _node(
    journey: Journey, step: Step, counted: dict[str, Any], words: Words, told: Told
) -> dict[str, Any]:
    waiting, passed = counted["waiting"].get(step.id, 0), counted["passed"].get(step.id, 0)
    figures = words.say("journey.passed", passed=f"{passed:,}")
    if waiting:
        figures += " · " + words.say("journey.waiting", waiting=f"{waiting:,}")
    href = f"/console/journeys/{quote(journey.id, safe='')}?step={quote(step.id, safe='')}"
    label = f"{_what(step, words, told)}\n{figures}"
    return {"data": {"id": step.id, "label": label, "waiting": waiting, "href": href}}


def _what(step: Step, words: Words, told: Told) -> str:
    """Return what a step does, in a few words."""
    what = step.with_
    of = what.get("message") or what.get("title") or what.get("action") or what.get("journey")
    of = of or ", ".join(told(each) for each in step.events) or None
    kind = words.name("step", step.kind)
    text = f"{kind} · {of}" if isinstance(of, str) and "{{" not in of else f"{kind} · {step.id}"
    return _fitting(text)


def _fitting(text: str) -> str:
    """Return as much of a text as a node is wide; Chinese takes two places a character."""
    room, kept = _PLACES, ""
    for character in text:
        room -= 2 if east_asian_width(character) in "WF" else 1
        if room < 0:
            return kept.rstrip() + "…"
        kept += character
    return kept


def _edges(
    journey: Journey, step: Step, counted: dict[str, Any], words: Words
) -> list[dict[str, Any]]:
    """Return the ways from a step, one to each other, with how many went it and their share."""
    ways: dict[str, list[str]] = {}
    for target, label in _ways(journey, step, words):
        if target in {_END, *(s.id for s in journey.steps)}:
            ways.setdefault(target, []).extend([label] if label else [])
    return [_edge(step.id, target, ways[target], counted) for target in ways]


def _edge(step: str, target: str, labels: list[str], counted: dict[str, Any]) -> dict[str, Any]:
    """Return a way with the share that goes it; with how many, where all leads are counted."""
    went = counted["moved"].get((step, target), 0)
    whole = sum(times for (place, _), times in counted["moved"].items() if place == step)
    figures = [f"{went:,}"] if counted["entered"] <= _COUNTED else []
    figures += [f"{went / whole:.0%}"] if whole else []
    label = " ".join([*([" / ".join(labels)] if labels else []), " · ".join(figures)])
    return {"data": {"id": f"{step}:{target}", "source": step, "target": target, "label": label}}


def _ways(journey: Journey, step: Step, words: Words) -> list[tuple[str, str]]:
    """Return where leads go from a step, each with when."""
    yes, no = words.say("journey.yes"), words.say("journey.no")
    ways = [(target, _short(condition)) for condition, target in step.cases]
    if step.split is not None:
        ways += [(v.next, v.name) for v in step.split.variants]
        if step.split.holdout:
            ways.append((step.split.spared, words.say("journey.holdout")))
    forks = step.kind in {"wait", "branch"}
    if step.then is not None and (step.then != step.otherwise or not forks):
        ways.append((step.then, yes if forks and step.otherwise else ""))
    if step.otherwise is not None:
        ways.append((step.otherwise, no if ways else ""))
    below = journey.after(step)
    if not ways and step.kind != _END:
        ways = [(step.next or (below.id if below else _END), "")]
    elif step.kind == "wait" and step.then is None:
        ways.append((below.id if below else _END, yes))
    return ways


def _short(condition: Any) -> str:
    fact, value = getattr(condition, "fact", None), getattr(condition, "value", None)
    if fact is None:
        return ""
    shown = value if isinstance(value, (str, int, float)) else ""
    return f"{str(fact).removeprefix('lead.')} {shown}".strip()[:18]


ENDPOINTS: Final = (
    get("/console/journeys", journeys, "Journeys"),
    get(
        "/console/journeys/{name}",
        journey,
        "A journey as a graph",
        query={"step": TEXT, "lead": TEXT},
    ),
)
