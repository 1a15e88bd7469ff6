"""The lead machine: one event, one decision. Pure; chains forward through the strata.

Strata, in order: facts, scores, grade, lifecycle, journeys. Each sees what those before it
changed; what a later one changes is looked at by the earlier ones in the next round.
"""

from __future__ import annotations

from typing import Any, Final

from engine.machines import clocks, journeys, lifecycle, scoring
from engine.machines.state import Assignment, Decision, Event, Lead
from engine.machines.steps import add_tags
from engine.machines.work import Occurrence, Work
from engine.network.ruleset import Ruleset

MAX_ROUNDS: Final = 100  # rules that never settle stop here and say so


def new_lead(ruleset: Ruleset, id: str, at: int) -> Lead:
    """Return a lead that nothing has happened to yet."""
    return Lead(id, at, at, ruleset=ruleset.version)


def decide(ruleset: Ruleset, lead: Lead, event: Event, now: int) -> Decision:
    """Return what ``event`` does to ``lead`` at ``now``; neither is changed.

    Deadlines of the lead that have come by ``now`` are met first, each at its own instant.
    History is counted and nothing more; the next live event judges what it changed.
    """
    work = Work(ruleset, lead, event, now)
    is_new = "stage" not in lead.facts
    if is_new:
        _begin(work)
    elif lead.ruleset != ruleset.version:
        scoring.adopt(work)
    if work.news:
        _recall(work)
        if lead.timers and min(lead.timers.values()) <= now:
            _meet_deadlines(work)
    _take(work)
    if event.type != "timer_due":
        _record(work, event)
    if is_new:
        for rule in ruleset.initial_rules:
            scoring.judge(work, rule)
        work.occur("lead_created")
    if event.type in ruleset.listened:
        work.queue.append(event)
    _settle(work)
    if not work.news:
        _remember(work)
    return work.decision


def _begin(work: Work) -> None:
    lifecycle.start(work)
    for model in work.ruleset.models.values():
        for name in (*(d.id for d in model.dimensions), "total"):
            work.set_fact(f"score.{model.id}.{name}", 0)


def _recall(work: Work) -> None:
    """Take up what history changed, to judge it now."""
    if work.lead.unjudged:
        work.before.update(work.lead.unjudged)
        work.changed.update(work.lead.unjudged)
        work.lead.unjudged = {}


def _remember(work: Work) -> None:
    work.lead.unjudged = {**work.before, **work.lead.unjudged}


def _meet_deadlines(work: Work) -> None:
    """Run everything that is due, in order of its instant, as if it ran in time."""
    for _ in range(10 * MAX_ROUNDS):
        timers = work.lead.timers
        due, name = min(((due, name) for name, due in timers.items()), default=(None, ""))
        if due is None or due > work.present:
            break
        work.now = due
        work.arm(name, None)
        _deadline(work, name)
        _settle(work)
    work.now = work.present


def _deadline(work: Work, name: str) -> None:
    kind, _, rest = name.partition(":")
    ruleset = work.ruleset
    if name == scoring.EXPIRY:
        scoring.expire(work)
    elif kind == "rule" and rest in ruleset.rules:
        scoring.judge(work, ruleset.rules[rest])
    elif kind == "stage" and rest in ruleset.stages:
        lifecycle.judge(work, ruleset.stages[rest])
    elif kind == "enter" and rest in ruleset.journeys:
        journeys.judge(work, ruleset.journeys[rest])
    elif kind == "journey" and rest in ruleset.journeys:
        journeys.timer_due(work, ruleset.journeys[rest])
    elif kind == "end" and rest in ruleset.journeys:
        journeys.check_end(work, ruleset.journeys[rest])
    elif kind == "sla":
        clocks.timer_due(work, *rest.rsplit(":", 1))


def _take(work: Work) -> None:
    """Write the fields an event brings, and what people's events say of themselves."""
    event = work.event
    if event.lead:
        _take_fields(work, event)
    handle = _EFFECTS.get(event.type)
    if handle is not None:
        handle(work, event.properties)
    if work.lead.clocks and work.news:
        clocks.hear(work, event)


