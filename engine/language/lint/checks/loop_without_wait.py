"""Steps that lead back to themselves without a wait between them.

A lead would go round at once, a hundred times, until the engine stops the journey. A wait `until` a
time after the entry, or after a step outside of the loop, is over when the lead comes round again,
so it does not count.

## Bad

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted}
    steps:
      - {id: day-1, wait: {until: 1d, since: enter}}
      - {id: mail, send: welcome, next: day-1}
```

## Good

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted}
    exit: {event: order_placed}
    steps:
      - {id: pause, wait: 7d}
      - {id: mail, send: welcome, next: pause}
```

## Way out

Put a wait for a duration into the loop, or lead on instead of back.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.handling import Journey, Step
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.paths import reached, ways

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find loops that nothing holds up; each is told at the first of its steps."""
    for journey in context.definitions.journeys:
        for loop in _loops(journey):
            trail = " -> ".join(s.id for s in loop)
            yield Finding(
                message=f"these steps go round without a wait: {trail}",
                source=context.below(loop[0].source, "id"),
                rule=journey.id,
                hint="put a wait such as wait: 1d into the loop, or lead on instead of back",
            )


def _loops(journey: Journey) -> Iterator[list[Step]]:
    """Yield the groups of steps that lead to each other when waits that hold are taken out."""
    graph = {s: set(targets) for s, targets in ways(journey).items()}
    around = _together(journey, graph)
    for step in journey.steps:
        if _holds(step, around.get(step.id, set())):
            graph[step.id] = set()
    told: set[str] = set()
    for step in journey.steps:
        group = _together(journey, graph).get(step.id, set())
        if group and not group & told:
            told |= group
            yield [s for s in journey.steps if s.id in group]


def _together(journey: Journey, graph: dict[str, set[str]]) -> dict[str, set[str]]:
    """Return for each step in a loop the steps from which it is reached and that it reaches."""
    after = {s: set().union(*(reached(graph, t) for t in graph[s])) for s in graph}
    return {s: {t for t in after[s] if s in after[t]} for s in graph if s in after[s]}


def _holds(step: Step, loop: set[str]) -> bool:
    """Whether a lead that comes round again is kept waiting by this step."""
    if step.kind == "route":
        return False  # who has an owner goes on at once
    if step.date is not None:
        return step.date.yearly
    if step.moment is not None and step.moment.time is not None:
        return True  # a later one each time
    if step.kind == "task":
        return bool(step.events)
    timed = step.span is not None and (step.since is None or step.since in loop)
    return step.kind == "wait" and timed
