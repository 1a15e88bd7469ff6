"""`not` around a field that may be missing, without a word on leads that lack it.

A missing field makes the test inside false, so `not` makes it true: `not: {lead.industry: 教育}`
holds for every lead whose industry is not known, which is often most of them.

## Bad

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted, when: {not: {lead.industry: 教育}}}
    steps: [{id: mail, send: welcome}]
```

## Good

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter:
      event: form_submitted
      when: {lead.industry: {exists: true}, not: {lead.industry: 教育}}
    steps: [{id: mail, send: welcome}]
```

## Way out

Add `exists: true` beside the `not` if leads without the field are not meant. If they are, say so
with `any: [{lead.industry: {exists: false}}, {lead.industry: {ne: 教育}}]`.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.sites import tests, walk
from engine.language.rules import All, AnyOf, Condition, Not, Test

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find negated tests of optional fields, less those that say what a missing field means."""
    for site in context.sites:
        said = _said(site.condition)
        for part in walk(site.condition):
            if not isinstance(part, Not):
                continue
            test = next((t for t in tests(part.item) if _silent(context, t, said)), None)
            if test is not None:
                yield Finding(
                    message=f"not: holds for every lead without {test.fact}",
                    source=part.source,
                    rule=site.rule,
                    hint=f"add {test.fact}: {{exists: true}} beside the not, if they are not meant",
                )


def _silent(context: Context, test: Test, said: frozenset[str]) -> bool:
    return test.op != "exists" and test.fact not in said and context.logic.optional(test.fact)


def _said(condition: Condition) -> frozenset[str]:
    """Return the facts whose absence the condition speaks of."""
    found = {t.fact for t in tests(condition) if t.op == "exists"}
    return frozenset(found | _needed(condition))


def _needed(condition: Condition) -> set[str]:
    """Return the facts without which the condition fails."""
    if isinstance(condition, Test):
        return {condition.fact}
    if isinstance(condition, All):
        return {f for i in condition.items for f in _needed(i)}
    if isinstance(condition, AnyOf):
        return set.intersection(*(_needed(i) for i in condition.items))
    return set()