def _take_fields(work: Work, event: Event) -> None:
    """The latest value wins; an event older than the profile only fills gaps."""
    late = event.at < work.lead.profile_at
    work.lead.profile_at = max(event.at, work.lead.profile_at)
    for name, value in event.lead.items():
        if name == "tags":
            add_tags(work, value)
        elif not (late and f"lead.{name}" in work.facts):
            work.set_fact(f"lead.{name}", value)
            for derived in work.ruleset.derived_from.get(name, ()):
                if derived not in event.lead:
                    work.set_fact(f"lead.{derived}", None)


def _assigned(work: Work, properties: dict[str, Any]) -> None:
    for name in ("owner", "team", "pool"):
        work.set_fact(name, properties.get(name))
    work.lead.assignment = Assignment(
        work.now,
        properties.get("owner"),
        properties.get("team"),
        properties.get("pool"),
        properties.get("rule"),
        properties.get("reason", ""),
        properties.get("tried", []),
        properties.get("considered", []),
    )
    if properties.get("owner"):
        clocks.start(work)
    journeys.answered(work)


def _released(work: Work, properties: dict[str, Any]) -> None:
    clocks.stop(work, properties.get("reason", "released"))
    _assigned(work, {**properties, "owner": None, "team": None})


def _stage_changed(work: Work, properties: dict[str, Any]) -> None:
    lifecycle.change_by_person(work, properties.get("to", ""), properties.get("reason"))


def _grade_overridden(work: Work, properties: dict[str, Any]) -> None:
    scoring.override_grade(work, properties.get("grade", ""), properties.get("reason"))


def _unsubscribed(work: Work, properties: dict[str, Any]) -> None:
    work.set_fact(f"lead.consent.{properties.get('topic') or 'marketing'}", "withdrawn")


_EFFECTS: Final = {
    "lead_assigned": _assigned,
    "lead_released": _released,
    "stage_changed": _stage_changed,
    "grade_overridden": _grade_overridden,
    "unsubscribed": _unsubscribed,
}


def _record(work: Work, event: Event | Occurrence) -> None:
    """Let the windows that want it take the event in, at its own time."""
    if event.bot:
        return
    for window in work.ruleset.windows_of.get(event.type, ()):
        if window.where is not None and not window.where(work):
            continue
        key = window.key
        state = window.take(work.windows.get(key), event.at, event.properties, work.now)
        work.set_window(key, state)
        scoring.hear(work, key)
        if key in work.ruleset.watched:
            work.changed.add(key)
            if not work.news:
                work.before.setdefault(key, None)


def _settle(work: Work) -> None:
    """Run rounds until nothing changes any more."""
    for _ in range(MAX_ROUNDS):
        if not (work.changed or work.queue):
            return
        _round(work, work.queue.pop(0) if work.queue else None)
    work.happen("rule_error", reason=f"rules did not settle after {MAX_ROUNDS} rounds")
    work.changed.clear()
    work.queue.clear()


def _round(work: Work, occurrence: Event | Occurrence | None) -> None:
    work.properties = occurrence.properties if occurrence else {}
    if occurrence is not None:
        if occurrence is not work.event:
            _record(work, occurrence)
        scoring.score_occurrence(work, occurrence)
    seen: set[str] = set()
    while work.changed:
        scoring.score_facts(work, _advance(work, seen))
    if seen:
        scoring.regrade(work, seen)
    carry = _advance(work, seen)
    if work.news:
        _move(work, occurrence, seen, carry)
        # Edges are over once every stratum has seen them.
        if work.before:
            work.before = {k: v for k, v in work.before.items() if k in carry}
    work.changed = carry & work.ruleset.watched if carry else carry


def _move(
    work: Work, occurrence: Event | Occurrence | None, seen: set[str], carry: set[str]
) -> None:
    """Run the later strata, which history does not reach: stages, then journeys.

    What they change is added to ``carry``, for the next round.
    """
    heard = occurrence is not None and occurrence.type in work.ruleset.moving_types
    if not heard and seen.isdisjoint(work.ruleset.moving_facts):
        return
    lifecycle.stages_for_facts(work, seen)
    if occurrence is not None and heard:
        lifecycle.stages_for_occurrence(work, occurrence)
    carry |= _advance(work, seen)
    if occurrence is not None and heard:
        journeys.journeys_for_occurrence(work, occurrence)
    journeys.journeys_for_facts(work, seen)
    carry |= work.changed


def _advance(work: Work, seen: set[str]) -> set[str]:
    """Show what one stratum changed to the later ones; return it for the next round."""
    changed, work.changed = work.changed, set()
    seen |= changed
    return changed
