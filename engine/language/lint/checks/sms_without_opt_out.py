"""A marketing message to telephones whose `text` does not say how to refuse further ones.

In China advertising by short message must give the recipient a free way to refuse it, in the
message itself; providers do not approve a template without one. The template that they send must
have the same words.

## Bad

```yaml
# messages.yaml
messages:
  welcome:
    {action: email, channel: sms, to: lead.phone, topic: marketing, label: 新品短信,
     text: 【阀门科技】新品上市，欢迎试用}
```

## Good

```yaml
# messages.yaml
messages:
  welcome:
    {action: email, channel: sms, to: lead.phone, topic: marketing, label: 新品短信,
     text: 【阀门科技】新品上市，欢迎试用，拒收请回复R}
```

## Way out

End the text with such words as 拒收请回复R, 回TD退订 or `reply STOP`. If the message is owed to its
recipient, an order confirmation for example, say so with `kind: transactional`. A message without
`text` is not looked at: its words are with the provider alone.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.sending import TRANSACTIONAL

SEVERITY = "warning"
_CHANNEL: Final = "sms"
# 拒收请回复R, 回TD退订, 退订回T, 回复N, reply STOP, unsubscribe.
_WAY_OUT: Final = re.compile(
    r"退订|拒收|取消订阅|回复?\s*(?:TD|T|N|R)\b|\bstop\b|unsubscribe", re.IGNORECASE
)


def check(context: Context) -> Iterator[Finding]:
    """Find marketing texts without a way to refuse."""
    for message in context.definitions.messages.values():
        if message.channel != _CHANNEL or message.purpose == TRANSACTIONAL:
            continue
        texts = message.wordings.get("text", {})
        lacking = [name for name, each in texts.items() if not _refusable(each.text)]
        if lacking:
            languages = f" ({', '.join(lacking)})" if len(texts) > 1 else ""
            yield Finding(
                message=f'"{message.id}" is advertising by short message and does not say how to '
                f"refuse it{languages}",
                source=message.source,
                rule=message.id,
                hint="end the text with 拒收请回复R, and the provider's template, too",
            )


def _refusable(text: str) -> bool:
    return _WAY_OUT.search(unicodedata.normalize("NFKC", text)) is not None
