"""`ne` or `not_in` on a field that may be missing, without a word on leads that lack it.

A missing field makes every test false, `ne` and `not_in` too: `lead.industry: {ne: 教育}` does not
hold for a lead whose industry is not known. That surprises those who read it as "everybody but".

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: no-school, dimension: fit, when: {lead.industry: {ne: 教育}}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: no-school, dimension: fit, when: {lead.industry: {exists: true, ne: 教育}}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Way out

Say it: `exists: true` beside it if leads without the field are not meant, or, if they are,
`any: [{lead.industry: {exists: false}}, {lead.industry: {ne: 教育}}]`.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.groups import with_company
from engine.language.rules import Test

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find them, less those beside a test of whether the field is there."""
    for site in context.sites:
        for test, beside in with_company(site.condition):
            if test.op not in ("ne", "not_in") or not context.logic.optional(test.fact):
                continue
            if not any(_says(other, test) for other in beside):
                yield Finding(
                    message=f"{test.fact} {test.op}: does not hold for a lead without {test.fact}",
                    source=test.source,
                    rule=site.rule,
                    hint="add exists: true beside it, or an alternative with exists: false",
                )


def _says(other: Test, test: Test) -> bool:
    return other.fact == test.fact and other.op == "exists"
