"""A to-do for somebody whom no team has: nobody finds it on their day.

`to:` of a task is `owner` or a person by the id that `routing.yaml` gives. A name that is
misspelt, or of somebody who has left, is a to-do that is on nobody's list; it waits until its
lead is looked at by chance.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, supervisor: chen.jing, members: [{id: li.na, name: 李娜}]}
rules:
  - {id: east, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools:
  public: {label: 公海}
```

```yaml
# journeys.yaml
journeys:
  - id: welcome
    label: 欢迎
    enter: {event: form_submitted}
    steps:
      - {id: hello, send: welcome}
      - {id: call, task: {title: 首次联系, to: lina, due: 1d}}
```

## Good

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, supervisor: chen.jing, members: [{id: li.na, name: 李娜}]}
rules:
  - {id: east, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
pools:
  public: {label: 公海}
```

```yaml
# journeys.yaml
journeys:
  - id: welcome
    label: 欢迎
    enter: {event: form_submitted}
    steps:
      - {id: hello, send: welcome}
      - {id: call, task: {title: 首次联系, to: li.na, due: 1d}}
      - {id: check, task: {title: 检查跟进, to: chen.jing, due: 2d}}
      - {id: again, task: {title: 再次联系, to: owner, due: 3d}}
```

## Way out

Write the id of a member or supervisor of a team, or `owner`; ignore the finding with a reason
where somebody works off to-dos outside of the teams, through the API.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.nearest import did_you_mean

SEVERITY = "warning"
_OWNER = "owner"


def check(context: Context) -> Iterator[Finding]:
    """Find the to-dos of people who are in no team."""
    people = _people(context)
    for journey in context.definitions.journeys:
        for step in journey.steps:
            whom = step.with_.get("to", _OWNER) if step.kind == "task" else _OWNER
            if whom not in people:
                hint = did_you_mean(whom, people)
                yield Finding(
                    message=f'no team has "{whom}", so nobody finds this to-do; {hint}',
                    source=context.below(step.source, "task", "to"),
                    rule=journey.id,
                    hint=hint,
                )


def _people(context: Context) -> list[str]:
    """Return whom a to-do can be for."""
    teams = context.definitions.routing.teams.values()
    members = (member.id for team in teams for member in team.members)
    return [_OWNER, *members, *(team.supervisor for team in teams if team.supervisor)]
