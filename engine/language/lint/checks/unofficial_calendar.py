"""A working calendar without official data for the year that begins.

China's holidays and make-up working days (调休) are announced each autumn for the next year. Beyond
the last year announced, a calendar goes by the lunar calendar and knows no make-up days, so
deadlines in working time may be days off. The finding appears from December on, with `validate` and
`serve` too.

In the first year without data it is information: it comes with the date and not with anybody's
change, so it fails no run with `--fail-on warning` while an update is on its way. From the second
year on it is a warning.

## Bad

```yaml
# routing.yaml
teams:
  east: {label: 华东区销售, members: [{id: chen.jing}]}
rules:
  - {id: expo, when: {lead.source: 华东区线下展会}, assign: {team: east}}
  - {id: rest, assign: {pool: public}}
sla: [{id: follow-up, first_contact: 24 working_hours, calendar: cn}]
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
sla: [{id: follow-up, first_contact: 24 working_hours, calendar: cn}]
pools: {public: {label: 公海池}}
```

```yaml
# calendars.yaml
calendars:
  cn: {official_until: 2032, off: [2032-01-01, 2032-02-11], work: [2032-02-14]}
```

## Way out

Update leadrules, which brings the announced days. Or write the days into `calendars.yaml` and say
with `official_until` how far they go.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.instants import DAY, to_datetime
from engine.language.lint.calendars import uses
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "info"
DATED = True
_AHEAD = 31 * DAY


def check(context: Context) -> Iterator[Finding]:
    """Find calendars in use whose data end before the month ahead does."""
    today = to_datetime(context.now).year
    year = to_datetime(context.now + _AHEAD).year
    for name, source, rule in uses(context):
        calendar = context.definitions.calendars.get(name)
        until = calendar.official_until if calendar else None
        if until is not None and year > until:
            yield Finding(
                message=f'the calendar "{name}" has official data up to {until}; those of {year} '
                "are guessed",
                source=source,
                rule=rule,
                hint="update leadrules, or write the days into calendars.yaml",
                severity="warning" if today > until + 1 else None,
            )
