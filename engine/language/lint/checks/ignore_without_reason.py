"""An ignore that does not say why.

`# leadrules: ignore[code]` hides a finding. Whoever reads it a year later needs the reason to know
whether it still holds.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
      - id: vip
        dimension: fit
        when: {lead.tags: VIP}
        points: 0  # leadrules: ignore[zero-points]
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
      - id: vip
        dimension: fit
        when: {lead.tags: VIP}
        points: 0  # leadrules: ignore[zero-points] 只统计，不计分
    grades: [{grade: A, from: 0}]
```

## Way out

Write the reason behind the bracket.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "error"
LATE = True


def check(context: Context) -> Iterator[Finding]:
    """Find ignores with nothing behind the bracket."""
    for ignore in context.ignores:
        if ignore.codes and not ignore.reason:
            yield Finding(
                message="this ignore gives no reason",
                source=ignore.source,
                hint="write the reason behind the bracket",
            )
