"""A field of one's own that holds a telephone number or an address, and is not marked `pii`.

Fields marked `pii` never reach logs and metrics, and are erased when a person asks to be forgotten.
The built-in personal fields are marked.

## Bad

```yaml
# catalog.yaml
fields:
  second_phone: {type: phone, label: 备用手机}
```

## Good

```yaml
# catalog.yaml
fields:
  second_phone: {type: phone, label: 备用手机, pii: true}
```

## Way out

Add `pii: true`. If it is the number of a company and not of a person, write `pii: false`.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"
_PERSONAL = ("phone", "email")


def check(context: Context) -> Iterator[Finding]:
    """Find declared fields of personal types that do not say whether they are personal."""
    for document in context.of_kind("catalog"):
        fields = document.data.get("fields")
        for name, field in fields.items() if isinstance(fields, dict) else ():
            kind = field.get("type") if isinstance(field, dict) else field
            said = isinstance(field, dict) and "pii" in field
            builtin = name in ("phone", "email")
            if kind in _PERSONAL and not said and not builtin:
                yield Finding(
                    message=f'"{name}" is of type {kind} and not marked as personal data',
                    source=document.key(("fields", name)),
                    rule=name,
                    hint="add pii: true",
                )
