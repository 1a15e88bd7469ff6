"""A value that stands twice in one list.

`[制造业, 金融业, 制造业]` says 制造业 twice. The second does nothing; perhaps another was
meant.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: [制造业, 汽车, 制造业]}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: [制造业, 汽车, 电子]}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Way out

Remove one, or write the one that was meant. `leadrules lint --fix` removes the second.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.removal import remove
from engine.language.reader import Document, Path

SEVERITY = "warning"
_PAIRS = ("between", "hours")  # from and to, not a choice
_THEIRS = "with"  # what an action's parameters mean is the action's business


def check(context: Context) -> Iterator[Finding]:
    """Find lists of plain values in which one stands twice."""
    theirs = list(context.of_kind("server"))
    for document in context.documents.values():
        if document in theirs:
            continue
        lists: dict[Path, list[object]] = {}
        for path in document.values:
            if path and isinstance(path[-1], int) and not _ordered(path):
                yield from _twice(document, path, lists.setdefault(path[:-1], []))


def _ordered(path: Path) -> bool:
    return path[-2] in _PAIRS or _THEIRS in path


def _twice(document: Document, path: Path, seen: list[object]) -> Iterator[Finding]:
    value = document.value(path)
    if isinstance(value, dict | list):
        return
    if (type(value), value) in seen:
        yield Finding(
            message=f'"{value}" stands in this list already',
            source=document.at(path),
            hint="remove it, or write the value that was meant",
            edits=remove(document, path),
        )
    seen.append((type(value), value))
