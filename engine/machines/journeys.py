"""Journeys: who enters, what ends them, and the walk from step to step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final

import msgspec

from engine.machines import steps
from engine.machines.state import Enrolment, Event
from engine.machines.work import Occurrence, Work
from engine.network.rules import Check, JourneyRule, StepRule

ENTRY: Final = "enter:"  # before a journey's id: when the clock may make its condition true
MAX_STEPS = 100  # in one go; a loop without a wait stops here, visibly


def end_and_move(work: Work, occurrence: Event | Occurrence | None, changed: set[str]) -> None:
    """Let an occurrence and changed facts end journeys, then move those that are left."""
    if not work.lead.journeys:
        return
    for rule in _active(work):
        if occurrence is not None:
            _end_by_event(work, rule, occurrence)
        if not changed.isdisjoint(rule.end_reads):
            check_end(work, rule)
    for rule in _active(work):
        if occurrence is not None:
            _hear(work, rule, occurrence)
        if not changed.isdisjoint(rule.dates):
            _look_at_date(work, rule, changed)


def _end_by_event(work: Work, rule: JourneyRule, occurrence: Event | Occurrence) -> None:
    definition = rule.definition
    if occurrence.type in definition.exit_events and _fits(work, rule.exit_where):
        leave(work, rule.id, f"exit: {occurrence.type}")
    elif occurrence.type in definition.goal_events and _fits(work, rule.goal_where):
        leave(work, rule.id, f"goal: {occurrence.type}")


def start(work: Work, occurrence: Event | Occurrence | None, changed: set[str]) -> None:
    """Let an occurrence and changed facts start journeys."""
    found: list[JourneyRule] = []
    if occurrence is not None:
        found += work.ruleset.event_journeys.woken(occurrence.type, occurrence.properties)
    found += work.ruleset.state_journeys.woken(changed, work)
    for rule in _in_turn(found):
        if not rule.definition.events:
            judge(work, rule)
        elif _fits(work, rule.where) and (rule.when is None or rule.when.holds(work)):
            enter(work, rule)


def _in_turn(found: Sequence[JourneyRule]) -> Sequence[JourneyRule]:
    """Return journeys as they begin at one instant: of a group the most important one first."""
    if len(found) < 2:
        return found
    groups: dict[str | None, list[JourneyRule]] = {}
    for rule in found:
        groups.setdefault(rule.definition.group, []).append(rule)
    turns = {group: iter(sorted(each, key=attrgetter("order"))) for group, each in groups.items()}
    return [rule if (g := rule.definition.group) is None else next(turns[g]) for rule in found]


def _fits(work: Work, where: Check | None) -> bool:
    """Whether the event at hand has the properties asked for."""
    return where is None or where(work)


def check_end(work: Work, rule: JourneyRule) -> None:
    """Leave a journey whose exit or goal holds; else wait for when the clock may make it so."""
    enrolment = work.lead.journeys.get(rule.id)
    if enrolment is None or enrolment.left_at is not None:
        return
    due: int | None = None
    for word, when in (("exit", rule.exit_when), ("goal", rule.goal_when)):
        if when is None:
            continue
        if when.holds(work):
            leave(work, rule.id, f"{word}: condition")
            return
        look = when.deadline(work) if when.deadline is not None else None
        if look is not None:
            due = look if due is None else min(due, look)
    work.arm(end_timer(rule.id), due)


def entry_due(work: Work, id: str) -> None:
    """The clock may have made a condition true, and at the same instant those of others."""
    due = [name for name, at in work.lead.timers.items() if at <= work.now]
    ids = [id, *(n.removeprefix(ENTRY) for n in due if n.startswith(ENTRY))]
    rules = work.ruleset.journeys
    for rule in _in_turn([rules[each] for each in ids if each in rules]):
        work.arm(f"{ENTRY}{rule.id}", None)
        judge(work, rule)


def judge(work: Work, rule: JourneyRule) -> None:
    """Enter a journey whose condition came true."""
    if rule.when is not None and work.came_true(f"{ENTRY}{rule.id}", rule.when):
        enter(work, rule)


def _active(work: Work) -> Sequence[JourneyRule]:
    definition = work.ruleset.journey_of
    return [
        rule
        for id, enrolment in work.lead.journeys.items()
        if enrolment.left_at is None and (rule := definition(id, enrolment.version)) is not None
    ]


def _rule(work: Work, id: str) -> JourneyRule | None:
    """Return the definition by which the lead is in a journey, None when it is not."""
    enrolment = work.lead.journeys.get(id)
    if enrolment is None or enrolment.left_at is not None:
        return None
    return work.ruleset.journey_of(id, enrolment.version)


def enter(work: Work, rule: JourneyRule, by: str | None = None, again: bool = False) -> None:
    """Start a journey, or note why not; ``by`` is the journey that led here.

    ``again`` begins anew what an edit broke off, whatever reentry says.
    """
    past = work.lead.journeys.get(rule.id)
    rivals = _rivals(work, rule)
    refusal = _refusal(work, rule, None if again else past) or _precedence(rule, rivals)
    if refusal is not None:
        work.happen("journey_not_entered", journey=rule.id, reason=refusal, by=by)
        return
    for rival in rivals:
        leave(work, rival.id, f"gave way to {rule.id}")
    first = next(iter(rule.steps))
    enrolment = Enrolment(
        journey=rule.id,
        entered_at=work.now,
        step=first,
        arrived_at=work.now,
        entered_by=work.event.id,
        version=rule.definition.version,
        variants=past.variants if past is not None else {},
    )
    save(work, enrolment)
    work.happen("journey_entered", journey=rule.id, by=by)
    work.occur("journey_entered", journey=rule.id)
    check_end(work, rule)
    if work.lead.journeys[rule.id].left_at is None:
        walk(work, rule, first)


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


def _rivals(work: Work, rule: JourneyRule) -> list[JourneyRule]:
    """Return the other journeys of its group that the lead is in."""
    group = rule.definition.group
    if group is None:
        return []
    return [r for r in _active(work) if r.id != rule.id and r.definition.group == group]


def _precedence(rule: JourneyRule, rivals: Sequence[JourneyRule]) -> str | None:
    """Return why a journey has to stay behind those of its group that run."""
    for rival in rivals:
        if rival.definition.priority >= rule.definition.priority:
            return f"{rival.id} of the same group goes first"
    return None


def leave(work: Work, id: str, reason: str) -> None:
    """End a journey; nothing of it waits any more."""
    enrolment = work.lead.journeys[id]
    work.arm(timer(id), None)
    work.arm(end_timer(id), None)
    save(work, msgspec.structs.replace(enrolment, step=None, left_at=work.now, reason=reason))
    work.happen("journey_left", journey=id, reason=reason)
    work.occur("journey_left", journey=id, reason=reason)


def timer(journey: str) -> str:
    """Return the name of the deadline of a journey's present step."""
    return f"journey:{journey}"


