"""A new lead, new fields, a silence that is over: judged in one pass without a working copy.

Like `engine.machines.routine` this is a shorter way to what `engine.machines.lead` does, taken
where `engine.network.direct` says that the ruleset allows it and nothing else is to be done.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from engine.machines import bots, clocks
from engine.machines.profile import ENRICHED
from engine.machines.routine import Draft, counted, drafted, grade, is_heard, score
from engine.machines.state import Decision, Event, Happening, Lead, LedgerLine, Number
from engine.network.direct import Direct
from engine.network.rules import Reaction, Rule
from engine.network.ruleset import Ruleset, tidy

_APART: Final = frozenset({ENRICHED, *bots.REMEMBERED})


def arrival(
    ruleset: Ruleset,
    lead: Lead,
    event: Event,
    now: int,
    reaction: Reaction,
    found: Sequence[Rule],
) -> Draft | None:
    """Return the decision on an event that brings a lead or its fields, None on any other."""
    direct = ruleset.direct
    if direct is None or not _is_simple(ruleset, lead, event, reaction, found):
        return None
    draft = _draft(ruleset, lead, event, now)
    fresh = not lead.facts
    if fresh:
        if direct.fresh is None:
            return None
        _begin(draft, direct)
    elif not _meet_silences(draft, direct):
        return None
    if event.lead and not _take(draft, direct):
        return None
    fields = draft.before.keys() - ruleset.scores
    if reaction.counts:
        draft.windows = draft.lead.windows = counted(lead.windows, event, now, reaction.counts)
        _hear(draft, reaction)
    if fresh:
        _judge(draft, ruleset.held_rules.everything.find(draft.facts))
    if found and not _score(draft, found):
        return None
    if fields and not fresh:
        _judge(draft, ruleset.state_rules.woken(fields, draft))
    if draft.before:
        grade(draft, direct)
    return draft


def _is_simple(
    ruleset: Ruleset, lead: Lead, event: Event, reaction: Reaction, found: Sequence[Rule]
) -> bool:
    """Whether there is nothing about an event or its lead that needs the longer way."""
    if event.screened or event.history or event.bot or event.type in _APART:
        return False
    if lead.clocks and event.type in clocks.HEARD:
        return False
    if lead.unjudged or lead.ruleset != ruleset.version:
        return False
    if reaction.silences and event.at < lead.created_at:
        return False
    return not is_heard(lead, reaction)


def _draft(ruleset: Ruleset, lead: Lead, event: Event, now: int) -> Draft:
    copied = lead.__copy__()
    copied.updated_at = max(copied.updated_at, now)
    copied.holds, copied.truths = lead.holds.copy(), lead.truths.copy()
    copied.timers = lead.timers.copy()
    return drafted(ruleset, lead, Decision(copied), event, now, {})


def _begin(draft: Draft, direct: Direct) -> None:
    """Put a new lead in the first stage, with scores of nothing."""
    assert direct.fresh is not None
    stage, by = draft.ruleset.initial_stage, draft.event.by
    at = min(draft.event.at, draft.now)
    draft.facts = draft.lead.facts = dict(direct.fresh)
    draft.before = dict(direct.awaited)
    draft.lead.stages = {stage: at}
    told = {"to": stage, "reason": "new lead"}
    if by is not None:
        told["by"] = by
    draft.decision.happenings.append(Happening(at, "stage", told))


def _meet_silences(draft: Draft, direct: Direct) -> bool:
    """Run the silences that are over, each at its instant; False if there is more to be done."""
    timers, now = draft.lead.timers, draft.now
    while timers and min(timers.values()) <= now:
        due, name = min((due, name) for name, due in timers.items())
        if name not in direct.silences:
            return False
        draft.now = due
        del timers[name]
        _judge_silence(draft, direct.silences[name])
        grade(draft, direct)
        if draft.before:
            return False
        draft.before = {}
    draft.now = now
    return True


def _take(draft: Draft, direct: Direct) -> bool:
    """Write the fields; False where more is to be said of one of them."""
    event, facts, before = draft.event, draft.facts, draft.before
    if event.at < draft.lead.profile_at:
        return False
    given, derived = event.lead, draft.ruleset.derived_from
    names = [direct.fields[name] for name in given if name in direct.fields]
    if len(names) < len(given):
        return False
    if any(not given.keys() >= set(derived[name]) for name in given.keys() & derived):
        return False
    draft.lead.profile_at = event.at
    if facts is draft.original.facts:
        facts = draft.facts = draft.lead.facts = facts.copy()
    for fact, value in zip(names, given.values(), strict=True):
        old = facts.get(fact)
        if old != value or old.__class__ is not value.__class__:
            before.setdefault(fact, old)
            if value is None:
                del facts[fact]
            else:
                facts[fact] = value
    return True


def _score(draft: Draft, found: Sequence[Rule]) -> bool:
    """Give the points of the rules that the event matches; False where one does more than that."""
    before = score(draft.ruleset, draft.lead, draft.decision, draft.event, draft.now, found)
    if before is None:
        return False
    draft.facts = draft.lead.facts
    draft.before = {**before, **draft.before}
    return True


def _hear(draft: Draft, reaction: Reaction) -> None:
    """An event came: whoever held for want of it holds no more."""
    for key in reaction.silences:
        if key in draft.lead.truths:
            _judge_silence(draft, draft.ruleset.rules[key])


def _judge(draft: Draft, rules: Sequence[Rule]) -> None:
    for rule in rules:  # who of a group gives is settled when all of it is known
        if rule.group and rule.silence is None:
            _know(draft, rule, rule.when is None or rule.when.holds(draft))
    for rule in rules:
        if rule.silence is not None:
            _judge_silence(draft, rule)
        elif rule.group:
            _settle(draft, rule.group)
        else:
            holds = rule.when is None or rule.when.holds(draft)
            _hold(draft, rule, rule.points if holds else 0)


def _judge_silence(draft: Draft, rule: Rule) -> None:
    """Give the points of a silence that is over, again each span; set its deadline."""
    when, span, truths = rule.when, rule.silence, draft.lead.truths
    assert when is not None
    assert when.deadline is not None
    assert span is not None
    _arm(draft.lead.timers, rule.timer, when.deadline(draft))
    if not when.holds(draft):
        truths.pop(rule.key, None)
        return
    fired = truths.get(rule.key)
    if fired is None or draft.now >= fired + span:
        truths[rule.key] = fired = draft.now
        draft.decision.fired.append(rule.id)
        if rule.points:
            _line(draft, rule, rule.points)
    _arm(draft.lead.timers, rule.timer, fired + span)


def _arm(timers: dict[str, int], name: str, due: int | None) -> None:
    if due is not None:
        timers[name] = due
    else:
        timers.pop(name, None)


def _know(draft: Draft, rule: Rule, holds: bool) -> None:
    truths = draft.lead.truths
    if not holds:
        truths.pop(rule.key, None)
    elif rule.key not in truths:
        truths[rule.key] = draft.now


def _settle(draft: Draft, name: str) -> None:
    """Of an exclusive group the rule with most points gives them, the others nothing."""
    group = draft.ruleset.exclusive[name]
    held = [member for member in group if member.key in draft.lead.truths]
    best = max(held, key=_points, default=None)  # of equals the first
    for member in group:
        if member is not best:
            _hold(draft, member, 0)
    if best is not None:
        _hold(draft, best, best.points)


def _points(rule: Rule) -> Any:
    return rule.points


def _hold(draft: Draft, rule: Rule, points: Number) -> None:
    """Make a truth-maintained rule give exactly ``points``."""
    key, holds = rule.key, draft.lead.holds
    given = holds.get(key, 0)
    if points == given:
        return
    if points:
        holds[key] = points
    else:
        del holds[key]
    if given:
        _line(draft, rule, -given, "withdrawn")
    if points:
        draft.decision.fired.append(rule.id)
        _line(draft, rule, points)


def _line(draft: Draft, rule: Rule, points: Number, reason: str = "") -> None:
    """Write a ledger line and the two scores it changes."""
    facts, before, fact, total = draft.facts, draft.before, rule.fact, rule.total
    if facts is draft.original.facts:
        facts = draft.facts = draft.lead.facts = facts.copy()
    draft.decision.ledger.append(
        LedgerLine(
            draft.now, rule.model, rule.dimension, rule.id, points, draft.event.id, rule.place,
            draft.ruleset.version, reason,
        )
    )  # fmt: skip
    old, old_total = facts.get(fact, 0), facts.get(total, 0)
    new, new_total = old + points, old_total + points
    facts[fact] = new if new.__class__ is int else tidy(new)
    facts[total] = new_total if new_total.__class__ is int else tidy(new_total)
    before.setdefault(fact, old)
    before.setdefault(total, old_total)
