"""An ignore that hides nothing any more.

What it was about has been mended, or it stands on another line than the finding. Left there, it
would hide the next finding of its kind.

## Bad

```yaml
# messages.yaml
messages:
  welcome:  # leadrules: ignore[message-without-topic] 通知
    {label: 欢迎邮件, action: email, topic: marketing, subject: 欢迎, text: 您好}
```

## Good

```yaml
# messages.yaml
messages:
  welcome: {label: 欢迎, action: email, topic: a, text: 您好}
```

## Way out

Remove it; `leadrules lint --fix` does. Or move it to the line that the finding names.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.diagnostic import Source
from engine.language.lint.context import Context
from engine.language.lint.finding import Edit, Finding
from engine.language.lint.ignores import Ignore

SEVERITY = "warning"
LATE = True


def check(context: Context) -> Iterator[Finding]:
    """Find codes of ignores that have hidden no finding."""
    for ignore in context.ignores:
        known = [c for c in ignore.codes if c in context.codes]
        idle = [c for c in known if (ignore, c) not in context.used]
        if idle:
            yield Finding(
                message=f"no finding {' or '.join(idle)} is on this line",
                source=ignore.source,
                hint="remove it, or move it to the line of the finding",
                edits=_edits(context, ignore, idle),
            )


def _edits(context: Context, ignore: Ignore, idle: list[str]) -> tuple[Edit, ...]:
    """Remove the comment, or the idle ones among its codes."""
    document = context.documents.get(ignore.source.file)
    if document is None:  # a template
        return ()
    source, line = ignore.source, document.lines[ignore.source.line - 1]
    left = [c for c in ignore.codes if c not in idle]
    if left:
        kept = f"# leadrules: ignore[{', '.join(left)}] {ignore.reason}".rstrip()
        return (Edit(source, kept),)
    before = line[: source.column - 1].rstrip()
    if not before:
        return (Edit(Source(source.file, source.line, 1, source.line + 1, 1)),)
    return (
        Edit(Source(source.file, source.line, len(before) + 1, source.end_line, source.end_column)),
    )
