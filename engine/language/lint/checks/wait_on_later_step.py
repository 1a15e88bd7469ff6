"""A wait `of` or `since` a step that does not come before it.

`of` hears only events about the message of that step; if it was not sent, there are none. `since`
counts from the end of that step; if there was none, from now.

## Bad

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted}
    steps:
      - {id: opened, wait: {event: email_opened, of: mail, within: 2d}}
      - {id: mail, send: welcome}
```

## Good

```yaml
# journeys.yaml
journeys:
  - id: hello
    label: 欢迎
    enter: {event: form_submitted}
    steps:
      - {id: mail, send: welcome}
      - {id: opened, wait: {event: email_opened, of: mail, within: 2d}, then: end, else: call}
      - {id: call, task: {title: 电话回访}}
```

## Way out

Name a step that comes before, and for `of` one that sends something.
"""

from __future__ import annotations

from collections.abc import Iterator

from engine.language.handling import Journey, Step
from engine.language.lint.context import Context
from engine.language.lint.finding import Finding
from engine.language.lint.paths import before

SEVERITY = "error"
_SENDING = ("send", "do")


def check(context: Context) -> Iterator[Finding]:
    """Find waits whose `of` or `since` can't have happened."""
    for journey in context.definitions.journeys:
        for step in journey.steps:
            yield from _of(context, journey, step)
            if step.since not in (None, "enter") and step.since not in before(journey, step.id):
                yield Finding(
                    message=f'"{step.since}" does not come before "{step.id}", so this counts '
                    "from now",
                    source=context.below(step.source, "wait", "since"),
                    rule=journey.id,
                    hint="name a step that comes before, or enter",
                )


def _of(context: Context, journey: Journey, step: Step) -> Iterator[Finding]:
    target = journey.step(step.of) if step.of and step.kind == "wait" else None
    if target is None:
        return
    source = context.below(step.source, "wait", "of")
    known = (*_SENDING, "task") if "task_completed" in step.events else _SENDING
    if target.kind not in known:
        text = f'"{target.id}" sends nothing, so nothing can be heard of it'
    elif target.id not in before(journey, step.id):
        text = f'"{target.id}" does not come before "{step.id}", so nothing can be heard of it'
    else:
        return
    yield Finding(
        message=text, source=source, rule=journey.id, hint="name a send step that comes before"
    )
