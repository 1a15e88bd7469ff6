"""The kinds of steps a journey has, one function each."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from engine.language.definitions import Message, Span
from engine.machines import lifecycle
from engine.machines.state import Delivery, Event, Task
from engine.machines.work import Occurrence, Work
from engine.network.rules import JourneyRule, StepRule


class Waiting(msgspec.Struct, frozen=True):
    """A step that is not done; ``due`` None waits for an answer only."""

    due: int | None


Outcome = Waiting | str | None  # a step to go to; None: the next one


def run(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    """Run one step."""
    return _KINDS[step.definition.kind](work, rule, step)


def hears(work: Work, rule: JourneyRule, step: StepRule, occurrence: Event | Occurrence) -> bool:
    """Whether a waiting step takes this event for its answer."""
    definition = step.definition
    if definition.kind != "wait":
        return False
    if occurrence.bot:
        return False
    enrolment = work.lead.journeys[rule.id]
    if occurrence.at < enrolment.arrived_at and definition.of is None:
        return False
    if definition.of is not None and not _is_about(rule, definition.of, occurrence):
        return False
    return step.where is None or step.where(work)


def _is_about(rule: JourneyRule, of: str, occurrence: Event | Occurrence) -> bool:
    """Whether an event is about the message that step ``of`` of this journey sent."""
    properties = occurrence.properties
    if properties.get("step") is not None:
        return properties.get("journey") == rule.id and properties.get("step") == of
    return properties.get("message") == rule.steps[of].definition.with_.get("message")


def _key(work: Work, rule: JourneyRule, step: StepRule) -> str:
    """Return the idempotency key of what a step does: its own for each visit of a loop."""
    enrolment = work.lead.journeys[rule.id]
    key = f"{work.lead.id}:{rule.id}:{step.definition.id}:{enrolment.entered_by}"
    again = step.definition.id in enrolment.done
    return f"{key}:{enrolment.arrived_at}" if again else key


def _send(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    message = work.ruleset.definitions.messages[step.definition.with_["message"]]
    reason = _blocked(work, message)
    work.deliver(
        Delivery(
            key=_key(work, rule, step),
            lead=work.lead.id,
            connection=message.action,
            at=work.now,
            message=message.id,
            to=work.facts.get(message.to) if message.to else None,
            journey=rule.id,
            step=step.definition.id,
            status="blocked" if reason else "queued",
            reason=reason or "",
        )
    )
    if reason:
        work.happen("message_blocked", message=message.id, journey=rule.id, reason=reason)
    return step.definition.next


def _blocked(work: Work, message: Message) -> str | None:
    """Return why a message may not be sent, None if it may."""
    if message.to and not work.facts.get(message.to):
        return f"the lead has no {message.to}"
    if message.topic and work.facts.get(f"lead.consent.{message.topic}") == "withdrawn":
        return f"consent to {message.topic} is withdrawn"
    if work.present - work.now > message.stale_after:
        return "stale: its moment passed while the engine was not running"
    return None


def _do(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    with_ = step.definition.with_
    params: dict[str, Any] = dict(with_.get("with", {}))
    to_owner = params.get("to") == "owner"
    work.deliver(
        Delivery(
            key=_key(work, rule, step),
            lead=work.lead.id,
            connection=with_["connection"],
            at=work.now,
            params=params,
            audience="owner" if to_owner else "lead",
            to=work.facts.get("owner") if to_owner else None,
            journey=rule.id,
            step=step.definition.id,
        )
    )
    return step.definition.next


def _task(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    with_ = step.definition.with_
    to = with_.get("to", "owner")
    due = with_.get("due")
    work.give_task(
        Task(
            id=_key(work, rule, step),
            lead=work.lead.id,
            title=with_["title"],
            created_at=work.now,
            owner=work.facts.get("owner") if to == "owner" else to,
            due=deadline(work, due, work.now) if due is not None else None,
            priority=with_.get("priority", "normal"),
            journey=rule.id,
            step=step.definition.id,
        )
    )
    return step.definition.next


def deadline(work: Work, span: Span, since: int, calendar: str = "cn") -> int:
    """Return the instant ``span`` after ``since``; working time by the named calendar."""
    if not span.is_working:
        return since + span.ms
    return work.ruleset.calendars[calendar].add(since, span.working, span.unit)


def _wait(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    definition = step.definition
    enrolment = work.lead.journeys[rule.id]
    since = work.now
    if definition.since == "enter":
        since = enrolment.entered_at
    elif definition.since is not None:
        since = enrolment.done.get(definition.since, work.now)
    assert definition.span is not None
    due = deadline(work, definition.span, since)
    if due <= work.now:
        return definition.otherwise if definition.events else definition.next
    return Waiting(due)


def _branch(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    for when, target in step.cases:
        if when.holds(work):
            return target
    return step.definition.otherwise


def _set(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    with_ = step.definition.with_
    tags = with_.get("tags", {})
    if tags:
        add_tags(work, tags.get("add", ()), tags.get("remove", ()))
    for name, value in with_.get("fields", {}).items():
        work.set_fact(f"lead.{name}", value)
    stage = with_.get("stage")
    if stage is not None and stage != work.facts.get("stage"):
        refusal = lifecycle.allowed(work, work.ruleset.stages[stage])
        if refusal is None:
            lifecycle.enter(work, stage, reason=f"journey {rule.id}", rule=step.definition.id)
        else:
            work.happen("stage_refused", to=stage, reason=refusal, journey=rule.id)
    return step.definition.next


def add_tags(work: Work, added: Any, removed: Any = ()) -> None:
    """Add and remove tags, keeping their order and each once."""
    tags = [t for t in work.facts.get("lead.tags", []) if t not in removed]
    tags += [t for t in dict.fromkeys(added) if t not in tags]
    work.set_fact("lead.tags", tags or None)


def _score(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    with_ = step.definition.with_
    work.add_points(
        work.ruleset.default_model,
        with_["dimension"],
        f"{rule.id}.{step.definition.id}",
        with_["points"],
        step.definition.source,
        "journey",
    )
    return step.definition.next


def _route(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    """Ask for an owner and wait for the answer; a lead that has one keeps it.

    Two journeys that ask at once share one request, so that nobody is assigned twice.
    """
    if work.facts.get("owner") is not None:
        work.happen("kept_owner", owner=work.facts["owner"], journey=rule.id)
        return step.definition.next
    if not any(r.kind == "assign" for r in work.decision.requests):
        work.request("assign", reason=f"journey {rule.id}")
    return Waiting(None)


def _end(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    return "end"


_KINDS: Final[dict[str, Callable[[Work, JourneyRule, StepRule], Outcome]]] = {
    "send": _send,
    "do": _do,
    "task": _task,
    "wait": _wait,
    "branch": _branch,
    "set": _set,
    "score": _score,
    "route": _route,
    "end": _end,
}
KINDS: Final = tuple(_KINDS)
