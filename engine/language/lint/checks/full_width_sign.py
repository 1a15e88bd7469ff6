"""A comma or quotes of a Chinese keyboard in a value of a condition or of a territory.

`[制造业，金融业]` is a list of one value, in which a comma stands; `“制造业”` is a text that begins
with a quotation mark. No lead has such a value.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: [制造业，金融业]}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: [制造业, 金融业]}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Way out

Write a comma and a blank between values, and values without quotes or in `"`.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.reader import Document, Path

SEVERITY = "warning"
_PLACES = frozenset({"when", "where", "cities", "provinces", "industries", "products", "skills"})
_COMMAS = ("，", "、")
_QUOTES = (("“", "”"), ("‘", "’"), ("「", "」"), ("『", "』"))


def check(context: Context) -> Iterator[Finding]:
    """Find values whose full-width signs were meant as YAML's own."""
    theirs = list(context.of_kind("server"))
    for document in context.documents.values():
        if document in theirs:
            continue
        for path in document.values:
            if not _PLACES.isdisjoint(path):
                yield from _value(document, path)


def _value(document: Document, path: Path) -> Iterator[Finding]:
    value = document.value(path)
    if not isinstance(value, str):
        return
    source, is_item = document.at(path), isinstance(path[-1], int)
    comma = next((sign for sign in _COMMAS if sign in value), None)
    if is_item and comma is not None:
        wanted = ", ".join(part.strip() for part in value.split(comma))
        text = f'"{value}" is one value; "{comma}" does not separate two'
        yield Finding(message=text, source=source, hint=f"write [{wanted}]")
    elif any(value.startswith(first) and value.endswith(last) for first, last in _QUOTES):
        text = f"the quotation marks are part of the value {value}; no lead has it so"
        yield Finding(message=text, source=source, hint=f'write {value[1:-1]}, or "{value[1:-1]}"')
