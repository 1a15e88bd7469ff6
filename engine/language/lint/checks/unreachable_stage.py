"""A stage that no lead can get into.

Neither a rule nor a person may take a lead there: each stage in its `from` is out of reach itself,
or is the stage itself.

## Bad

```yaml
# lifecycle.yaml
stages:
  - {id: new, label: 新线索}
  - {id: trial, label: 试用, from: [pilot]}
  - {id: pilot, label: 试点, from: [trial]}
  - {id: won, label: 赢单, final: true}
```

## Good

```yaml
# lifecycle.yaml
stages:
  - {id: new, label: 新线索}
  - {id: trial, label: 试用, from: [new]}
  - {id: pilot, label: 试点, from: [trial]}
  - {id: won, label: 赢单, final: true}
```

## Way out

Add the stage from which leads come to `from`. Without `from`, a stage may be entered from any that
is not final.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.funnel import reachable

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find stages to which no way leads from the first one."""
    stages = context.definitions.lifecycle.stages
    known = reachable(stages)
    for stage in stages:
        if stage.id not in known:
            yield Finding(
                message=f'no way leads from "{stages[0].id}" to "{stage.id}"',
                source=context.below(stage.source, "from"),
                rule=stage.id,
                hint="add the stage from which leads come to from:",
            )
