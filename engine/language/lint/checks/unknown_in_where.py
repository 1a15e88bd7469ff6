"""A `where` that asks for a journey or message that is not declared.

Events of journeys and messages carry the `journey` and `message` that they are about. A name
that no file declares, because it was misspelt or renamed, never comes, and what waits for it
never happens.

## Bad

```yaml
# lifecycle.yaml
stages:
  - {id: new, label: 新线索}
  - {id: nurturing, label: 培育中, from: [new], event: journey_entered, where: {journey: wellcome}}
  - {id: lost, label: 输单, from: [new, nurturing], final: true}
```

## Good

```yaml
# lifecycle.yaml
stages:
  - {id: new, label: 新线索}
  - {id: nurturing, label: 培育中, from: [new], event: journey_entered, where: {journey: welcome}}
  - {id: lost, label: 输单, from: [new, nurturing], final: true}
```

## Way out

Write the name as it is declared, or ignore the finding with a reason where the events come from
another system that has names of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.sites import tests
from engine.language.nearest import did_you_mean

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find the names that nothing is called, in what is asked of events."""
    declared = {
        "journey": [journey.id for journey in context.definitions.journeys],
        "message": list(context.definitions.messages),
    }
    for site in context.sites:
        if site.role != "where":
            continue
        for test in tests(site.condition):
            kind = test.fact.removeprefix("event.")
            for name in _unknown(test.op, test.operand, declared.get(kind)):
                hint = did_you_mean(name, declared[kind])
                yield Finding(
                    message=f'there is no {kind} "{name}"; {hint}',
                    source=test.source,
                    rule=site.rule,
                    hint=hint,
                )


def _unknown(op: str, operand: Any, declared: Collection[str] | None) -> Iterator[str]:
    """Yield the constants of an equality that are not among the names declared."""
    if declared is not None and op in ("eq", "ne", "in", "not_in"):
        names = operand if isinstance(operand, tuple | list) else (operand,)
        yield from (name for name in names if isinstance(name, str) and name not in declared)
