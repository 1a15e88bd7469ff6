"""Scores that are in no grade, because a score may fall below the lowest one.

A grade reaches from its `from` up to the next; below the lowest there is none. A lead without a
grade matches neither `grade: C` nor `grade: {at_most: C}`, so rules that mean "all the others"
forget it.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 50}
      - {id: free-mail, dimension: fit, when: {lead.email.kind: free}, points: -5}
    grades: [{grade: A, from: 50}, {grade: B, from: 0}]  # free mail alone: -5, no grade
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 50}
      - {id: free-mail, dimension: fit, when: {lead.email.kind: free}, points: -5}
    grades: [{grade: A, from: 50}, {grade: B, from: -5}]
```

## Way out

Begin the lowest grade lower, or give a dimension a floor: `min: 0`.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.scores import of_model

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find models whose lowest grade begins above the lowest total."""
    for model in context.definitions.models:
        reach = of_model(context.definitions, context.logic, model)
        if not model.grades or model.grades[-1].floor <= reach.low:
            continue
        lowest = model.grades[-1]
        low = f"to {reach.low:g}" if reach.low > float("-inf") else "without end"
        yield Finding(
            message=f"{lowest.grade} begins at {lowest.floor:g}, and a score of model "
            f'"{model.id}" may fall {low}',
            source=context.below(lowest.source, "from"),
            hint="begin the lowest grade lower, or give a dimension min:",
        )
