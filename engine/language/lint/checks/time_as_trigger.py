"""A rule that waits for nothing but a time of day.

`time` narrows another condition; it never wakes anything. A rule whose condition is nothing but
`time` is looked at when the lead is created and then never again.

## Bad

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {when: {time: {between: ["09:00", "18:00"]}}}
    steps: [{id: mail, send: welcome}]
```

## Good

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted, when: {time: {between: ["09:00", "18:00"]}}}
    steps: [{id: mail, send: welcome}]
```

## Way out

Say what the rule waits for, an `event` or a field, and keep `time` beside it.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.sites import walk
from engine.language.rules import All, AnyOf, Guard, Not

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find conditions that should wake a rule and hold nothing but guards."""
    for site in context.sites:
        if site.role not in ("holds", "turns"):
            continue
        parts = [p for p in walk(site.condition) if not isinstance(p, All | AnyOf | Not)]
        if parts and all(isinstance(p, Guard) for p in parts):
            yield Finding(
                message="a time of day wakes nothing, and nothing else is asked here",
                source=site.condition.source,
                rule=site.rule,
                hint="add event:, or a field or absent: beside time:",
            )
