"""A stage that leads can't leave although it is not `final`.

No other stage may be entered from it; at most a person may put the lead back to the first. Its
leads count as open for ever: they take up a salesperson's capacity, and journeys and SLAs go on.

## Bad

```yaml
# lifecycle.yaml
stages:
  - {id: new, label: 新线索}
  - {id: parked, label: 搁置, from: [new]}
  - {id: won, label: 赢单, from: [new], final: true}
```

## Good

```yaml
# lifecycle.yaml
stages:
  - {id: new, label: 新线索}
  - {id: parked, label: 搁置, from: [new]}
  - {id: won, label: 赢单, from: [new, parked], final: true}
```

## Way out

Mark it `final: true`, or name it in the `from` of the stages that may follow.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.funnel import leads_to

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find open stages from which no other may be entered."""
    stages = context.definitions.lifecycle.stages
    for stage in stages:
        if not stage.final and not any(leads_to(stage, other) for other in stages[1:]):
            yield Finding(
                message=f'no stage may follow "{stage.id}", and it is not final',
                source=context.below(stage.source, "id"),
                rule=stage.id,
                hint="mark it final: true, or name it in the from: of another stage",
            )
