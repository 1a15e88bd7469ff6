"""A rule whose `exclusive` group has no other rule.

Of a group the rule with most points counts. Alone in its group, a rule excludes nobody: the name is
misspelt, or the other rules are gone.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: boss, dimension: fit, when: {lead.title_level: c_level}, points: 20, exclusive: title}
      - {id: industry, dimension: fit, when: {lead.industry: 制造业}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: boss, dimension: fit, when: {lead.title_level: c_level}, points: 20, exclusive: title}
      - id: director
        dimension: fit
        when: {lead.title_level: {at_least: director}}
        points: 15
        exclusive: title
    grades: [{grade: A, from: 0}]
```

## Way out

Correct the name, give the other rules the same, or remove it. `leadrules lint --fix` removes it
where no other group has a name like it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from engine.language.diagnostic import Source
from engine.language.lint.context import Context
from engine.language.lint.finding import Edit, Finding
from engine.language.lint.removal import remove
from engine.language.nearest import nearest

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find groups with one member."""
    for model in context.definitions.models:
        sizes = Counter(r.exclusive for r in model.rules if r.exclusive)
        for rule in model.rules:
            if rule.exclusive is None or sizes[rule.exclusive] > 1:
                continue
            like = nearest(rule.exclusive, [g for g in sizes if g != rule.exclusive])
            source = context.below(rule.source, "exclusive")
            hint = f'did you mean "{like}"?' if like else "give another rule the same, or remove it"
            yield Finding(
                message=f'no other rule is in the exclusive group "{rule.exclusive}"; {hint}',
                source=source,
                rule=rule.id,
                hint=hint,
                edits=() if like else _edits(context, source),
            )


def _edits(context: Context, source: Source) -> tuple[Edit, ...]:
    place = context.written(source)
    return remove(*place) if place is not None and place[1][-1] == "exclusive" else ()
