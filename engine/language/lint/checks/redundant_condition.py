"""A part of a condition that another part already says.

Beside `gte: 500` the test `gte: 100` does nothing, nor does `exists: true` beside a value. In
`any`, an alternative that is narrower than another one adds nothing. That is harmless, unless one
of the two was meant to be another.

## Bad

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: large, dimension: fit, when: {lead.employees: {gte: 100, gt: 500}}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Good

```yaml
# scoring.yaml
models:
  default:
    dimensions: {fit: {label: 公司属性}}
    rules:
      - {id: large, dimension: fit, when: {lead.employees: {gt: 500}}, points: 10}
    grades: [{grade: A, from: 0}]
```

## Way out

Remove the part. `leadrules lint --fix` removes it where it is an entry of its own. `exists: true`
beside `ne`, `not_in` or `not` is no finding: there it tells the reader what happens to a lead
without the field.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from engine.language.lint.context import Context
from engine.language.lint.finding import Edit, Finding
from engine.language.lint.removal import remove
from engine.language.lint.sites import walk
from engine.language.rules import All, AnyOf, Condition, Not, Test

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find entries of groups that follow from another entry of the same group."""
    for site in context.sites:
        for group in walk(site.condition):
            if isinstance(group, All | AnyOf):
                for part, by in _spare(context, group):
                    yield Finding(
                        message=f"this adds nothing to what stands at line {by.source.line}, "
                        f"column {by.source.column}",
                        source=part.source,
                        rule=site.rule,
                        hint="remove it, or write what it was meant to ask",
                        edits=_edits(context, part),
                    )


def _spare(context: Context, group: All | AnyOf) -> Iterator[tuple[Condition, Condition]]:
    """Yield (part, what makes it superfluous); of two that say the same, the later one."""
    items = [i for i in group.items if _inside(i, group) and context.logic.possible(i)]
    gone: set[int] = set()
    for index in range(len(items) - 1, -1, -1):
        others = [i for i in range(len(items)) if i != index and i not in gone]
        by = next((o for o in others if _covers(context, group, items, o, index)), None)
        if by is not None and not _tells(items[index], items):
            gone.add(index)
            yield items[index], items[by]


def _covers(
    context: Context, group: All | AnyOf, items: Sequence[Condition], by: int, part: int
) -> bool:
    if context.logic.always(items[part]):
        return False
    if isinstance(group, All):
        return context.logic.implies(items[by], items[part])
    return context.logic.implies(items[part], items[by])


def _inside(part: Condition, group: Condition) -> bool:
    """Whether the part stands in the group; a named condition stands elsewhere."""
    a, b = part.source, group.source
    start, end = (a.line, a.column), (a.end_line, a.end_column)
    return a.file == b.file and (b.line, b.column) <= start and end <= (b.end_line, b.end_column)


def _tells(part: Condition, items: Sequence[Condition]) -> bool:
    """Whether ``exists: true`` says what a negation beside it means for a missing field."""
    if not (isinstance(part, Test) and part.op == "exists"):
        return False
    return any(
        isinstance(i, Not) or (isinstance(i, Test) and i.op in ("ne", "not_in")) for i in items
    )


def _edits(context: Context, part: Condition) -> tuple[Edit, ...]:
    place = context.written(part.source)
    return remove(*place) if place is not None and isinstance(part, Test) else ()
