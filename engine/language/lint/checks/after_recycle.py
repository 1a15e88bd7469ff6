"""A rung or a clock of an SLA that comes after the lead has been taken back.

`recycle` gives the lead to a pool and stops all clocks. What is due later never happens.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, supervisor: zhou.jie, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
sla:
  - id: follow-up
    first_contact: 48h
    on_breach: [{after: 24h, do: recycle, to: public}]
pools: {public: {label: 公海池}}
```

## Good

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, supervisor: zhou.jie, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
sla:
  - id: follow-up
    first_contact: 24h
    on_breach: [{after: 48h, do: recycle, to: public}]
pools: {public: {label: 公海池}}
```

## Way out

Let `recycle` be the last rung, and not before the clocks.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.handling import Rung, Sla
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.spans import later, not_earlier

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find rungs and clocks that are due when the lead is gone."""
    for sla in context.definitions.routing.slas:
        for recycle in (r for r in sla.rungs if r.do == "recycle"):
            yield from _late(context, sla, recycle)


def _late(context: Context, sla: Sla, recycle: Rung) -> Iterator[Finding]:
    index = sla.rungs.index(recycle)
    for place, rung in enumerate(sla.rungs):
        same = place > index and not_earlier(rung.after, recycle.after)
        if later(rung.after, recycle.after) or same:
            yield Finding(
                message=f"{rung.do} never happens: the lead has been taken back before",
                source=context.below(rung.source, "after"),
                rule=sla.id,
                hint="let recycle be the last rung",
            )
    for clock, span in sla.clocks:
        if later(span, recycle.after):
            yield Finding(
                message=f"the clock {clock} never runs out: the lead has been taken back before",
                source=context.below(sla.source, clock),
                rule=sla.id,
                hint="shorten it, or recycle later",
            )
