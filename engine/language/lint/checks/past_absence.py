"""An absence that is over.

It does nothing any more. Old entries hide the ones that count.

## Bad

```yaml
# routing.yaml
teams:
  east:
    label: 华东区销售
    members: [{id: chen.jing, away: [{from: 2020-02-01, to: 2020-02-08}]}]
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Good

```yaml
# routing.yaml
teams:
  east:
    label: 华东区销售
    members: [{id: chen.jing, away: [{from: 2999-02-01, to: 2999-02-08}]}]
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools: {public: {label: 公海池}}
```

## Way out

Remove it. It is not removed by `--fix`: whoever replays the events of that time with today's rules
would get other owners.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.instants import format_instant
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "info"


def check(context: Context) -> Iterator[Finding]:
    """Find absences that ended before now."""
    for team in context.definitions.routing.teams.values():
        for member in team.members:
            for index, away in enumerate(member.away):
                if away.until <= context.now:
                    yield Finding(
                        message=f'this absence of "{member.id}" ended at '
                        f"{format_instant(away.until)}",
                        source=context.below(member.source, "away", index),
                        rule=team.id,
                        hint="remove it",
                    )
