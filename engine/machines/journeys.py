"""Journeys: who enters, what ends them, and the walk from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from engine.machines import steps
from engine.machines.state import Enrolment, Event
from engine.machines.work import Occurrence, Work
from engine.network.rules import Check, JourneyRule, StepRule

MAX_STEPS = 100  # in one go; a loop without a wait stops here, visibly


def journeys_for_occurrence(work: Work, occurrence: Event | Occurrence) -> None:
    """Let an occurrence end, move and start journeys, in that order."""
    for rule in _active(work):
        definition = rule.definition
        if occurrence.type in definition.exit_events and _fits(work, rule.exit_where):
            leave(work, rule, f"exit: {occurrence.type}")
        elif occurrence.type in definition.goal_events and _fits(work, rule.goal_where):
            leave(work, rule, f"goal: {occurrence.type}")
        else:
            _hear(work, rule, occurrence)
    for rule in work.ruleset.event_journeys.woken(occurrence.type, occurrence.properties):
        if not _fits(work, rule.where):
            continue
        if rule.when is not None and not rule.when.holds(work):
            continue
        enter(work, rule)


def _fits(work: Work, where: Check | None) -> bool:
    """Whether the event at hand has the properties asked for."""
    return where is None or where(work)


def journeys_for_facts(work: Work, changed: set[str]) -> None:
    """Let changed facts end and start journeys."""
    for rule in _active(work):
        if not changed.isdisjoint(rule.end_reads):
            check_end(work, rule)
    for rule in work.ruleset.state_journeys.woken(changed, work):
        judge(work, rule)


def check_end(work: Work, rule: JourneyRule) -> None:
    """Leave a journey whose exit or goal holds; else wait for when the clock may make it so."""
    enrolment = work.lead.journeys.get(rule.id)
    if enrolment is None or enrolment.left_at is not None:
        return
    dues = []
    for word, when in (("exit", rule.exit_when), ("goal", rule.goal_when)):
        if when is None:
            continue
        if when.holds(work):
            leave(work, rule, f"{word}: condition")
            return
        if when.deadline is not None:
            dues.append(when.deadline(work))
    work.arm(_end_timer(rule.id), min((d for d in dues if d is not None), default=None))


def judge(work: Work, rule: JourneyRule) -> None:
    """Enter a journey whose condition came true."""
    if rule.when is not None and work.came_true(f"enter:{rule.id}", rule.when):
        enter(work, rule)


def _active(work: Work) -> Sequence[JourneyRule]:
    if not work.lead.journeys:
        return ()
    known = work.ruleset.journeys
    return [
        known[id]
        for id, enrolment in work.lead.journeys.items()
        if enrolment.left_at is None and id in known
    ]


def enter(work: Work, rule: JourneyRule) -> None:
    """Start a journey, or note why not."""
    past = work.lead.journeys.get(rule.id)
    refusal = _refusal(work, rule, past)
    if refusal is not None:
        work.happen("journey_not_entered", journey=rule.id, reason=refusal)
        return
    first = next(iter(rule.steps))
    enrolment = Enrolment(rule.id, work.now, first, work.now, entered_by=work.event.id)
    _save(work, enrolment)
    work.happen("journey_entered", journey=rule.id)
    work.occur("journey_entered", journey=rule.id)
    check_end(work, rule)
    if work.lead.journeys[rule.id].left_at is None:
        _walk(work, rule, first)


def _refusal(work: Work, rule: JourneyRule, past: Enrolment | None) -> str | None:
    if rule.exit_when is not None and rule.exit_when.holds(work):
        return "its exit condition holds"
    if past is None:
        return None
    if past.left_at is None:
        return "already in it"
    reentry = rule.definition.reentry
    if reentry is None:
        return "was in it before and reentry is never"
    if work.now < past.left_at + reentry:
        return "was in it too recently"
    return None


def leave(work: Work, rule: JourneyRule, reason: str) -> None:
    """End a journey; nothing of it waits any more."""
    enrolment = work.lead.journeys[rule.id]
    work.arm(_timer(rule.id), None)
    work.arm(_end_timer(rule.id), None)
    _save(work, msgspec.structs.replace(enrolment, step=None, left_at=work.now, reason=reason))
    work.happen("journey_left", journey=rule.id, reason=reason)
    work.occur("journey_left", journey=rule.id, reason=reason)


def _timer(journey: str) -> str:
    return f"journey:{journey}"


def _end_timer(journey: str) -> str:
    return f"end:{journey}"


def _save(work: Work, enrolment: Enrolment) -> None:
    work.lead.journeys = {**work.lead.journeys, enrolment.journey: enrolment}
    work.set_fact(f"journey.{enrolment.journey}", enrolment.step)


def _walk(work: Work, rule: JourneyRule, target: str | None) -> None:
    """Run steps from ``target`` on until one waits or the journey ends."""
    for _ in range(MAX_STEPS):
        step = rule.steps.get(target) if target else None
        if step is None:
            leave(work, rule, "completed" if target in (None, "end") else f"step {target} is gone")
            return
        _arrive(work, rule, step)
        outcome = steps.run(work, rule, step)
        if isinstance(outcome, steps.Waiting):
            work.arm(_timer(rule.id), outcome.due)
            return
        target = _pass(work, rule, step, outcome)
        if work.lead.journeys[rule.id].left_at is not None:
            return
    leave(work, rule, f"stopped: {MAX_STEPS} steps without a wait")


def _arrive(work: Work, rule: JourneyRule, step: StepRule) -> None:
    enrolment = work.lead.journeys[rule.id]
    id = step.definition.id
    _save(work, msgspec.structs.replace(enrolment, step=id, arrived_at=work.now))
    work.happen("journey_step", journey=rule.id, step=id, does=step.definition.kind)


def _pass(work: Work, rule: JourneyRule, step: StepRule, target: str | None) -> str | None:
    """Date the step as done and return the next one."""
    enrolment = work.lead.journeys[rule.id]
    done: Mapping[str, int] = {**enrolment.done, step.definition.id: work.now}
    _save(work, msgspec.structs.replace(enrolment, done=dict(done)))
    return target if target is not None else step.below


def _hear(work: Work, rule: JourneyRule, occurrence: Event | Occurrence) -> None:
    """Let a waiting step hear an event."""
    enrolment = work.lead.journeys[rule.id]
    step = rule.steps.get(enrolment.step or "")
    if step is None or occurrence.type not in step.definition.events:
        return
    if steps.hears(work, rule, step, occurrence):
        work.arm(_timer(rule.id), None)
        work.happen(
            "journey_heard", journey=rule.id, step=step.definition.id, event=occurrence.type
        )
        _walk(work, rule, _pass(work, rule, step, step.definition.then))


def timer_due(work: Work, rule: JourneyRule) -> None:
    """A wait is over."""
    enrolment = work.lead.journeys.get(rule.id)
    if enrolment is None or enrolment.left_at is not None:
        return
    step = rule.steps.get(enrolment.step or "")
    if step is None:
        leave(work, rule, f"step {enrolment.step} is gone")
        return
    definition = step.definition
    target = definition.otherwise if definition.events else definition.next
    work.happen("journey_wait_over", journey=rule.id, step=definition.id)
    _walk(work, rule, _pass(work, rule, step, target))


def answered(work: Work) -> None:
    """The team machine has answered: whoever waits at a route step goes on."""
    for rule in _active(work):
        step = rule.steps.get(work.lead.journeys[rule.id].step or "")
        if step is not None and step.definition.kind == "route":
            _walk(work, rule, _pass(work, rule, step, step.definition.next))
