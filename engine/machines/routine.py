"""What most events come to, done without a working copy: windows, and points of event rules.

This is a shorter way to what `engine.machines.lead` does with such events, and only with such:
when there is more to an event or to its lead, nothing is done and a longer way is taken; when
the points may turn something, the rest of the way is. `tests/machines/test_routine.py` holds
both ways equal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from engine.language.definitions import Dimension
from engine.machines import clocks
from engine.machines.scoring import ledger_line, repeated
from engine.machines.state import Decision, Event, Happening, Lead, Number
from engine.network.direct import Direct, Graded
from engine.network.rules import Reaction, Rule
from engine.network.ruleset import Ruleset, tidy
from engine.network.windows import Take


class Draft(msgspec.Struct, gc=False):
    """A lead's new state, written directly; conditions read it as they read a working copy.

    ``before`` is what changed, as it was: first all of it, and in the end, of what somebody has
    to look at, all or nothing. ``grades`` are the facts that grading changed; None when grading
    is still to be done.
    """

    ruleset: Ruleset
    original: Lead
    decision: Decision
    lead: Lead
    facts: dict[str, Any]
    windows: dict[str, Any]
    event: Event
    properties: dict[str, Any]
    created_at: int
    now: int
    before: dict[str, Any]
    grades: Sequence[str] | None = ()

    def copy_facts(self) -> dict[str, Any]:
        """Return a copy of the facts to write in, which is the lead's from now on."""
        facts = self.facts = self.lead.facts = self.facts.copy()
        return facts

    def held(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The rules that hold at present, as the wake index asks for them."""
        return self.lead.holds, self.lead.truths

    def line(self, rule: Rule, points: Number, reason: str = "") -> None:
        """Write a ledger line and the two scores it changes."""
        facts, before, fact, total = self.facts, self.before, rule.fact, rule.total
        if facts is self.original.facts:
            facts = self.copy_facts()
        self.decision.ledger.append(
            ledger_line(self.ruleset, rule, points, self.now, self.event.id, reason)
        )
        old, old_total = facts.get(fact, 0), facts.get(total, 0)
        new, new_total = old + points, old_total + points
        facts[fact] = new if new.__class__ is int else tidy(new)
        facts[total] = new_total if new_total.__class__ is int else tidy(new_total)
        if fact not in before:
            before[fact] = old
        if total not in before:
            before[total] = old_total


def drafted(ruleset: Ruleset, lead: Lead, copied: Lead, event: Event, now: int) -> Draft:
    """Return a draft that writes in ``copied``, a copy of ``lead``."""
    return Draft(
        ruleset, lead, Decision(copied), copied, copied.facts, copied.windows, event,
        event.properties, lead.created_at, now, {},
    )  # fmt: skip


def is_routine(ruleset: Ruleset, lead: Lead, event: Event, now: int, reaction: Reaction) -> bool:
    """Whether an event moves windows and scores and nothing else of a lead, points aside.

    Most events are like that, so this looks at as little as it can.
    """
    if event.lead or event.screened or event.history or event.bot:
        return False
    if lead.unjudged or lead.ruleset != ruleset.version or not lead.facts:
        return False
    if lead.clocks and event.type in clocks.HEARD:
        return False
    for due in lead.timers.values():
        if due <= now:
            return False
    for key in reaction.silences:  # as `scoring.hear` asks
        if key in lead.truths or key in lead.holds or event.at < lead.created_at:
            return False
    return not reaction.hearers or not is_heard(lead, reaction)


def is_heard(lead: Lead, reaction: Reaction) -> bool:
    """Whether a lead is in a journey, or at a step of it, that hears such an event."""
    hearers = reaction.hearers
    for id, enrolment in lead.journeys.items():
        if enrolment.left_at is None and (id in hearers or (id, enrolment.step) in hearers):
            return True
    return False


def moved(lead: Lead, event: Event, now: int, counts: Iterable[tuple[str, Take | None]]) -> Lead:
    """Return a copy of a lead whose windows have taken in a routine event."""
    copied = lead.__copy__()
    if now > lead.updated_at:
        copied.updated_at = now
    if counts:
        copied.windows = counted(lead.windows, event, now, counts)
    return copied


def counted(
    windows: dict[str, Any], event: Event, now: int, counts: Iterable[tuple[str, Take | None]]
) -> dict[str, Any]:
    """Return the windows with one more event."""
    windows, at = windows.copy(), event.at
    for key, take in counts:
        state = windows.get(key)
        if take is not None:
            windows[key] = take(state, at, event.properties, now)
        elif state is None or at > state:
            windows[key] = at
    return windows


def scored(draft: Draft, found: Sequence[Rule]) -> bool:
    """Score a routine event and grade the lead; False where there is more to be done."""
    if not score(draft, found):
        return False
    before, ruleset = draft.before, draft.ruleset
    if before:
        if ruleset.turns.quiet(before, before, draft.facts):
            draft.before = {}
        else:
            graded(draft, ruleset.direct)
    return True


def score(draft: Draft, found: Sequence[Rule]) -> bool:
    """Give the points of the rules that the event matches; False where one does more than that."""
    lead, at = draft.lead, draft.event.at
    for rule in found:
        where, when, most = rule.where, rule.when, rule.at_most
        if where is not None and not where(draft):
            continue
        if when is not None and not when.holds(draft):
            continue
        if most is not None:
            counts, key = lead.counts, rule.key
            kept = repeated(counts.get(key), most, rule.per, at)
            if kept is None:
                continue
            if counts is draft.original.counts:
                counts = lead.counts = counts.copy()
            counts[key] = kept
        if not rule.plain:
            return False
        draft.decision.fired.append(rule.id)
        if rule.points:
            draft.line(rule, rule.points)
            if rule.limits is not None and _is_capped(draft, rule, rule.limits):
                return False
    return True


def _is_capped(draft: Draft, rule: Rule, limits: Dimension) -> bool:
    """Whether a floor or cap has a say in the score that a rule has just changed."""
    if rule.cap in draft.lead.holds:
        return True
    score = draft.facts[rule.fact]
    return (limits.max is not None and score > limits.max) or (
        limits.min is not None and score < limits.min
    )


def graded(draft: Draft, direct: Direct | None) -> None:
    """Grade what was scored, where that can be done directly; keep what has to be looked at."""
    before = draft.before
    if direct is None:
        draft.grades = None
        return
    grades: list[str] = []
    for model in direct.graded:
        if model.total in before:
            grades += _grade(draft, model)
    draft.grades = grades
    if direct.moving.quiet(before, before, draft.facts):
        draft.before = {}


def _grade(draft: Draft, model: Graded) -> Sequence[str]:
    """Find a model's grade; return the facts that changed. A person's own choice stays."""
    facts = draft.facts
    total, old = facts.get(model.total, 0), facts.get(model.fact)
    place = bisect_right(model.floors, total)
    new = model.grades[place - 1] if place else None
    if new == old:
        return ()
    told = {"model": model.model, "from": old, "to": new, "score": total}
    if old is None or new is None:
        told = {key: value for key, value in told.items() if value is not None}
    draft.decision.happenings.append(Happening(draft.now, "grade", told))
    changed = [model.fact]
    if model.default and "override.grade" not in facts and facts.get("grade") != new:
        changed.append("grade")
    for each in changed:
        draft.before.setdefault(each, facts.get(each))
        if new is None:
            del facts[each]
        else:
            facts[each] = new
    return changed
