"""Points for each occurrence of an event, without limit and for ever.

With `repeat: each`, without `expires` or `decay`, and without a cap of the dimension, the score of
a lead that comes often grows without end. After a year the most faithful reader of the blog
outranks every buyer, and the grades mean nothing any more.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {behavior: {label: 行为属性}}
    rules:
      - {id: viewed, dimension: behavior, event: page_viewed, points: 1, repeat: each}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {behavior: {label: 行为属性, max: 40}}
    rules:
      - {id: viewed, dimension: behavior, event: page_viewed, points: 1, repeat: each}
    grades: [{grade: A, from: 0}]
```

## Way out

Limit it: `repeat: {at_most: 1, per: 1d}`, `expires: 90d`, `decay`, or `max` for the dimension.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find event rules that give points without any limit."""
    for model in context.definitions.models:
        capped = {d.id for d in model.dimensions if d.max is not None}
        for rule in model.rules:
            endless = rule.repeat is not None and rule.repeat.at_most is None
            if not (rule.events and endless) or rule.expires or rule.half_life:
                continue
            if rule.points > 0 and rule.dimension not in capped:
                yield Finding(
                    message=f'the rule "{rule.id}" adds points with every event, without limit '
                    "and for ever",
                    source=context.below(rule.source, "repeat"),
                    rule=rule.id,
                    hint="write repeat: {at_most: 1, per: 1d}, expires: 90d, or max: for the "
                    "dimension",
                )
