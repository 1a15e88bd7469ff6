"""The kinds of steps a journey has, one function each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

import msgspec

from engine.language.instants import format_instant
from engine.machines import lifecycle, policy, splits, waits
from engine.machines.people import notes, todos
from engine.machines.state import Delivery, Enrolment, Event, Task
from engine.machines.work import Occurrence, Work
from engine.network.rules import JourneyRule, StepRule

_GONE: Final = "there is no such thing in the configuration any more"


@dataclass(frozen=True)
class Waiting:
    """A step that is not done; ``due`` None waits for an answer only."""

    due: int | None


@dataclass(frozen=True)
class Entering:
    """Another journey is entered, and this one goes on."""

    journey: str


Outcome = Waiting | Entering | str | None  # a step to go to; None: the next one


def run(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    """Run one step."""
    return _KINDS[step.definition.kind](work, rule, step)


def hears(work: Work, rule: JourneyRule, step: StepRule, occurrence: Event | Occurrence) -> bool:
    """Whether a waiting step takes this event for its answer."""
    definition = step.definition
    if occurrence.bot:
        return False
    enrolment = work.lead.journeys[rule.id]
    if occurrence.at < enrolment.arrived_at and definition.of is None:
        return False
    if definition.of is not None and not _is_about(work, rule, definition.of, occurrence):
        return False
    return step.where is None or step.where(work)


def _is_about(work: Work, rule: JourneyRule, of: str, occurrence: Event | Occurrence) -> bool:
    """Whether an event is about the message or the to-do of step ``of`` of this journey."""
    properties = occurrence.properties
    if occurrence.type == "task_completed":
        enrolment = work.lead.journeys[rule.id]
        first = _base(work, enrolment, of)
        again = {f"{first}:{at}" for at in (enrolment.arrived_at, enrolment.done.get(of))}
        # A test of rules names the step, for it does not know the to-do's id.
        return properties.get("task") in {of, first, *again}
    if properties.get("step") is not None:
        return properties.get("journey") == rule.id and properties.get("step") == of
    return properties.get("message") == rule.steps[of].definition.with_.get("message")


def _key(work: Work, rule: JourneyRule, step: StepRule) -> str:
    """Return the idempotency key of what a step does: its own for each visit of a loop."""
    enrolment = work.lead.journeys[rule.id]
    key = _base(work, enrolment, step.definition.id)
    again = step.definition.id in enrolment.done
    return f"{key}:{enrolment.arrived_at}" if again else key


def _base(work: Work, enrolment: Enrolment, step: str) -> str:
    return f"{work.lead.id}:{enrolment.journey}:{step}:{enrolment.entered_by}"


def _send(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    named = step.definition.with_["message"]
    message = work.ruleset.definitions.messages.get(named)
    if message is None:  # an old journey outlives what it sent
        place = {"journey": rule.id, "step": step.definition.id}
        _blocked(work, message=named, **place, reason=_GONE)
        return step.definition.next
    enrolment = work.lead.journeys[rule.id]
    since, due = enrolment.arrived_at - enrolment.late, work.moment
    verdict = policy.judge(work.ruleset, work.lead, message, since, due, work.present)
    about = {"message": message.id, "journey": rule.id, "step": step.definition.id}
    if verdict.until is not None:
        until = format_instant(verdict.until)
        work.happen("message_postponed", **about, reason=verdict.reason, until=until)
        return Waiting(verdict.until)
    reason = verdict.reason
    if reason:
        _blocked(work, **about, reason=reason)
    else:
        work.lead.sends = policy.remembered(work.ruleset, work.lead, message, work.present)
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
            reason=reason,
        )
    )
    return step.definition.next


def _blocked(work: Work, **about: str) -> None:
    """Tell the timeline and the rules of a message that is not sent."""
    work.happen("message_blocked", **about)
    work.occur("message_blocked", **about)


def _do(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    with_ = step.definition.with_
    params: dict[str, Any] = dict(with_.get("with", {}))
    delivery = Delivery(
        key=_key(work, rule, step),
        lead=work.lead.id,
        connection=with_["connection"],
        at=work.now,
        params=params,
        journey=rule.id,
        step=step.definition.id,
    )
    if params.get("to") == "owner":
        notes.by_journey(work, delivery)
    else:
        work.deliver(delivery)
    return step.definition.next


def _task(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    with_ = step.definition.with_
    to = with_.get("to", "owner")
    due = with_.get("due")
    task = Task(
        id=_key(work, rule, step),
        lead=work.lead.id,
        title=with_["title"],
        created_at=work.now,
        owner=work.facts.get("owner") if to == "owner" else to,
        due=waits.deadline(work, due, work.now) if due is not None else None,
        priority=with_.get("priority", "normal"),
        journey=rule.id,
        step=step.definition.id,
    )
    if with_.get("remind"):
        todos.give(work, task)
    else:
        work.give_task(task)
    if step.definition.events:  # its outcome is waited for
        return _wait(work, rule, step)
    return step.definition.next


def _wait(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    definition = step.definition
    due = waits.due(work, work.lead.journeys[rule.id], definition)
    if isinstance(due, str):
        work.happen("journey_wait_over", journey=rule.id, step=definition.id, reason=due)
        return definition.otherwise
    if due <= work.now:
        return definition.otherwise if definition.events else definition.next
    return Waiting(due)


def _branch(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    for when, target in step.cases:
        if when.holds(work):
            return target
    return step.definition.otherwise


def _split(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    id, enrolment = step.definition.id, work.lead.journeys[rule.id]
    assert step.definition.split is not None
    winner = work.ruleset.winners.get((rule.id, id))
    seed, kept = (work.lead.id, rule.id, id), enrolment.variants.get(id)
    dealt = splits.deal(step.definition.split, seed, kept, winner)
    variants = {**enrolment.variants, id: dealt.variant}
    work.lead.journeys = {
        **work.lead.journeys,
        rule.id: msgspec.structs.replace(enrolment, variants=variants),
    }
    work.happen("journey_split", journey=rule.id, step=id, variant=dealt.variant, how=dealt.how)
    return dealt.next


def _enter(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    return Entering(step.definition.with_["journey"])


def _set(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    with_ = step.definition.with_
    tags = with_.get("tags", {})
    if tags:
        add_tags(work, tags.get("add", ()), tags.get("remove", ()))
    for name, value in with_.get("fields", {}).items():
        work.set_fact(f"lead.{name}", value)
    stage = with_.get("stage")
    if stage is not None and stage != work.facts.get("stage"):
        there = work.ruleset.stages.get(stage)
        refusal = lifecycle.allowed(work, there) if there is not None else _GONE
        if refusal is None:
            cause = {"journey": rule.id, "step": step.definition.id}
            lifecycle.enter(work, stage, reason=f"journey {rule.id}", **cause)
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
    if f"score.{work.ruleset.default_model}.{with_['dimension']}" not in work.ruleset.scores:
        work.happen("rule_error", journey=rule.id, step=step.definition.id, reason=_GONE)
        return step.definition.next
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

    Unless a rule says otherwise: the first that fits is not ``sticky``. Two journeys that ask at
    once share one request, so that nobody is assigned twice.
    """
    if work.facts.get("owner") is not None and _keeps(work):
        work.happen("kept_owner", owner=work.facts["owner"], journey=rule.id)
        return step.definition.next
    if not any(r.kind == "assign" for r in work.decision.requests):
        work.request("assign", reason=f"journey {rule.id}")
    return Waiting(None)


def _keeps(work: Work) -> bool:
    """Whether who has the lead keeps it: what the first rule that fits says; the last one does."""
    first = next(r for r in work.ruleset.routes if r.when is None or r.when.holds(work))
    return first.definition.sticky


def _end(work: Work, rule: JourneyRule, step: StepRule) -> Outcome:
    return "end"


_KINDS: Final[dict[str, Callable[[Work, JourneyRule, StepRule], Outcome]]] = {
    "send": _send,
    "do": _do,
    "task": _task,
    "wait": _wait,
    "branch": _branch,
    "split": _split,
    "set": _set,
    "score": _score,
    "route": _route,
    "enter": _enter,
    "end": _end,
}
KINDS: Final = tuple(_KINDS)
