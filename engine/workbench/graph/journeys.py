"""Journeys drawn: each a frame, its steps nodes, its ways edges."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.language.definitions import Condition, Journey, Step
from engine.language.handling import DateOf, Moment, Split
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

_SHAPES: Final[Mapping[str, str]] = {"wait": WAIT, "branch": CHOICE, "split": CHOICE, "end": END}
_DAYS: Final = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
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
    group = [f"group: {journey.group}, priority {journey.priority}"] if journey.group else []
    text = ("enter", *reasons, f"reentry: {again}", *group)
    return Node(_mark(journey, "enter"), text, START)


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
        if step.events and step.span:
            yield f"until it is done, {write_span(step.span)} at most"
    elif step.kind == "enter":
        yield f"enter {given['journey']}"
    elif step.split is not None:
        yield from _splits(step.split)
    elif step.kind == "wait":
        yield _waits(step)
    elif step.kind == "set":
        yield from _sets(given)
    elif step.kind == "score":
        yield f"score {given['dimension']} {given['points']:+g}"
    elif step.kind != step.id:
        yield step.kind


def _splits(split: Split) -> Iterator[str]:
    yield "split"
    if split.winner is not None:
        yield f"winner: {split.winner}"
    elif split.auto is not None:
        auto = split.auto
        yield f"winner by {auto.metric}, {auto.confidence:g} sure, {auto.sample} leads each"


def _moment(moment: Moment) -> str:
    days = f" {' '.join(_DAYS[day] for day in moment.days)}" if moment.days else ""
    calendar = f" by {moment.calendar}" if moment.calendar else ""
    zone = f" {moment.zone}" if moment.zone else ""
    time = f"until {_clock(moment.time)}" if moment.time is not None else "until working time"
    return f"{time}{days}{calendar}{zone}"


def _date(date: DateOf) -> str:
    shift = f" {date.shift:+d} days" if date.shift else ""
    yearly = " every year" if date.yearly else ""
    return f"wait until {date.fact}{shift} {_clock(date.time)}{yearly}"


def _clock(minutes: int) -> str:
    return f"{minutes // 60:02d}:{minutes % 60:02d}"


def _waits(step: Step) -> str:
    if step.date is not None:
        return _date(step.date)
    if step.moment is not None:
        first = f"{write_span(step.span)}, then " if step.span else ""
        return f"wait {first}{_moment(step.moment)}"
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
    elif step.split is not None:
        yield from _variants(journey, step.split, start)
    elif step.date is not None and step.otherwise not in (None, step.next):
        yield Edge(start, _id(journey, step.next or below))
        yield Edge(start, _id(journey, step.otherwise), "no such day")
    elif step.kind == "task" and step.events:
        yield Edge(start, _id(journey, step.then or below), "done")
        yield Edge(start, _id(journey, step.otherwise or below), "else")
    elif step.events:
        of = f" of {step.of}" if step.of else ""
        yield Edge(start, _id(journey, step.then or below), f"{names(step.events)}{of}")
        yield Edge(start, _id(journey, step.otherwise or below), "else")
    else:
        yield Edge(start, _id(journey, step.next or below))


def _variants(journey: Journey, split: Split, start: str) -> Iterator[Edge]:
    """Yield the ways of a split, each with its share of all leads."""
    whole = sum(variant.weight for variant in split.variants) / (1 - split.holdout)
    for variant in split.variants:
        share = f"{variant.name} {variant.weight / whole:.0%}"
        yield Edge(start, _id(journey, variant.next), share)
    if split.holdout:
        yield Edge(start, _id(journey, split.spared), f"holdout {split.holdout:.0%}")
