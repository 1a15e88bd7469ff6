"""A rung of an SLA that reaches nobody.

`remind` and `escalate` send a note through the connection named `notify`; without one the note is
recorded as blocked. `escalate` goes to the team's `supervisor`; a team without one has nobody to
hear it.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, supervisor: zhou.jie, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
sla:
  - {id: follow-up, first_contact: 24h, on_breach: [{after: 12h, do: remind}]}
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
  - {id: follow-up, first_contact: 24h, on_breach: [{after: 12h, do: remind}]}
pools: {public: {label: 公海池}}
```

```yaml
# server.yaml
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
  notify: {plugin: log}
```

## Way out

Add a connection `notify` to server.yaml, and a `supervisor` to each team that has leads.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"
NOTIFY = "notify"


def check(context: Context) -> Iterator[Finding]:
    """Find rungs without a connection, and teams without a supervisor to escalate to."""
    routing = context.definitions.routing
    connected = NOTIFY in context.definitions.server.connections
    for sla in routing.slas:
        for rung in sla.rungs:
            if rung.do in ("remind", "escalate") and not connected:
                yield Finding(
                    message=f'{rung.do} reaches nobody: there is no connection named "{NOTIFY}"',
                    source=context.below(rung.source, "do"),
                    rule=sla.id,
                    hint=f"add connections: {{{NOTIFY}: {{plugin: ...}}}} to server.yaml",
                )
    if any(rung.do == "escalate" for sla in routing.slas for rung in sla.rungs):
        for team in routing.teams.values():
            if team.supervisor is None and team.id in context.routed:
                yield Finding(
                    message=f'the team "{team.id}" has no supervisor to escalate to',
                    source=team.source,
                    rule=team.id,
                    hint="add supervisor:",
                )