def end_timer(journey: str) -> str:
    """Return the name of the deadline at which the clock may end a journey."""
    return f"end:{journey}"


def save(work: Work, enrolment: Enrolment) -> None:
    """Write an enrolment, and the fact that tells where the lead is."""
    id = enrolment.journey
    before = work.lead.journeys.get(id)
    work.lead.journeys = {**work.lead.journeys, id: enrolment}
    if before is None or before.step != enrolment.step:
        work.set_fact(f"journey.{id}", enrolment.step)


def walk(work: Work, rule: JourneyRule, target: str | None, there: bool = False) -> None:
    """Run steps from ``target`` on until one waits or the journey ends.

    A lead that is ``there`` already does not arrive anew: a send that was postponed.
    """
    for _ in range(MAX_STEPS):
        step = rule.steps.get(target) if target else None
        if step is None:
            over = target in (None, "end")
            leave(work, rule.id, "completed" if over else f"step {target} is gone")
            return
        if not there:
            _arrive(work, rule, step)
        there = False
        outcome = steps.run(work, rule, step)
        if isinstance(outcome, steps.Waiting):
            work.arm(timer(rule.id), outcome.due)
            return
        if isinstance(outcome, steps.Entering):
            outcome = _hand_over(work, rule, step, outcome.journey)
        target = _pass(work, rule, step, outcome)
        if work.lead.journeys[rule.id].left_at is not None:
            return
    leave(work, rule.id, f"stopped: {MAX_STEPS} steps without a wait")


