"""A step of a journey to which no other step leads.

## Bad

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted}
    steps:
      - {id: mail, send: welcome, next: end}
      - {id: call, task: {title: 电话回访}}
```

## Good

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted}
    steps:
      - {id: mail, send: welcome}
      - {id: call, task: {title: 电话回访}}
```

## Way out

Lead to it with `next`, `then`, `else` or a case of a branch, or remove it.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.paths import reached, ways

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find steps that cannot be reached from the first one."""
    for journey in context.definitions.journeys:
        known = reached(ways(journey), journey.steps[0].id) if journey.steps else set()
        for step in journey.steps:
            if step.id not in known:
                yield Finding(
                    message=f'no step leads to "{step.id}"',
                    source=context.below(step.source, "id"),
                    rule=journey.id,
                    hint="lead to it with next:, then: or else:, or remove it",
                )
