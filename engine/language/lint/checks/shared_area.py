"""A single city or the like that two members share in a team that otherwise divides them.

Members with the same area take turns. Where a team gives every other area to one person, the one
that stands with two people is mostly left over from a handover.

## Bad

```yaml
# routing.yaml
teams:
  regions:
    label: 区域销售
    members:
      - {id: wang.lei, cities: [北京, 天津, 石家庄, 太原]}
      - {id: zhao.min, cities: [上海, 南京, 苏州, 天津]}
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
      - {id: wang.lei, cities: [北京, 天津, 石家庄, 太原]}
      - {id: zhao.min, cities: [上海, 南京, 苏州]}
rules:
  - id: city
    when: {lead.city: {exists: true}}
    assign: {team: regions, strategy: territory, by: lead.city}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Way out

Take it from one of them. If the two are meant to share it, ignore the finding on its line with the
reason.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from engine.language.diagnostic import Source
from engine.language.handling import Member, Team
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "info"
_KINDS = ("cities", "provinces", "industries", "products", "skills")
_FEW = 6  # at most one area in so many is shared by accident


def check(context: Context) -> Iterator[Finding]:
    """Find areas of two members where few of the team's areas are shared."""
    routing = context.definitions.routing
    by_area = {r.team for r in routing.rules if r.strategy == "territory"}
    for team in routing.teams.values():
        if team.id in by_area:
            yield from _shared(context, team)


def _shared(context: Context, team: Team) -> Iterator[Finding]:
    owners = Counter(area for m in team.members for area in set(m.areas))
    shared = [area for area, count in owners.items() if count > 1]
    if len(shared) * _FEW > len(owners):
        return
    seen: dict[str, str] = {}
    for member in team.members:
        for area in shared:
            if area not in member.areas:
                continue
            if area in seen:
                yield Finding(
                    message=f'"{area}" is also in the territory of "{seen[area]}"; they take turns',
                    source=_place(context, member, area),
                    rule=team.id,
                    hint="take it from one of them",
                )
            seen.setdefault(area, member.id)


def _place(context: Context, member: Member, area: str) -> Source:
    data = context.value(member.source)
    for kind in _KINDS if isinstance(data, dict) else ():
        items = data.get(kind, ())
        if area in items:
            return context.below(member.source, kind, items.index(area))
    return member.source
