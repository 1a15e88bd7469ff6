"""A grade that no lead can get with the rules there are.

The most that all rules can give together, with `exclusive`, `repeat`, `expires`, `weight` and the
caps of dimensions taken into account, is less than the grade begins at. A rule that scores again
and again and never expires has no most.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性, weight: 0.3}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 30}
      - {id: director, dimension: fit, when: {lead.title_level: director}, points: 20}
    grades: [{grade: A, from: 30}, {grade: B, from: 0}]  # 0.3 × 50 is 15
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性, weight: 0.3}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 30}
      - {id: director, dimension: fit, when: {lead.title_level: director}, points: 20}
    grades: [{grade: A, from: 12}, {grade: B, from: 0}]
```

## Way out

Lower the grade's `from`, or give more points. The message says what the rules give at most.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.scores import of_model

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find grades that begin above the highest total."""
    for model in context.definitions.models:
        reach = of_model(context.definitions, context.logic, model)
        for grade in model.grades:
            if grade.floor > reach.high:
                yield Finding(
                    message=f"grade {grade.grade} begins at {grade.floor:g}, and the rules of "
                    f'model "{model.id}" give at most {reach.high:g}',
                    source=context.below(grade.source, "from"),
                    hint="lower from:, or give more points",
                )
