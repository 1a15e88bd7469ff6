"""`rises_to` or `falls_below` in a scoring rule that says no `repeat`.

A rule without `event` and `repeat` gives its points while its condition holds. `rises_to` holds at
an instant only, so the points are withdrawn as soon as they are given.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 30}
      - {id: grown, dimension: fit, when: {lead.employees: {rises_to: 500}}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 30}
      - {id: grown, dimension: fit, when: {lead.employees: {rises_to: 500}}, points: 10, repeat: once}
    grades: [{grade: A, from: 0}]
```

## Way out

Add `repeat: once` or `repeat: each`, or write `gte` if the points are to last while the value is
that high.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.sites import tests
from engine.language.operators import EDGES

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find edges in conditions under which points are held."""
    for site in context.sites:
        for test in tests(site.condition) if site.role == "holds" else ():
            if test.op in EDGES:
                yield Finding(
                    message=f"{test.op} holds for an instant, so these points are taken back at once",
                    source=test.source,
                    rule=site.rule,
                    hint="add repeat: once to the rule, or write gte or lt",
                )
