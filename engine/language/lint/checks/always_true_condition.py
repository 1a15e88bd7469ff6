"""A condition, or a part of one, that holds for every lead at every instant.

It says nothing. Either it can go, or it was meant to say something else: often the alternatives
of an `any` cover everything, or the lowest stage of all is asked for.

## Bad

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted, when: {stage: {at_least: new}}}  # new is the first stage
    steps: [{id: mail, send: welcome}]
```

## Good

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted, when: {stage: {at_most: mql}}}
    steps: [{id: mail, send: welcome}]
```

## Way out

Remove it, or write what was meant. A field that may be missing never makes a condition always
true: `lead.employees: {gte: 0}` asks whether the number is known.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.logic import Logic
from engine.language.rules import All, AnyOf, Condition, Not

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find the largest parts of conditions that hold always."""
    for site in context.sites:
        for part in certain(context.logic, site.condition):
            yield Finding(
                message="this always holds, whatever the lead is",
                source=part.source,
                rule=site.rule,
                hint="remove it, or write what it was meant to ask",
            )


def certain(logic: Logic, condition: Condition) -> Iterator[Condition]:
    """Yield the largest parts that hold always."""
    if logic.always(condition):
        yield condition
    elif isinstance(condition, All | AnyOf):
        for item in condition.items:
            yield from certain(logic, item)
    elif isinstance(condition, Not):
        yield from certain(logic, condition.item)
