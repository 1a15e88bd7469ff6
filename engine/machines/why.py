"""Why a rule has its effect on a lead, or why not: scores, stages, routes, SLAs, pools, journeys.

Pure. What it says of conditions comes from the closures that the machines run, what it says
of the past from the lead's own state, ledger and log.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, takewhile
from typing import Any, Final

from engine.language.handling import ASSIGNMENT, CONTACTED
from engine.language.instants import format_duration
from engine.machines import lifecycle, why_recycle, why_score
from engine.machines.account import (
    MOST_SEEN,
    Account,
    Case,
    Look,
    Obstacle,
    Past,
    Seen,
    condition_fails,
    nothing_fits,
    nothing_heard,
    overdue,
    said,
)
from engine.machines.state import Assignment, Enrolment, Event, Lead
from engine.network.condition import Compiled
from engine.network.naming import Named
from engine.network.rules import JourneyRule, RecycleRule, RouteRule, Rule, SlaRule, StageRule
from engine.network.ruleset import Ruleset
from engine.network.waking import wakes


def account(ruleset: Ruleset, lead: Lead, past: Past, now: int, named: Named) -> Account:
    """Return why the rule ``named`` has its effect on ``lead`` at ``now``, or why not."""
    case = Case(ruleset, lead, past, now)
    rule = named.rule
    active, effect = _effect(case, rule)
    looks = _looks(case, rule)
    seen = _seen(case, rule)
    return Account(
        kind=named.kind,
        id=named.id,
        name=named.name,
        label=named.label,
        source=named.source,
        at=now,
        active=active,
        effect=effect,
        looks=tuple(looks),
        obstacles=tuple(_obstacles(case, rule, looks, seen)),
        seen=tuple(seen),
        wakes=wakes(ruleset, named),
        timers=tuple(_timers(lead, rule)),
    )


def _effect(case: Case, rule: Any) -> tuple[bool, str]:
    if isinstance(rule, Rule):
        return why_score.effect(case, rule)
    if isinstance(rule, StageRule):
        return _stage_effect(case, rule)
    if isinstance(rule, RouteRule):
        return _route_effect(case.lead.assignment, rule)
    if isinstance(rule, SlaRule):
        return _sla_effect(case.lead, rule)
    if isinstance(rule, RecycleRule):
        return why_recycle.effect(case, rule)
    return _journey_effect(case.lead.journeys.get(rule.id))


def _looks(case: Case, rule: Any) -> list[Look]:
    definition = rule.definition
    events = getattr(definition, "events", ())
    if isinstance(rule, SlaRule):
        looks = case.look("when", rule.when, definition.when)
        return [*looks, *case.look("pause", rule.pause, definition.pause)]
    if not isinstance(rule, JourneyRule):
        return case.look("when", rule.when, definition.when, events)
    return [
        *case.look("enter", rule.when, definition.when, events),
        *case.look("exit", rule.exit_when, definition.exit_when),
        *case.look("goal", rule.goal_when, definition.goal_when),
    ]


def _seen(case: Case, rule: Any) -> list[Seen]:
    if isinstance(rule, Rule):
        return why_score.seen(case, rule)
    if isinstance(rule, RouteRule | SlaRule | RecycleRule):
        return []
    definition = rule.definition
    found = case.heard(definition.events)[:MOST_SEEN]
    return [_judged(case, definition.where, event) for event in found]


def _judged(case: Case, where: Any, event: Event) -> Seen:
    tree = case.where(where, event)
    fits = (tree is None or tree.holds) and not event.history
    outcome = "its properties fit" if fits else "its properties do not fit"
    if event.history:
        outcome = "history is counted and starts nothing"
    return Seen(event.id, event.type, event.at, fits, outcome, tree)


def _obstacles(
    case: Case, rule: Any, looks: Sequence[Look], seen: Sequence[Seen]
) -> Iterator[Obstacle]:
    if isinstance(rule, Rule):
        yield from why_score.obstacles(case, rule, looks, seen)
    elif isinstance(rule, StageRule):
        yield from _stage(case, rule, looks, seen)
    elif isinstance(rule, RouteRule):
        yield from _route(case, rule, looks)
    elif isinstance(rule, SlaRule):
        yield from _sla(case, rule, looks)
    elif isinstance(rule, RecycleRule):
        yield from why_recycle.obstacles(case, rule, looks)
        if rule.definition.idle is None:
            yield from _came_true(case, rule.key, rule.when, ())
    else:
        yield from _journey(case, rule, looks, seen)
    if case.lead.unjudged and not isinstance(rule, RouteRule | SlaRule):
        text = "what history changed is judged with the lead's next live event"
        yield Obstacle("history", text)


def _timers(lead: Lead, rule: Any) -> list[tuple[int, str]]:
    if isinstance(rule, Rule):
        mine = {rule.timer}
    elif isinstance(rule, StageRule):
        mine = {f"stage:{rule.definition.id}"}
    elif isinstance(rule, JourneyRule):
        mine = {f"{kind}:{rule.id}" for kind in ("enter", "journey", "end")}
    elif isinstance(rule, SlaRule):
        id = rule.definition.id
        mine = {n for n in lead.timers if n.startswith(f"sla:{id}:") or n == f"pause:{id}"}
    elif isinstance(rule, RecycleRule):
        mine = {rule.key}
    else:
        mine = set()
    return sorted((due, name) for name, due in lead.timers.items() if name in mine)


def _came_true(
    case: Case, key: str, when: Compiled | None, events: Sequence[str]
) -> Iterator[Obstacle]:
    """Why a condition without an event has not come true: it is an edge, or held all along."""
    if when is None or events:
        return
    since = case.lead.truths.get(key)
    yield from overdue(case.lead, key, case.now)
    if when.edge:
        text = "rises_to and falls_below happen at one instant; the number must cross the mark anew"
        yield Obstacle("edge", text)
    elif since is not None:
        text = f"its condition has held since {said(since)}; it acts when that comes true, once"
        yield Obstacle("held", text)


def _events_fail(events: Sequence[str], seen: Sequence[Seen]) -> Iterator[Obstacle]:
    yield from nothing_heard(events, seen)
    yield from nothing_fits(seen)


# --- stages ----------------------------------------------------------------------------------


def _stage_effect(case: Case, rule: StageRule) -> tuple[bool, str]:
    id = rule.definition.id
    entered = case.lead.stages.get(id)
    if case.lead.facts.get("stage") == id:
        return True, f"the lead is in this stage since {said(entered or case.lead.created_at)}"
    if entered is not None:
        return False, f"the lead was in this stage from {said(entered)} on and has moved on"
    return False, "the lead has not been in this stage"


def _stage(
    case: Case, rule: StageRule, looks: Sequence[Look], seen: Sequence[Seen]
) -> Iterator[Obstacle]:
    definition = rule.definition
    refusal = lifecycle.allowed(case.view, rule)
    if refusal is not None:
        yield Obstacle("from", refusal)
    if case.lead.facts.get("stage") == definition.id:
        return
    if rule.when is None and not definition.events:
        yield Obstacle("by-hand", "nothing enters it by itself; a person moves the lead there")
    yield from condition_fails(looks)
    yield from _events_fail(definition.events, seen)
    yield from _came_true(case, f"stage:{definition.id}", rule.when, definition.events)
    if definition.requires and not definition.events:
        yield Obstacle("requires", f"it requires {', '.join(definition.requires)}")


# --- routes ----------------------------------------------------------------------------------


def _route_effect(assignment: Assignment | None, rule: RouteRule) -> tuple[bool, str]:
    if assignment is None or assignment.rule != rule.definition.id:
        return False, "it did not decide who has the lead"
    whom = assignment.owner or f"the pool {assignment.pool}"
    return True, f"it gave the lead to {whom} at {said(assignment.at)}"


def _route(case: Case, rule: RouteRule, looks: Sequence[Look]) -> Iterator[Obstacle]:
    definition, assignment = rule.definition, case.lead.assignment
    if assignment is None:
        yield Obstacle("not-asked", "no journey has sent this lead to routing yet")
    elif assignment.rule != definition.id:
        yield from _not_chosen(assignment, rule)
    yield from condition_fails(looks)
    if assignment is not None and case.lead.facts.get("owner") is not None:
        yield Obstacle("owned", f"{case.lead.facts['owner']} has the lead and keeps it")


def _not_chosen(assignment: Assignment, rule: RouteRule) -> Iterator[Obstacle]:
    definition = rule.definition
    when = said(assignment.at)
    mine = [t for t in assignment.tried if t.get("rule") == definition.id]
    if not mine:
        first = assignment.rule or "somebody"
        yield Obstacle("earlier", f"at {when} {first} decided before its turn came")
        return
    yield Obstacle("tried", f"at {when}: {mine[0].get('outcome')}")
    for member in assignment.considered:
        if member.get("team") == definition.team and member.get("why_not"):
            yield Obstacle("member", f"{member['member']}: {member['why_not']}")


# --- SLAs ------------------------------------------------------------------------------------


_AT: Final = {ASSIGNMENT: "when a lead is assigned", CONTACTED: "at a contact"}


def _sla_effect(lead: Lead, rule: SlaRule) -> tuple[bool, str]:
    mine = {n: c for n, c in lead.clocks.items() if c.sla == rule.definition.id}
    if not mine:
        return False, "its clocks have not been started"
    told = ", ".join(f"{name} {clock.status}" for name, clock in mine.items())
    return any(c.status == "running" for c in mine.values()), f"its clocks: {told}"


def _sla(case: Case, rule: SlaRule, looks: Sequence[Look]) -> Iterator[Obstacle]:
    yield from condition_fails([look for look in looks if look.role == "when"])
    if rule.definition.id in case.lead.halted:
        since = case.lead.halted[rule.definition.id][0]
        yield Obstacle("paused", f"its clocks stand still since {said(since)}, for its pause holds")
    if case.lead.facts.get("owner") is None:
        yield Obstacle("not-assigned", "nobody has the lead; clocks start when it is given away")
    before = takewhile(lambda other: other is not rule, case.ruleset.slas)
    fitting = [s.definition for s in before if s.when is None or s.when.holds(case.view)]
    for occasion in rule.definition.occasions:
        for first in islice((s for s in fitting if occasion in s.occasions), 1):
            yield Obstacle("earlier", f"{first.id} stands before it and fits too, {_AT[occasion]}")


# --- journeys --------------------------------------------------------------------------------


def _journey_effect(enrolment: Enrolment | None) -> tuple[bool, str]:
    if enrolment is None:
        return False, "the lead has never been in it"
    entered = said(enrolment.entered_at)
    if enrolment.left_at is None:
        return True, f"the lead is in it since {entered}, at step {enrolment.step}"
    left = said(enrolment.left_at)
    return False, f"the lead was in it from {entered} to {left}: {enrolment.reason}"


def _journey(
    case: Case, rule: JourneyRule, looks: Sequence[Look], seen: Sequence[Seen]
) -> Iterator[Obstacle]:
    definition, enrolment = rule.definition, case.lead.journeys.get(rule.id)
    if enrolment is not None and enrolment.left_at is None:
        yield Obstacle("inside", "the lead is in it already")
        return
    if rule.exit_when is not None and rule.exit_when.holds(case.view):
        yield Obstacle("exit", "its exit condition holds, so nobody enters")
    yield from _group(case, rule)
    if enrolment is not None and enrolment.left_at is not None:
        yield from _reentry(case, rule, enrolment.left_at)
    yield from condition_fails([look for look in looks if look.role == "enter"])
    yield from _events_fail(definition.events, seen)
    yield from _came_true(case, f"enter:{rule.id}", rule.when, definition.events)
    for happening in case.past.happenings:
        if happening.kind == "journey_not_entered" and happening.data.get("journey") == rule.id:
            text = f"at {said(happening.at)} it was not entered: {happening.data.get('reason')}"
            yield Obstacle("refused", text)


def _group(case: Case, rule: JourneyRule) -> Iterator[Obstacle]:
    """Say which journey of its group keeps the lead out."""
    mine = rule.definition
    for id, enrolment in case.lead.journeys.items():
        other = case.ruleset.journey_of(id, enrolment.version)
        if mine.group is None or other is None or enrolment.left_at is not None or id == rule.id:
            continue
        if other.definition.group == mine.group and other.definition.priority >= mine.priority:
            text = f"the lead is in {id}, of the same group {mine.group}, which goes first"
            yield Obstacle("group", text)


def _reentry(case: Case, rule: JourneyRule, left_at: int) -> Iterator[Obstacle]:
    reentry = rule.definition.reentry
    if reentry is None:
        yield Obstacle("reentry", "the lead was in it before, and reentry is never")
    elif case.now < left_at + reentry:
        text = f"the lead was in it before; again {format_duration(reentry)} after leaving it"
        yield Obstacle("reentry", text, left_at + reentry)
