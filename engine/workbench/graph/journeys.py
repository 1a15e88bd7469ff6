"""Journeys drawn: each a frame, its steps nodes, its ways edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.language.definitions import Condition, Journey, Step
from engine.language.instants import format_duration
from engine.language.wording import names, scalar, write, write_span
from engine.network.ruleset import Ruleset
from engine.workbench.graph.model import (
    ACTION,
    CHOICE,
    END,
    NOTE,
    START,
    WAIT,
    Cluster,
    Edge,
    Node,
    name,
)

_SHAPES: Final[Mapping[str, str]] = {"wait": WAIT, "branch": CHOICE, "end": END}
_END: Final = "end"


def journeys(ruleset: Ruleset) -> list[Cluster]:
    """Return a frame for each journey, in their order."""
    return [_journey(rule.definition) for rule in ruleset.journeys.values()]


def _journey(journey: Journey) -> Cluster:
    nodes = [_entry(journey), *(_step(journey, step) for step in journey.steps)]
    edges = [Edge(nodes[0].id, _id(journey, journey.steps[0].id))]
    edges += (edge for step in journey.steps for edge in _ways(journey, step))
    for word, events, where, when in (
        ("exit", journey.exit_events, journey.exit_where, journey.exit_when),
        ("goal", journey.goal_events, journey.goal_where, journey.goal_when),
    ):
        if events or when:
            note = Node(_mark(journey, word), (word, *_reasons(events, where, when)), NOTE)
            nodes.append(note)
            edges.append(Edge(note.id, _mark(journey, _END), weak=True))
    if any(edge.end == _mark(journey, _END) for edge in edges):
        nodes.append(Node(_mark(journey, _END), (_END,), END))
    label = f"{journey.id} {journey.label}" if journey.label else journey.id
    return Cluster(name("journey", journey.id), label, tuple(nodes), tuple(edges))


def _id(journey: Journey, step: str | None) -> str:
    """Return the node of a step; None and ``end`` are the journey's end."""
    if step is None or step == _END:
        return _mark(journey, _END)
    return name("journey", journey.id, "step", step)


def _mark(journey: Journey, word: str) -> str:
    return name("journey", journey.id, word)


def _entry(journey: Journey) -> Node:
    reentry = {None: "never", 0: "always"}.get(journey.reentry)
    again = reentry or f"after {format_duration(journey.reentry or 0)}"
    reasons = _reasons(journey.events, journey.where, journey.when)
    return Node(_mark(journey, "enter"), ("enter", *reasons, f"reentry: {again}"), START)


def _reasons(
    events: tuple[str, ...], where: Condition | None, when: Condition | None
) -> Iterator[str]:
    if events:
        yield f"event: {names(events)}"
    if where is not None:
        yield f"where: {write(where, 'event.')}"
    if when is not None:
        yield f"when: {write(when)}"


def _step(journey: Journey, step: Step) -> Node:
    shape = _SHAPES.get(step.kind, ACTION)
    return Node(_id_of(journey, step), (step.id, *_does(step)), shape)


def _id_of(journey: Journey, step: Step) -> str:
    return name("journey", journey.id, "step", step.id)


def _does(step: Step) -> Iterator[str]:
    given = step.with_
    if step.kind == "send":
        yield f"send {given['message']}"
    elif step.kind == "do":
        yield f"do {given['connection']}"
    elif step.kind == "task":
        yield f"task for {given.get('to', 'owner')}: {given['title']}"
    elif step.kind == "wait":
        yield _waits(step)
    elif step.kind == "set":
        yield from _sets(given)
    elif step.kind == "score":
        yield f"score {given['dimension']} {given['points']:+g}"
    elif step.kind != step.id:
        yield step.kind


def _waits(step: Step) -> str:
    since = f" since {step.since}" if step.since else ""
    span = f"{write_span(step.span)}{since}" if step.span else ""
    if not step.events:
        return f"wait {span}"
    where = f" where {write(step.where, 'event.')}" if step.where else ""
    return f"wait for {names(step.events)}{where}, {span} at most"


def _sets(given: Mapping[str, Any]) -> Iterator[str]:
    tags = given.get("tags", {})
    signs = [f"+{tag}" for tag in tags.get("add", ())] + [f"-{t}" for t in tags.get("remove", ())]
    if signs:
        yield f"tags {' '.join(signs)}"
    for field, value in given.get("fields", {}).items():
        yield f"{field} = {scalar(value)}"
    if given.get("stage") is not None:
        yield f"stage {given['stage']}"


def _ways(journey: Journey, step: Step) -> Iterator[Edge]:
    """Yield the ways out of a step; where nothing is said it goes on below."""
    start, after = _id_of(journey, step), journey.after(step)
    below = after.id if after else None
    if step.kind == "end":
        yield Edge(start, _mark(journey, _END))
    elif step.kind == "branch":
        for condition, target in step.cases:
            yield Edge(start, _id(journey, target), write(condition))
        yield Edge(start, _id(journey, step.otherwise or below), "else")
    elif step.events:
        of = f" of {step.of}" if step.of else ""
        yield Edge(start, _id(journey, step.then or below), f"{names(step.events)}{of}")
        yield Edge(start, _id(journey, step.otherwise or below), "else")
    else:
        yield Edge(start, _id(journey, step.next or below))
