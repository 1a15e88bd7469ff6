"""An SLA that is never used, because an earlier one holds for all of its leads.

The first SLA whose condition holds starts its clocks, and no other does. At an assignment those
with nothing but `next_contact` are passed over, at a contact those without it.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
sla:
  - {id: normal, accept: 8h}
  - {id: hot, when: {lead.amount: {gt: 500000}}, accept: 1h}
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
sla:
  - {id: hot, when: {lead.amount: {gt: 500000}}, accept: 1h}
  - {id: normal, accept: 8h}
pools: {public: {label: 公海池}}
```

## Way out

Put the narrower SLA above the wider one.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.candidates import Candidates
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find SLAs whose condition implies that of an earlier one."""
    slas, logic = context.definitions.routing.slas, context.logic
    candidates = Candidates(logic, [s.when for s in slas])
    for index, sla in enumerate(slas):
        if not logic.possible(sla.when):
            continue
        before = (slas[i] for i in candidates.implied_by(sla.when) if i < index)
        wider = [s for s in before if logic.implies(sla.when, s.when)]
        occasions = {occasion for s in wider for occasion in s.occasions}
        if occasions.issuperset(sla.occasions):
            earlier = next(s for s in wider if not set(s.occasions).isdisjoint(sla.occasions))
            yield Finding(
                message=f'"{earlier.id}" holds for every lead that "{sla.id}" is for, and stands '
                "before it",
                source=context.below(sla.source, "id"),
                rule=sla.id,
                hint=f'put it above "{earlier.id}", or remove it',
            )
