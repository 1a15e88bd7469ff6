"""A team to which no routing rule assigns, and whose members get no to-dos by name.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
  west: {label: 西部区销售, members: [{id: huang.li}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Good

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
  west: {label: 西部区销售, members: [{id: huang.li}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: far, when: {lead.city: 成都}, assign: {team: west}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Way out

Add a rule that assigns to it, or remove it. If its leads are assigned from outside, by the event
`lead_assigned`, ignore the finding on its line with that reason.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find teams that no route names and no to-do is for."""
    routing, journeys = context.definitions.routing, context.definitions.journeys
    asked = {s.with_.get("to") for j in journeys for s in j.steps if s.kind == "task"}
    for team in routing.teams.values():
        is_asked = not asked.isdisjoint(member.id for member in team.members)
        if team.id not in context.routed and not is_asked:
            yield Finding(
                message=f'no routing rule assigns to the team "{team.id}"',
                source=team.source,
                rule=team.id,
                hint="add a rule that does, or remove the team",
            )
