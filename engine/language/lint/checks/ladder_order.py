"""Rungs of an SLA's ladder that are not written in the order of their time.

Each rung is climbed at its own time, so the supervisor may hear of a lead before its owner was
reminded.

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
    first_contact: 24h
    on_breach:
      - {after: 18h, do: remind}
      - {after: 12h, do: escalate}
pools: {public: {label: 公海池}}
```

```yaml
# server.yaml
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
  notify: {plugin: log}
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
    on_breach:
      - {after: 12h, do: remind}
      - {after: 18h, do: escalate}
pools: {public: {label: 公海池}}
```

```yaml
# server.yaml
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
  notify: {plugin: log}
```

## Way out

Correct the times, or write the rungs in their order.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.spans import later

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find rungs that come earlier than the one above them."""
    for sla in context.definitions.routing.slas:
        for above, rung in pairwise(sla.rungs):
            if later(above.after, rung.after):
                yield Finding(
                    message=f"this comes earlier than the rung above it ({above.do})",
                    source=context.below(rung.source, "after"),
                    rule=sla.id,
                    hint="correct the time, or write the rungs in their order",
                )
