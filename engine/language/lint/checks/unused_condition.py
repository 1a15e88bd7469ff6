"""A named condition that no rule uses.

Named conditions do nothing by themselves. One that nobody uses is left over, or a rule that was to
use it was forgotten.

## Bad

```yaml
# scoring.yaml
conditions:
  manufacturing: {lead.industry: [制造业, 汽车]}
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules: [{id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}]
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
conditions:
  manufacturing: {lead.industry: [制造业, 汽车]}
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules: [{id: industry, dimension: fit, when: {use: manufacturing}, points: 10}]
    grades: [{grade: A, from: 0}]
```

## Way out

Use it with `use: NAME`, or remove it.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find the names that no `use:` mentions; one used by an unused one counts as used."""
    documents = list(context.documents.values())
    used = {
        data
        for document in documents
        for path in document.values
        if path and path[-1] == "use"
        for data in [document.value(path)]
        if isinstance(data, str)
    }
    for document in documents:
        named = document.data.get("conditions") if isinstance(document.data, dict) else None
        for name in named if isinstance(named, dict) else ():
            if name not in used:
                yield Finding(
                    message=f'nothing uses the condition "{name}"',
                    source=document.key(("conditions", name)),
                    rule=name,
                    hint=f"write use: {name} where it is meant, or remove it",
                )
