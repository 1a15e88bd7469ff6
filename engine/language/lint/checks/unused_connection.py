"""A connection through which nothing is sent.

No message names it as its `action`, no step as its `do`, and it is not the `notify` through which
SLAs remind and digests go out.

## Bad

```yaml
# server.yaml
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
  audit: {plugin: log}
```

## Good

```yaml
# server.yaml
connections:
  email: {plugin: email, host: 127.0.0.1, port: 1025, from: a@example.com}
```

## Way out

Use it, or remove it: its secrets are needed for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.lint.context import Context
from engine.language.lint.finding import Finding

SEVERITY = "warning"
NOTIFY = "notify"


def check(context: Context) -> Iterator[Finding]:
    """Find connections that messages, steps and SLAs do not use."""
    definitions = context.definitions
    steps = [s for j in definitions.journeys for s in j.steps if s.kind == "do"]
    used = {s.with_["connection"] for s in steps}
    used |= {m.action for m in definitions.messages.values()}
    if any(r.do in ("remind", "escalate") for s in definitions.routing.slas for r in s.rungs):
        used.add(NOTIFY)
    people = [m for t in definitions.routing.teams.values() for m in t.members]
    if any(m.notices.digest is not None for m in people):
        used.add(NOTIFY)
    for connection in definitions.server.connections.values():
        if connection.name not in used:
            yield Finding(
                message=f'nothing is sent through the connection "{connection.name}"',
                source=connection.source,
                rule=connection.name,
                hint="name it in a message's action: or a step's do:, or remove it",
            )
