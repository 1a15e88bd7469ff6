"""What most events come to, done without a working copy: windows, and points of event rules.

This is a shorter way to what `engine.machines.lead` does with such events, and only with such:
when there is more to an event or to its lead, nothing is done and a longer way is taken; when
the points may turn something, the rest of the way is. `tests/machines/test_routine.py` holds
both ways equal.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.machines import bots
from engine.machines.scoring import ledger_line, repeated
from engine.machines.state import Decision, Event, Happening, Lead, Number
from engine.network.direct import Direct, Graded
from engine.network.rules import Reaction, Rule
from engine.network.ruleset import Ruleset, tidy

_NOTHING: Final[dict[str, Any]] = {}
# Shared by all decisions without ledger, happenings and so on, and so nothing to write in.
_NO_EFFECTS: Final[Any] = ((),) * (len(Decision.__struct_fields__) - 1)


class Brief(msgspec.Struct, frozen=True, gc=False):
    """A decision, and what it changed that somebody has to look at, as it was ``before``.

    ``grades`` are the facts that grading changed; None when grading is still to be done.
    """

    decision: Decision
    before: dict[str, Any]
    grades: tuple[str, ...] | None = ()


class Draft:
    """A lead's new state, written directly; conditions read it as they read a working copy."""

    __slots__ = (
        *("before", "created_at", "decision", "event", "facts", "lead", "now"),
        *("original", "properties", "ruleset", "windows"),
    )

    def __init__(self, ruleset: Ruleset, lead: Lead, decision: Decision, event: Event, now: int):
        self.ruleset = ruleset
        self.original = lead
        self.decision = decision
        self.lead = decision.lead
        self.facts = lead.facts
        self.windows = decision.lead.windows
        self.event = event
        self.properties = event.properties
        self.created_at = lead.created_at
        self.now = now
        self.before: dict[str, Any] = {}

    def writable_facts(self) -> dict[str, Any]:
        """Return the facts to write in; they are copied the first time."""
        if self.facts is self.original.facts:
            self.facts = self.lead.facts = self.facts.copy()
        return self.facts

    def held(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The rules that hold at present, as the wake index asks for them."""
        return self.lead.holds, self.lead.truths

    def line(self, rule: Rule, points: Number, reason: str = "") -> None:
        """Write a ledger line and the two scores it changes."""
        ruleset, facts, before = self.ruleset, self.writable_facts(), self.before
        line = ledger_line(ruleset, rule, points, self.now, self.event.id, reason)
        self.decision.ledger.append(line)
        for name in (rule.fact, rule.total):
            old = facts.get(name, 0)
            new = old + points
            facts[name] = new if new.__class__ is int else tidy(new)
            if name not in before:
                before[name] = old


def routine(
    ruleset: Ruleset,
    lead: Lead,
    event: Event,
    now: int,
    reaction: Reaction,
    found: Sequence[Rule],
) -> Brief | None:
    """Return the decision on an event that only moves windows and scores, None on any other.

    Most events come this way and most of them score nothing, so it calls as little as it can.
    """
    if event.lead or event.screened or event.history or event.bot:
        return None
    if lead.clocks or lead.unjudged or lead.ruleset != ruleset.version or not lead.facts:
        return None
    for due in lead.timers.values():
        if due <= now:
            return None
    for key in reaction.silences:  # as `scoring.hear` asks
        if key in lead.truths or key in lead.holds or event.at < lead.created_at:
            return None
    copied = lead.__copy__()
    if now > lead.updated_at:
        copied.updated_at = now
    if reaction.counts:
        copied.windows = counted(lead.windows, event, now, reaction)
    if event.type in bots.REMEMBERED:
        copied.mail = bots.remembered(lead.mail, event)
    if found:
        return _scored(Draft(ruleset, lead, Decision(copied), event, now), found)
    return Brief(Decision(copied, *_NO_EFFECTS), _NOTHING)


def counted(windows: dict[str, Any], event: Event, now: int, reaction: Reaction) -> dict[str, Any]:
    """Return the windows with one more event."""
    windows, at = windows.copy(), event.at
    for key, take in reaction.counts or ():
        state = windows.get(key)
        if take is not None:
            windows[key] = take(state, at, event.properties, now)
        elif state is None or at > state:
            windows[key] = at
    return windows


def _scored(draft: Draft, found: Sequence[Rule]) -> Brief | None:
    for rule in found:
        if not rule.plain:
            return None
    score(draft, found)
    before, ruleset = draft.before, draft.ruleset
    if not before or ruleset.turns.quiet(before.keys(), before, draft.facts):
        return Brief(draft.decision, _NOTHING)
    return graded(draft, ruleset.direct)


def score(draft: Draft, found: Sequence[Rule]) -> None:
    """Give the points of the rules that the event matches."""
    lead, at = draft.lead, draft.event.at
    for rule in found:
        if rule.where is not None and not rule.where(draft):
            continue
        if rule.when is not None and not rule.when.holds(draft):
            continue
        if rule.at_most is not None:
            kept = repeated(lead.counts.get(rule.key), rule.at_most, rule.per, at)
            if kept is None:
                continue
            if lead.counts is draft.original.counts:
                lead.counts = lead.counts.copy()
            lead.counts[rule.key] = kept
        draft.decision.fired.append(rule.id)
        if rule.points:
            draft.line(rule, rule.points)


def graded(draft: Draft, direct: Direct | None) -> Brief:
    """Grade what was scored, where that can be done directly, and tell who has to look at it."""
    before = draft.before
    if direct is None:
        return Brief(draft.decision, before, None)
    grades: list[str] = []
    for model in direct.graded:
        if model.total in before:
            grades += _grade(draft, model)
    if direct.moving.quiet(before.keys(), before, draft.facts):
        return Brief(draft.decision, _NOTHING)
    return Brief(draft.decision, before, tuple(grades))


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
