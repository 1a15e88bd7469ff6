"""The lead machine: one event, one decision. Pure; chains forward through the strata.

Strata, in order: facts, scores, grade, lifecycle, journeys. Each sees what those before it
changed; what a later one changes is looked at by the earlier ones in the next round.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from engine.machines import (
    adopting,
    bots,
    clocks,
    journeys,
    lifecycle,
    profile,
    refusals,
    rejudging,
    scoring,
    withdrawing,
)
from engine.machines.arrival import arrival
from engine.machines.people import deals, following, owning, pausing, recycling, todos
from engine.machines.routine import Draft, Longer, Way, routine
from engine.machines.state import STALE, Decision, Event, Lead
from engine.machines.work import Occurrence, Work
from engine.network.rules import Reaction, Rule
from engine.network.ruleset import Ruleset

NONE: Final = Reaction()
# What the clock brings at one millisecond: scores go before stages, these before journeys.
_STRATA: Final = (scoring.EXPIRY, "rule", "stage")
MAX_ROUNDS: Final = 100  # rules that never settle stop here and say so


def new_lead(ruleset: Ruleset, id: str, at: int) -> Lead:
    """Return a lead that nothing has happened to yet."""
    return Lead(id, at, at, ruleset=ruleset.version)


def decide(ruleset: Ruleset, lead: Lead, event: Event, now: int) -> Decision:
    """Return what ``event`` does to ``lead`` at ``now``; neither is changed.

    Deadlines of the lead that have come by ``now`` are met first, each at its own instant.
    History is counted and nothing more; the next live event judges what it changed.
    """
    try:
        way = ruleset.ways[event.type]
    except KeyError:
        way = ruleset.ways[event.type] = _way(ruleset, event.type)
    made = way(lead, event, now)
    if made.__class__ is Decision:
        return made
    return _ended(made) if made.__class__ is Draft else _longer(ruleset, lead, event, now, made)


def _way(ruleset: Ruleset, kind: str) -> Way:
    """Return the shortest way that events of a type may take."""
    reaction = ruleset.reactions.get(kind, NONE)
    if reaction.counts is None or kind in _ACTED_ON:
        return lambda lead, event, now: Longer.AT_LENGTH
    return routine(ruleset, kind, reaction)


def _longer(ruleset: Ruleset, lead: Lead, event: Event, now: int, way: Longer) -> Decision:
    """Decide an event for which the shortest way is too short."""
    reaction = ruleset.reactions.get(event.type, NONE)
    rules = reaction.rules
    found = rules.find(event.properties) if rules is not None else ()
    if way is Longer.ONE_PASS:
        draft = arrival(ruleset, lead, event, now, reaction, found)
        if draft is not None:
            return _ended(draft)
    return decide_at_length(ruleset, lead, event, now, reaction, found)


def _ended(draft: Draft) -> Decision:
    """Settle what a draft may turn; remember a delivery or a click, to tell scanners."""
    if draft.before:
        _settled(draft)
    if draft.event.type in bots.REMEMBERED:
        withdrawing.remember(draft.ruleset, draft.original, draft.decision, draft.event)
    return draft.decision


def _settled(draft: Draft) -> None:
    work = Work(draft.ruleset, draft.original, draft.event, draft.now, draft.decision)
    work.before.update(draft.before)
    if draft.grades is None:
        work.changed.update(draft.before)
        _settle(work, work.event, work.ruleset.reactions.get(work.event.type, NONE))
        return
    carry = set(draft.grades)
    _move(work, None, set(draft.before), carry)
    work.changed = carry & work.ruleset.watched
    _settle_next(work)


def decide_at_length(
    ruleset: Ruleset,
    lead: Lead,
    event: Event,
    now: int,
    reaction: Reaction,
    found: Sequence[Rule],
) -> Decision:
    """Decide any event: the same as `decide`, which knows a shorter way for most events.

    ``reaction`` is that to the event's type, ``found`` are the rules its properties may fire.
    """
    work = Work(ruleset, lead, event, now)
    if STALE in event.screened:  # kept for the record, too old to count
        reaction, found = NONE, ()
    is_new = "stage" not in lead.facts
    if is_new:
        _begin(work)
    elif lead.ruleset != ruleset.version:
        profile.set_aside(work)
        rejudging.adopt(work)
        recycling.adopt(work)
        pausing.adopt(work)
    if work.news:
        _catch_up(work)
    if event.lead or event.screened or event.type in _TOUCHING or lead.clocks:
        _take(work)
    if reaction.feeds:
        _record(work, event, reaction)
    if is_new:
        scoring.judge_all(work, ruleset.held_rules.possible(work))
        work.occur("lead_created")
    if found and not event.bot:
        scoring.score_occurrence(work, event, found)
    if work.changed or work.queue or reaction.moves:
        _settle(work, event, reaction)
    if work.begins and work.news:
        clocks.begin(work)
    if not work.news:
        work.lead.unjudged = {**work.before, **work.lead.unjudged}
    if event.type == bots.CLICKED:
        withdrawing.note(ruleset, lead, work.decision, event)
    return work.decision


def _catch_up(work: Work) -> None:
    """Judge what history left, and meet the deadlines that have come."""
    moment, work.moment = work.moment, work.now
    if work.lead.journeys:
        adopting.adopt(work)
    if work.lead.unjudged:
        _recall(work)
    timers = work.lead.timers
    if timers and min(timers.values()) <= work.now:
        _meet_deadlines(work)
    work.moment = moment


def _begin(work: Work) -> None:
    lifecycle.start(work)
    for name in work.ruleset.scores:
        work.set_fact(name, 0)
    for name in work.ruleset.unprompted:
        work.before.setdefault(name, None)
        work.changed.add(name)


def _recall(work: Work) -> None:
    """Take up what history changed, to judge it now."""
    work.before.update(work.lead.unjudged)
    work.changed.update(work.lead.unjudged)
    work.lead.unjudged = {}


def _meet_deadlines(work: Work) -> None:
    """Run everything that is due, in order of its instant and stratum, as if it ran in time.

    This ends, for whatever a deadline sets in its turn lies later than it.
    """
    while work.lead.timers:
        due, _, name = min((due, _stratum(name), name) for name, due in work.lead.timers.items())
        if due > work.present:
            break
        work.now = work.moment = due
        work.arm(name, None)
        _deadline(work, name)
        if work.changed or work.queue:
            _settle(work, None, NONE)
    work.now = work.present
    work.properties = work.event.properties


def _stratum(name: str) -> int:
    """Return the place of a deadline among those of its millisecond: as the strata are."""
    kind = name.partition(":")[0]
    return _STRATA.index(kind) if kind in _STRATA else len(_STRATA)


def _deadline(work: Work, name: str) -> None:
    kind, _, rest = name.partition(":")
    ruleset = work.ruleset
    if name == scoring.EXPIRY:
        scoring.expire(work)
    elif kind == "rule" and rest in ruleset.rules:
        scoring.judge(work, ruleset.rules[rest])
    elif kind == "stage" and rest in ruleset.stages:
        lifecycle.judge(work, ruleset.stages[rest])
    elif kind == "enter":
        journeys.entry_due(work, rest)
    elif kind == "journey":
        journeys.timer_due(work, rest)
    elif kind == "end":
        journeys.end_due(work, rest)
    elif kind == "sla":
        clocks.timer_due(work, *rest.rsplit(":", 1))
    elif kind == "pause":
        clocks.pause_due(work, rest)
    elif kind == "recycle":
        recycling.timer_due(work, name)
    elif kind == "task":
        todos.timer_due(work, rest)


def _take(work: Work) -> None:
    """Write the fields an event brings, and what people's events say of themselves."""
    event = work.event
    if event.lead:
        profile.take_fields(work, event)
    if event.screened.get("flags"):
        profile.take_flags(work, event)
    if event.type in bots.REMEMBERED:
        work.lead.mail = bots.remembered(work.lead.mail, event)
    if bots.WITHDRAWS in event.screened:
        withdrawing.withdraw(work)
    handle = _EFFECTS.get(event.type)
    if handle is not None:
        handle(work, event.properties)
    if work.news and (work.lead.clocks or event.type in clocks.CONTACT):
        clocks.hear(work, event)


