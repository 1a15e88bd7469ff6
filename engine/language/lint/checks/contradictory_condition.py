"""A condition, or a part of one, that no lead can ever meet.

What hangs on it never happens: the points are never given, the route is never taken. Mostly
two tests of one field exclude each other, or `and` was written where `or` was meant: all
entries of a condition must hold together.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - id: mid-size
        dimension: fit
        when: {lead.employees: {gt: 500, lt: 100}}  # more than 500 and fewer than 100
        points: 10
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - id: mid-size
        dimension: fit
        when: {lead.employees: {gt: 100, lt: 500}}
        points: 10
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Way out

Correct the bound that is wrong, or join the parts with `any:`.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.logic import Logic
from engine.language.rules import All, AnyOf, Condition, Not

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find the smallest parts of conditions that cannot hold."""
    for site in context.sites:
        for part in impossible(context.logic, site.condition):
            yield Finding(
                message="this can never hold: no lead meets all of it at once",
                source=part.source,
                rule=site.rule,
                hint="correct a bound or value, or join the parts with any: [{...}, {...}]",
            )


def impossible(logic: Logic, condition: Condition) -> Iterator[Condition]:
    """Yield the smallest parts that cannot hold, where they are wanted to."""
    if isinstance(condition, Not):
        return  # what always fails under `not` is always-true-condition's
    items = condition.items if isinstance(condition, All | AnyOf) else ()
    inner = [part for item in items for part in impossible(logic, item)]
    if inner:
        yield from inner
    elif not logic.possible(condition):
        yield condition
