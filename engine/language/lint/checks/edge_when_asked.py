"""`rises_to` or `falls_below` where a condition is asked at some other moment.

They hold at the very instant at which the value crosses the bound. Routes, SLAs and the cases of a
branch are asked when a lead is routed, assigned or comes to the step: the value has crossed the
bound long before, so the answer is no.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: hot, when: {score.total: {rises_to: 80}}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Good

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: hot, when: {score.total: {gte: 80}}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Way out

Write `gte` instead of `rises_to`, `lt` instead of `falls_below`.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.sites import tests
from engine.language.operators import EDGES

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find edges in conditions that something else asks."""
    for site in context.sites:
        for test in tests(site.condition) if site.role == "asked" else ():
            if test.op in EDGES:
                instead = "gte" if test.op == "rises_to" else "lt"
                yield Finding(
                    message=f"{test.op} holds for an instant, and this is asked at another one",
                    source=test.source,
                    rule=site.rule,
                    hint=f"write {instead} instead",
                )
