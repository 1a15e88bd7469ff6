"""A threshold, or a score that a rule waits for, that no lead can reach.

`thresholds` and conditions such as `score.total: {rises_to: 80}` name a score above the most that
all rules can give together.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 50}
    grades: [{grade: A, from: 0}]
    thresholds: {mql: 50, sql: 80}
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 50}
      - {id: director, dimension: fit, when: {lead.title_level: director}, points: 30}
    grades: [{grade: A, from: 0}]
    thresholds: {mql: 50, sql: 80}
```

## Way out

Lower it, or give more points. The message says what the rules give at most.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.scores import Range, of_dimension, of_model
from engine.language.lint.sites import tests
from engine.language.rules import Model, Test

SEVERITY = "error"
_WANTS = ("gt", "gte", "eq", "rises_to")


def check(context: Context) -> Iterator[Finding]:
    """Find thresholds and bounds in conditions above the highest score."""
    reach = {fact: r for model in context.definitions.models for fact, r in _facts(context, model)}
    for model in context.definitions.models:
        high = reach[f"score.{model.id}.total"].high
        for name, value in model.thresholds.items():
            if value > high:
                yield Finding(
                    message=f"the threshold {name} is {value:g}, and the rules of model "
                    f'"{model.id}" give at most {high:g}',
                    source=context.below(model.source, "thresholds", name),
                    hint="lower it, or give more points",
                )
    for site in context.sites:
        for test in tests(site.condition):
            if _beyond(test, reach):
                yield Finding(
                    message=f"{test.fact} never gets to {test.operand:g}; the rules give at most "
                    f"{reach[test.fact].high:g}",
                    source=test.source,
                    rule=site.rule,
                    hint="lower it, or give more points",
                )


def _facts(context: Context, model: Model) -> Iterator[tuple[str, Range]]:
    yield f"score.{model.id}.total", of_model(context.definitions, context.logic, model)
    for d in model.dimensions:
        reach = of_dimension(context.definitions, context.logic, model, d)
        yield f"score.{model.id}.{d.id}", reach


def _beyond(test: Test, reach: Mapping[str, Range]) -> bool:
    if test.fact not in reach or test.op not in _WANTS or not isinstance(test.operand, int | float):
        return False
    high = reach[test.fact].high
    return test.operand > high or (test.op == "gt" and test.operand >= high)
