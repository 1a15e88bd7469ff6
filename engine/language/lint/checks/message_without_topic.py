"""A message that a journey sends without a `topic`.

Consent is kept by topic: a lead that unsubscribes from `marketing` gets no message of this topic. A
message without one is stopped only by leaving everything, or its channel. The law on personal
information and on electronic mail does not allow that for advertising.

## Bad

```yaml
# messages.yaml
messages:
  welcome: {label: 欢迎邮件, action: email, subject: 欢迎, text: 您好}
```

## Good

```yaml
# messages.yaml
messages:
  welcome: {label: 欢迎邮件, action: email, topic: marketing, subject: 欢迎, text: 您好}
```

## Way out

Give it a topic. If it is owed to its recipient, an order confirmation for example, say so with
`kind: transactional`.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.sending import TRANSACTIONAL

SEVERITY = "warning"


def check(context: Context) -> Iterator[Finding]:
    """Find messages that journeys send and that have no topic."""
    definitions = context.definitions
    sent = {s.with_["message"] for j in definitions.journeys for s in j.steps if s.kind == "send"}
    for message in definitions.messages.values():
        if message.purpose == TRANSACTIONAL:
            continue
        if message.id in sent and message.topic is None:
            yield Finding(
                message=f'"{message.id}" has no topic, so it is sent to those who have '
                "unsubscribed, too",
                source=message.source,
                rule=message.id,
                hint="add topic: marketing, or kind: transactional",
            )
