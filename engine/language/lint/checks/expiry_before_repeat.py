"""Points that expire before the rule may give them again.

With `expires: 1d` and `repeat: {at_most: 1, per: 7d}` a lead that comes every day has its points on
one day in seven, and its score goes up and down by itself.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {behavior: {label: 行为属性}}
    rules:
      - id: viewed
        dimension: behavior
        event: page_viewed
        points: 5
        repeat: {at_most: 1, per: 7d}
        expires: 1d
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {behavior: {label: 行为属性}}
    rules:
      - id: viewed
        dimension: behavior
        event: page_viewed
        points: 5
        repeat: {at_most: 1, per: 1d}
        expires: 7d
    grades: [{grade: A, from: 0}]
```

## Way out

Let the points live at least as long as the period, or shorten the period.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.instants import format_duration
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find rules whose `expires` is shorter than the period of their `repeat`."""
    for model in context.definitions.models:
        for rule in model.rules:
            per = rule.repeat.per if rule.repeat else None
            if per is None or rule.expires is None or rule.expires >= per:
                continue
            yield Finding(
                message=f"the points expire after {format_duration(rule.expires)} and come again "
                f"after {format_duration(per)} at the earliest",
                source=context.below(rule.source, "expires"),
                rule=rule.id,
                hint="lengthen expires:, or shorten per:",
            )
