"""A routing rule that an earlier, wider one keeps its leads from.

Rules are tried from the top, and the first that holds and finds somebody decides. Here every lead
that this rule is for has already met an earlier rule, so this one only gets those for whom nobody
in the earlier team is free. Mostly the narrower rule was meant to stand first.

Two rules with the same condition and different teams are no finding: the second is there for when
the first team is full. Nor is a rule after one by `territory`, which looks only for those whose
territory the lead is in.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
  key-accounts: {label: 大客户部, members: [{id: zhang.wei}]}
rules:
  - {id: large, when: {lead.amount: {gt: 100000}}, assign: {team: east}}
  - {id: huge, when: {lead.amount: {gt: 500000}}, assign: {team: key-accounts}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Good

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
  key-accounts: {label: 大客户部, members: [{id: zhang.wei}]}
rules:
  - {id: huge, when: {lead.amount: {gt: 500000}}, assign: {team: key-accounts}}
  - {id: large, when: {lead.amount: {gt: 100000}}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Way out

Put the narrower rule above the wider one.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.handling import Route
from engine.language.lint.candidates import Candidates
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find rules whose condition implies that of an earlier rule for a team."""
    routes = context.definitions.routing.rules
    candidates = Candidates(context.logic, [r.when for r in routes])
    for index, route in enumerate(routes):
        if not context.logic.possible(route.when):
            continue  # contradictory-condition says so
        before = (routes[i] for i in candidates.implied_by(route.when) if i < index)
        earlier = next((r for r in before if _shadows(context, r, route)), None)
        if earlier is not None:
            yield Finding(
                message=f'every lead that "{route.id}" is for meets "{earlier.id}" first; this one '
                f'decides only when nobody in "{earlier.team}" is free',
                source=context.below(route.source, "when"),
                rule=route.id,
                hint=f'put it above "{earlier.id}"',
            )


def _shadows(context: Context, earlier: Route, later: Route) -> bool:
    logic = context.logic
    if earlier.team is None or earlier.strategy == "territory":
        return False
    if not logic.implies(later.when, earlier.when):
        return False
    return earlier.team == later.team or not logic.implies(earlier.when, later.when)
