"""A pool into which no routing rule and no SLA puts a lead.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}, cold: {label: 冷线索池}}
```

## Good

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: cold, when: {grade: B}, assign: {pool: cold}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}, cold: {label: 冷线索池}}
```

## Way out

Add a rule or a rung `recycle` that puts leads there, or remove the pool.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find pools that neither routes nor rungs name."""
    routing = context.definitions.routing
    used = {r.pool for r in routing.rules} | {r.to for s in routing.slas for r in s.rungs}
    for pool in routing.pools.values():
        if pool.id not in used and not pool.recycle:
            yield Finding(
                message=f'nothing puts a lead into the pool "{pool.id}"',
                source=pool.source,
                rule=pool.id,
                hint="add a rule or a rung recycle that does, or remove the pool",
            )
