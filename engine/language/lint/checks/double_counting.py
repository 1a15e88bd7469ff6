"""Two rules of one dimension that ask the same, so that it counts twice.

Rules add up. Two that hold for the same leads at the same time are one rule with more points, or
one of the two was meant to ask something else. Different conditions that overlap, such as "at least
manager" and "at least director", are no finding.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: large, dimension: fit, when: {lead.employees: {gte: 500}}, points: 10}
      - {id: big-company, dimension: fit, when: {lead.employees: {gte: 500}}, points: 15}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: large, dimension: fit, when: {lead.employees: {gte: 500}}, points: 10}
      - {id: huge, dimension: fit, when: {lead.employees: {gte: 5000}}, points: 15}
    grades: [{grade: A, from: 0}]
```

## Way out

Remove one, correct one, or let only the higher of them count by giving both the same `exclusive`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from engine.language.definitions import ScoreRule
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find pairs of rules that hold for the same leads and events."""
    for model in context.definitions.models:
        told: set[str] = set()
        for first, second in combinations(model.rules, 2):
            if second.id not in told and _twice(context, first, second):
                told.add(second.id)
                yield Finding(
                    message=f'the rule "{first.id}" asks the same, so this counts twice',
                    source=context.below(second.source, "when" if second.when else "event"),
                    rule=second.id,
                    hint="remove one, correct one, or give both the same exclusive:",
                )


def _twice(context: Context, first: ScoreRule, second: ScoreRule) -> bool:
    alike = (
        first.dimension == second.dimension
        and set(first.events) == set(second.events)
        and first.repeat == second.repeat
        and (first.expires, first.half_life) == (second.expires, second.half_life)
        and (first.exclusive is None or first.exclusive != second.exclusive)
    )
    return (
        alike
        and context.logic.possible(first.when, first.where)
        and context.logic.same(first.when, second.when)
        and context.logic.same(first.where, second.where)
    )
