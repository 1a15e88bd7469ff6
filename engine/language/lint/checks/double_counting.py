"""Two rules of one dimension that ask the same, so that it counts twice.

Rules add up. Two that hold for the same leads at the same time are one rule with more points, or
one of the two was meant to ask something else. Different conditions that overlap, such as "at least
manager" and "at least director", are no finding.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: large, dimension: fit, when: {lead.employees: {gte: 500}}, points: 10}
      - {id: big-company, dimension: fit, when: {lead.employees: {gte: 500}}, points: 15}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: large, dimension: fit, when: {lead.employees: {gte: 500}}, points: 10}
      - {id: huge, dimension: fit, when: {lead.employees: {gte: 5000}}, points: 15}
    grades: [{grade: A, from: 0}]
```

## Way out

Remove one, correct one, or let only the higher of them count by giving both the same `exclusive`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import combinations

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.sites import tests
from engine.language.rules import ScoreRule, Test

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find pairs of rules that hold for the same leads and events."""
    for group in _groups(context):
        told: set[str] = set()
        for first, second in combinations(group, 2):
            if second.id not in told and _twice(context, first, second):
                told.add(second.id)
                yield Finding(
                    message=f'the rule "{first.id}" asks the same, so this counts twice',
                    source=context.below(second.source, "when" if second.when else "event"),
                    rule=second.id,
                    hint="remove one, correct one, or give both the same exclusive:",
                )


def _groups(context: Context) -> Iterable[list[ScoreRule]]:
    """Return the rules that score alike and compare the same facts with the same values.

    That leaves out `gte: 500` beside `gt: 499`, and makes a thousand rules no matter.
    """
    groups: dict[object, list[ScoreRule]] = {}
    for model in context.definitions.models:
        for rule in model.rules:
            conditions = [c for c in (rule.when, rule.where) if c is not None]
            key = (
                (model.id, rule.dimension, frozenset(rule.events), rule.repeat),
                (rule.expires, rule.half_life),
                frozenset(said for c in conditions for t in tests(c) for said in _said(t)),
            )
            groups.setdefault(key, []).append(rule)
    return groups.values()


def _said(test: Test) -> Iterator[tuple[str, str]]:
    operands = test.operand if isinstance(test.operand, tuple) else (test.operand,)
    return ((test.fact, repr(operand)) for operand in operands)


def _twice(context: Context, first: ScoreRule, second: ScoreRule) -> bool:
    return (
        (first.exclusive is None or first.exclusive != second.exclusive)
        and context.logic.possible(first.when, first.where)
        and context.logic.same(first.when, second.when)
        and context.logic.same(first.where, second.where)
    )
