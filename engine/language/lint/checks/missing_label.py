"""Something without a `label` among others that have one.

Labels are what people read in the console and in reports; without one they see the id. Where
nothing of a kind has a label, none is missed.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}, behavior: {}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
      - {id: clicked, dimension: behavior, event: email_clicked, points: 5, repeat: once}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}, behavior: {label: 行为属性}}
    rules:
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
      - {id: clicked, dimension: behavior, event: email_clicked, points: 5, repeat: once}
    grades: [{grade: A, from: 0}]
```

## Way out

Add `label: ...`, in any language.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from engine.language.diagnostic import Source
from engine.language.label import Text
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "info"


class _Labelled(Protocol):
    @property
    def id(self) -> str: ...
    @property
    def label(self) -> Text | None: ...
    @property
    def source(self) -> Source: ...


def check(context: Context) -> Iterator[Finding]:
    """Find what people see by its id while its siblings have labels."""
    for what, things in _kinds(context):
        if any(t.label for t in things):
            for thing in things:
                if not thing.label:
                    yield Finding(
                        message=f'the {what} "{thing.id}" has no label, and others have',
                        source=context.below(thing.source, "id"),
                        rule=thing.id,
                        hint="add label:",
                    )


def _kinds(context: Context) -> Iterator[tuple[str, Sequence[_Labelled]]]:
    definitions = context.definitions
    for model in definitions.models:
        yield "dimension", model.dimensions
        yield "rule", model.rules
    yield "stage", definitions.lifecycle.stages
    yield "team", list(definitions.routing.teams.values())
    yield "pool", list(definitions.routing.pools.values())
    yield "journey", definitions.journeys
    yield "message", list(definitions.messages.values())
