"""A rule that gives no points, or a dimension whose weight makes all of its points nothing.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
      - {id: director, dimension: fit, when: {lead.title_level: director}, points: 0}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
      - {id: director, dimension: fit, when: {lead.title_level: director}, points: 5}
    grades: [{grade: A, from: 0}]
```

## Way out

Give points, or remove the rule.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find weights of zero, and elsewhere rules without points."""
    for model in context.definitions.models:
        idle = {d.id for d in model.dimensions if d.weight == 0}
        for dimension in model.dimensions:
            if dimension.id in idle:
                yield Finding(
                    message=f'the weight 0 makes every rule of "{dimension.id}" give nothing',
                    source=context.below(dimension.source, "weight"),
                    hint="give it a weight, or remove the dimension",
                )
        for rule in model.rules:
            if rule.points == 0 and rule.dimension not in idle:
                yield Finding(
                    message=f'the rule "{rule.id}" gives no points',
                    source=context.below(rule.source, "points"),
                    rule=rule.id,
                    hint="give points, or remove the rule",
                )
