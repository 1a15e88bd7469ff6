"""Grades that are not written from the highest to the lowest.

`grade: {at_least: B}` goes by the order in which the grades are written, best first. Which grade a
score gets goes by `from`. Where the two differ, a lead with a better score counts as a worse one.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 50}
    grades: [{grade: A, from: 0}, {grade: B, from: 50}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 50}
    grades: [{grade: A, from: 50}, {grade: B, from: 0}]
```

## Way out

Write the grade with the highest `from` first, or correct the `from`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find grades that begin higher than the one written before them."""
    for model in context.definitions.models:
        written = sorted(model.grades, key=lambda g: g.source)
        for first, second in pairwise(written):
            if second.floor > first.floor:
                yield Finding(
                    message=f"{second.grade} begins at {second.floor:g}, above {first.grade} "
                    f"({first.floor:g}), which is written before it and so counts as better",
                    source=context.below(second.source, "from"),
                    hint="write the grade with the highest from: first",
                )
