"""A message that no journey sends.

## Bad

```yaml
# messages.yaml
messages:
  welcome: {label: 欢迎邮件, action: email, topic: marketing, subject: 欢迎, text: 您好}
  offer: {label: 优惠, action: email, topic: marketing, subject: 优惠, text: 您好}
```

## Good

```yaml
# messages.yaml
messages:
  welcome: {label: 欢迎邮件, action: email, topic: marketing, subject: 欢迎, text: 您好}
```

## Way out

Send it in a journey, or remove it.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find messages that no step names."""
    definitions = context.definitions
    sent = {s.with_["message"] for j in definitions.journeys for s in j.steps if s.kind == "send"}
    for message in definitions.messages.values():
        if message.id not in sent:
            yield Finding(
                message=f'no journey sends "{message.id}"',
                source=message.source,
                rule=message.id,
                hint="send it in a journey, or remove it",
            )
