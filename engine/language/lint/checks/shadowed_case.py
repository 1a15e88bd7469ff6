"""A case of a branch that is never taken, because an earlier one holds for all of its leads.

The cases are tried from the top; the first that holds is taken.

## Bad

```yaml
# journeys.yaml
journeys:
  - id: by-size
    label: 按规模
    enter: {event: form_submitted}
    steps:
      - id: size
        branch:
          - {when: {lead.employees: {gte: 100}}, next: mail}
          - {when: {lead.employees: {gte: 500}}, next: call}
          - {next: mail}
      - {id: call, task: {title: 大客户回访}, next: end}
      - {id: mail, send: welcome}
```

## Good

```yaml
# journeys.yaml
journeys:
  - id: by-size
    label: 按规模
    enter: {event: form_submitted}
    steps:
      - id: size
        branch:
          - {when: {lead.employees: {gte: 500}}, next: call}
          - {next: mail}
      - {id: call, task: {title: 大客户回访}, next: end}
      - {id: mail, send: welcome}
```

## Way out

Put the narrower case above the wider one.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.handling import Journey, Step
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find cases whose condition implies that of an earlier one."""
    for journey in context.definitions.journeys:
        for step in journey.steps:
            yield from _cases(context, journey, step)


def _cases(context: Context, journey: Journey, step: Step) -> Iterator[Finding]:
    logic = context.logic
    for index, (when, target) in enumerate(step.cases):
        if not logic.possible(when):
            continue
        if any(logic.implies(when, earlier) for earlier, _ in step.cases[:index]):
            yield Finding(
                message=f'no lead goes to "{target}" from here: an earlier case holds for all of '
                "them",
                source=when.source,
                rule=journey.id,
                hint="put the narrower case above the wider one",
            )