def _stage_changed(work: Work, properties: dict[str, Any]) -> None:
    lifecycle.change_by_person(work, properties.get("to", ""), properties.get("reason"))


def _grade_overridden(work: Work, properties: dict[str, Any]) -> None:
    scoring.override_grade(work, properties.get("grade", ""), properties.get("reason"))


_EFFECTS: Final = {
    **owning.EFFECTS,
    **todos.EFFECTS,
    **following.EFFECTS,
    **deals.EFFECTS,
    "stage_changed": _stage_changed,
    "grade_overridden": _grade_overridden,
    **refusals.EFFECTS,
}
_TOUCHING: Final = frozenset((*bots.REMEMBERED, *_EFFECTS))
_ACTED_ON: Final = frozenset((*_EFFECTS, *clocks.CONTACT))  # the machine itself answers these


def _record(work: Work, event: Event | Occurrence, reaction: Reaction) -> None:
    """Let the windows that want it take the event in, at its own time."""
    if event.bot:
        return
    windows = work.writable_windows()
    for feed in reaction.feeds:
        window = feed.window
        if window.where is not None and not window.where(work):
            continue
        key = window.key
        windows[key] = window.take(windows.get(key), event.at, event.properties, work.now)
        if feed.silences:
            scoring.hear(work, feed.silences, event.at)
        if feed.watched:
            work.changed.add(key)
            if not work.news:
                work.before.setdefault(key, None)


