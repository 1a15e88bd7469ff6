"""A dimension in which nothing scores.

No rule of the model and no step of a journey gives it points, so it is always zero.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}, engagement: {label: 互动属性}}
    rules: [{id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}]
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}, engagement: {label: 互动属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
      - {id: clicked, dimension: engagement, event: email_clicked, points: 5, repeat: once}
    grades: [{grade: A, from: 0}]
```

## Way out

Add a rule, or remove the dimension.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find dimensions that neither rules nor journeys name."""
    definitions = context.definitions
    given = {
        s.with_["dimension"] for j in definitions.journeys for s in j.steps if s.kind == "score"
    }
    for model in definitions.models:
        scored = {r.dimension for r in model.rules}
        if model is definitions.default_model:
            scored |= given
        for dimension in model.dimensions:
            if dimension.id not in scored:
                yield Finding(
                    message=f'nothing scores in the dimension "{dimension.id}"',
                    source=dimension.source,
                    hint="add a rule, or remove the dimension",
                )
