"""The ways through a journey's steps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from engine.language.handling import Journey, Step

END = "end"


def ways(journey: Journey) -> dict[str, frozenset[str]]:
    """Return for each step the steps that may come right after it."""
    ids = {s.id for s in journey.steps}
    return {s.id: frozenset(t for t in _targets(journey, s) if t in ids) for s in journey.steps}


def _targets(journey: Journey, step: Step) -> Iterable[str]:
    below = journey.after(step)
    onwards = step.next or (below.id if below else END)
    below_too = [onwards, below.id if below else END]
    if step.kind == "end":
        return []
    if step.kind == "branch":
        return [*(target for _, target in step.cases), step.otherwise or END]
    if step.split is not None:
        spared = [step.split.spared] if step.split.holdout else []
        return [*(variant.next for variant in step.split.variants), *spared]
    if step.date is not None:
        return [onwards, *([step.otherwise] if step.otherwise else [])]
    if step.events:
        return [t for way in (step.then, step.otherwise) for t in ([way] if way else below_too)]
    return [onwards]


def reached(graph: Mapping[str, Iterable[str]], start: str) -> set[str]:
    """Return the steps that can be reached from ``start``, itself among them."""
    found, open_ = {start}, [start]
    while open_:
        for target in graph[open_.pop()]:
            if target not in found:
                found.add(target)
                open_.append(target)
    return found


def before(journey: Journey, step: str) -> set[str]:
    """Return the steps from which ``step`` can be reached, less itself if it is in no loop."""
    graph = ways(journey)
    return {
        other for other in graph if any(step in reached(graph, target) for target in graph[other])
    }
