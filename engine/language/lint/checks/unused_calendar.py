"""A calendar of one's own by which nothing counts.

## Bad

```yaml
# calendars.yaml
calendars:
  night-shift: {hours: ["12:00", "21:00"]}
```

## Good

```yaml
# calendars.yaml
calendars:
  night-shift: {hours: ["12:00", "21:00"]}
```

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
sla: [{id: follow-up, first_contact: 8 working_hours, calendar: night-shift}]
pools: {public: {label: 公海池}}
```

## Way out

Name it in an SLA or in `time`, or remove it. An SLA that counts plain hours does not look at its
calendar.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.calendars import uses
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find declared calendars that no working time, guard or step goes by."""
    used = {name for name, _, _ in uses(context)}
    for document in context.of_kind("calendars"):
        declared = document.data.get("calendars")
        for name in declared if isinstance(declared, dict) else ():
            if name not in used:
                yield Finding(
                    message=f'nothing counts by the calendar "{name}"',
                    source=document.key(("calendars", name)),
                    rule=name,
                    hint="name it in an SLA or in time:, or remove it",
                )
