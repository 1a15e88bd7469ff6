"""A member of a team by territory who has none.

All rules that assign to the team choose by `territory`, and this member has no city, province,
industry, product or skill. So nobody is ever assigned to them.

## Bad

```yaml
# routing.yaml
teams:
  regions:
    label: 区域销售
    members:
      - {id: wang.lei, cities: [北京, 天津]}
      - {id: zhao.min}
rules:
  - id: city
    when: {lead.city: {exists: true}}
    assign: {team: regions, strategy: territory, by: lead.city}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Good

```yaml
# routing.yaml
teams:
  regions:
    label: 区域销售
    members:
      - {id: wang.lei, cities: [北京, 天津]}
      - {id: zhao.min, cities: [上海]}
rules:
  - id: city
    when: {lead.city: {exists: true}}
    assign: {team: regions, strategy: territory, by: lead.city}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Way out

Give them a territory, or another rule for the team.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find members without areas in teams that only `territory` chooses from."""
    routing = context.definitions.routing
    for team in routing.teams.values():
        strategies = {r.strategy for r in routing.rules if r.team == team.id}
        if strategies != {"territory"}:
            continue
        for member in team.members:
            if not member.areas:
                yield Finding(
                    message=f'"{member.id}" has no territory, and "{team.id}" is assigned by '
                    "territory only",
                    source=context.below(member.source, "id"),
                    rule=team.id,
                    hint="add cities: [...] or the like, or another rule for the team",
                )