def _hand_over(work: Work, rule: JourneyRule, step: StepRule, other: str) -> str | None:
    """Enter another journey; one of the same group takes the place of this one."""
    target = work.ruleset.journeys.get(other)
    if target is None:
        text = "there is no such journey any more"
        work.happen("journey_not_entered", journey=other, reason=text, by=rule.id)
    else:
        group = rule.definition.group
        if group is not None and target.definition.group == group and target.id != rule.id:
            leave(work, rule.id, f"went on to {other}")
        enter(work, target, by=rule.id)
    return step.definition.next


def _arrive(work: Work, rule: JourneyRule, step: StepRule) -> None:
    enrolment = work.lead.journeys[rule.id]
    id = step.definition.id
    late = work.now - work.moment
    save(work, msgspec.structs.replace(enrolment, step=id, arrived_at=work.now, late=late))
    work.happen("journey_step", journey=rule.id, step=id, does=step.definition.kind)


def _pass(work: Work, rule: JourneyRule, step: StepRule, target: str | None) -> str | None:
    """Date the step as done and return the next one."""
    enrolment = work.lead.journeys[rule.id]
    done: Mapping[str, int] = {**enrolment.done, step.definition.id: work.now}
    save(work, msgspec.structs.replace(enrolment, done=dict(done)))
    return target if target is not None else step.below


def _hear(work: Work, rule: JourneyRule, occurrence: Event | Occurrence) -> None:
    """Let a waiting step hear an event."""
    enrolment = work.lead.journeys[rule.id]
    step = rule.steps.get(enrolment.step or "")
    if step is None or occurrence.type not in step.definition.events:
        return
    if steps.hears(work, rule, step, occurrence):
        work.arm(timer(rule.id), None)
        work.happen(
            "journey_heard", journey=rule.id, step=step.definition.id, event=occurrence.type
        )
        walk(work, rule, _pass(work, rule, step, step.definition.then))


def _look_at_date(work: Work, rule: JourneyRule, changed: set[str]) -> None:
    """Wait for another day, when the date changed that a step waits for."""
    enrolment = work.lead.journeys[rule.id]
    step = rule.steps.get(enrolment.step or "")
    date = step.definition.date if step is not None else None
    if step is None or date is None or date.fact not in changed:
        return
    outcome = steps.run(work, rule, step)
    if isinstance(outcome, steps.Waiting):
        work.arm(timer(rule.id), outcome.due)
    else:
        assert not isinstance(outcome, steps.Entering)  # a date is waited for by waits alone
        work.arm(timer(rule.id), None)
        walk(work, rule, _pass(work, rule, step, outcome))


def end_due(work: Work, id: str) -> None:
    """The clock may have made an exit or a goal true."""
    rule = _rule(work, id)
    if rule is not None:
        check_end(work, rule)


def timer_due(work: Work, id: str) -> None:
    """A wait is over."""
    rule = _rule(work, id)
    if rule is None:
        return
    enrolment = work.lead.journeys[id]
    step = rule.steps.get(enrolment.step or "")
    if step is None:
        leave(work, id, f"step {enrolment.step} is gone")
        return
    definition = step.definition
    if definition.kind == "send":
        walk(work, rule, definition.id, there=True)
        return
    target = definition.otherwise if definition.events else definition.next
    work.happen("journey_wait_over", journey=rule.id, step=definition.id)
    walk(work, rule, _pass(work, rule, step, target))


def answered(work: Work) -> None:
    """The team machine has answered: whoever waits at a route step goes on."""
    moment = work.moment
    for rule in _active(work):
        enrolment = work.lead.journeys[rule.id]
        step = rule.steps.get(enrolment.step or "")
        if step is not None and step.definition.kind == "route":
            work.moment = work.now - enrolment.late
            walk(work, rule, _pass(work, rule, step, step.definition.next))
    work.moment = moment
