"""A dimension's `max` that its rules never reach.

All its rules together give less, so the cap does nothing. Perhaps a rule is missing, or its points
are not what they were meant to be.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性, max: 60}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 30}
      - {id: director, dimension: fit, when: {lead.title_level: director}, points: 20}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性, max: 40}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 30}
      - {id: director, dimension: fit, when: {lead.title_level: director}, points: 20}
    grades: [{grade: A, from: 0}]
```

## Way out

Lower `max` or remove it, or give more points.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.scores import uncapped

SEVERITY = "info"


def check(context: Context) -> Iterator[Finding]:
    """Find caps above what a dimension's rules give at most."""
    for model in context.definitions.models:
        for dimension in model.dimensions:
            reach = uncapped(context.definitions, context.logic, model, dimension)
            if dimension.max is not None and 0 < reach.high < dimension.max:
                yield Finding(
                    message=f'the rules of "{dimension.id}" give at most {reach.high:g}, so the '
                    f"cap {dimension.max:g} does nothing",
                    source=context.below(dimension.source, "max"),
                    hint="lower or remove max:, or give more points",
                )
