"""An ignore of a code that does not exist, or of none at all.

It hides nothing. A bare `# leadrules: ignore` would hide findings that nobody has seen yet, so it
is not taken.

## Bad

```yaml
# messages.yaml
messages:
  welcome:  # leadrules: ignore[unused-mesage] 备用
    {label: 欢迎邮件, action: email, topic: marketing, subject: 欢迎, text: 您好}
```

## Good

```yaml
# messages.yaml
messages:
  welcome: {label: 欢迎, action: email, topic: a, text: 您好}
```

## Way out

Write the code that stands in brackets in the finding. `leadrules docs` lists all codes.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.nearest import did_you_mean

SEVERITY = "error"
LATE = True


def check(context: Context) -> Iterator[Finding]:
    """Find ignores without codes, and codes that are neither a check's nor have hidden anything."""
    for ignore in context.ignores:
        if not ignore.codes:
            yield Finding(
                message="this ignore names no code, so it hides nothing",
                source=ignore.source,
                hint="write # leadrules: ignore[code] reason",
            )
        for code in ignore.codes:
            if code not in context.codes and (ignore, code) not in context.used:
                hint = did_you_mean(code, context.codes)
                yield Finding(
                    message=f'there is no check "{code}"; {hint}', source=ignore.source, hint=hint
                )
