"""A journey whose end holds for everybody who enters.

Nobody enters a journey while its `exit` holds. Here every lead that meets `enter` meets `exit` (or
`goal`) as well, so the journey does nothing.

## Bad

```yaml
# journeys.yaml
journeys:
  - id: win-back
    label: 挽回
    enter: {event: page_viewed, when: {stage: [lost, invalid]}}
    exit: {when: {stage: [won, lost, invalid]}}
    steps: [{id: mail, send: welcome}]
```

## Good

```yaml
# journeys.yaml
journeys:
  - id: win-back
    label: 挽回
    enter: {event: page_viewed, when: {stage: [lost, invalid]}}
    exit: {when: {stage: won}}
    steps: [{id: mail, send: welcome}]
```

## Way out

Take from `exit` what `enter` asks for.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "error"


def check(context: Context) -> Iterator[Finding]:
    """Find journeys whose entry implies their exit or goal."""
    logic = context.logic
    for journey in context.definitions.journeys:
        if not logic.possible(journey.when):
            continue
        for name, over in (("exit", journey.exit_when), ("goal", journey.goal_when)):
            if over is not None and logic.implies(journey.when, over):
                yield Finding(
                    message=f"{name} holds for every lead that may enter, so nobody stays",
                    source=over.source,
                    rule=journey.id,
                    hint=f"take from {name} what enter asks for",
                )