def _settle(work: Work, occurrence: Event | Occurrence | None, reaction: Reaction) -> None:
    """Run rounds until nothing changes any more; the occurrence has been scored already."""
    for _ in range(MAX_ROUNDS):
        work.properties = occurrence.properties if occurrence else {}
        if reaction.moves or not _is_quiet(work):
            _round(work, occurrence if reaction.moves else None)
        else:
            work.changed.clear()
        _end_edges(work)
        if not (work.changed or work.queue):
            return
        occurrence = work.queue.pop(0) if work.queue else None
        reaction = _hear(work, occurrence) if occurrence else NONE
    work.happen("rule_error", reason=f"rules did not settle after {MAX_ROUNDS} rounds")
    work.changed.clear()
    work.queue.clear()


def _settle_next(work: Work) -> None:
    """Run the rounds after one that has been run."""
    _end_edges(work)
    if work.changed or work.queue:
        occurrence = work.queue.pop(0) if work.queue else None
        _settle(work, occurrence, _hear(work, occurrence) if occurrence else NONE)


def _end_edges(work: Work) -> None:
    """Edges are over once every stratum has seen them; those of history are kept."""
    if work.news:
        changed, before = work.changed, work.before
        work.before = {n: before[n] for n in before.keys() & changed} if changed else {}


def _hear(work: Work, occurrence: Event | Occurrence) -> Reaction:
    """Count and score something of the engine's own."""
    reaction = work.ruleset.reactions[occurrence.type]
    work.properties = occurrence.properties
    if reaction.feeds:
        _record(work, occurrence, reaction)
    if reaction.rules is not None:
        found = reaction.rules.find(occurrence.properties)
        scoring.score_occurrence(work, occurrence, found)
    return reaction


def _is_quiet(work: Work) -> bool:
    changed, before = work.changed, work.before
    return not changed or work.ruleset.turns.quiet({n: before.get(n) for n in changed}, work.facts)


def _round(work: Work, occurrence: Event | Occurrence | None) -> None:
    """Let what has changed, and an occurrence that moves, go through the strata once."""
    seen: set[str] = set()
    while work.changed:
        scoring.score_facts(work, _advance(work, seen))
    if seen:
        scoring.regrade(work, seen)
    carry = set(_advance(work, seen))
    if work.news:
        _move(work, occurrence, seen, carry)
    elif occurrence is not None:
        lifecycle.stages_for_occurrence(work, occurrence)
        carry |= _advance(work, seen)
    work.changed = carry & work.ruleset.watched if carry else carry


def _move(
    work: Work, occurrence: Event | Occurrence | None, seen: set[str], carry: set[str]
) -> None:
    """Run the later strata: stages, then journeys. Of these history reaches the stages of events.

    What they change is added to ``carry``, for the next round.
    """
    if occurrence is None and seen.isdisjoint(work.ruleset.moving_facts):
        return
    lifecycle.stages_for_facts(work, seen)
    if occurrence is not None:
        lifecycle.stages_for_occurrence(work, occurrence)
    carry |= _advance(work, seen)
    journeys.end_and_move(work, occurrence, seen)
    journeys.start(work, occurrence, seen)
    recycling.for_facts(work, seen)
    pausing.for_facts(work, seen)
    carry |= work.changed


def _advance(work: Work, seen: set[str]) -> set[str]:
    """Show what one stratum changed to the later ones; return it for the next round."""
    changed = work.changed
    if changed:
        work.changed = set()
        seen |= changed
    return changed
