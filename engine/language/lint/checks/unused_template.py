"""A file in `templates/` that no message uses and no other template includes.

## Bad

```html
<!-- templates/offer.html, and no message has template: offer.html -->
<p>您好</p>
```

## Good

```yaml
# messages.yaml
messages:
  welcome: {label: 欢迎邮件, action: email, topic: marketing, subject: 欢迎, text: 您好}
```

## Way out

Name it in a message, `template: offer.html`, or remove it. To keep it for later, write
`{# leadrules: ignore[unused-template] reason #}` in its first line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from engine.language.diagnostic import Source
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.templates import companion, variants

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find files that neither messages nor other templates name."""
    used = {
        message.get("template")
        for document in context.of_kind("messages")
        for message in (document.data.get("messages") or {}).values()
        if isinstance(message, dict)
    }
    used |= {file for name in used if name for file in _meant(name, context.templates)}
    for name, file in context.templates.items():
        included = any(f'"{name}"' in text or f"'{name}'" in text for text in context.texts)
        if name not in used and not included:
            yield Finding(
                message=f'no message uses the template "{name}"',
                source=Source(file, 1, 1, 1, 1),
                hint=f"write template: {name} in a message, or remove the file",
            )


def _meant(name: str, templates: Iterable[str]) -> Iterator[str]:
    """Yield the files that a template stands for: each language, and the plain text beside it."""
    yield from variants(name, templates).values()
    yield from variants(companion(name), templates).values()
