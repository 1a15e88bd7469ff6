"""A routing rule that can never decide.

Every lead that it is for has already gone into a pool by an earlier rule, and a pool always has
room.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: everybody, assign: {pool: public}}
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Good

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Way out

Put it above the rule that the message names, or remove it.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.candidates import Candidates
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find rules whose condition implies that of an earlier rule for a pool."""
    routes, logic = context.definitions.routing.rules, context.logic
    candidates = Candidates(logic, [r.when for r in routes])
    for index, route in enumerate(routes):
        if not logic.possible(route.when):
            continue  # contradictory-condition says so
        before = (routes[i] for i in candidates.implied_by(route.when) if i < index)
        pools = (r for r in before if r.pool is not None)
        earlier = next((r for r in pools if logic.implies(route.when, r.when)), None)
        if earlier is not None:
            yield Finding(
                message=f'no lead gets here: "{earlier.id}" has put it into the pool '
                f'"{earlier.pool}" before',
                source=context.below(route.source, "id"),
                rule=route.id,
                hint=f'put it above "{earlier.id}", or remove it',
            )
