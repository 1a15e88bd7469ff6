"""What most events come to, done without a working copy: windows, and points of event rules.

This is a shorter way to what `engine.machines.lead` does with such events, and only with such:
when there is more to an event or to its lead, nothing is done and the long way is taken; when
the points may turn something, the rest of the way is. `tests/machines/test_routine.py` holds
both ways equal.
"""

from __future__ import annotations

from collections.abc import Sequence, Set
from typing import Any, Final

from engine.machines import bots
from engine.machines.scoring import ledger_line, repeated
from engine.machines.state import Decision, Event, Lead
from engine.network.rules import Reaction, Rule
from engine.network.ruleset import Ruleset, tidy

_NOTHING: Final[dict[str, Any]] = {}
_NONE: Final[frozenset[str]] = frozenset()


class _View:
    """A lead with an event counted, as conditions read it."""

    __slots__ = ("before", "created_at", "facts", "now", "properties", "windows")

    def __init__(self, lead: Lead, event: Event, now: int, windows: dict[str, Any]) -> None:
        self.facts = lead.facts
        self.windows = windows
        self.properties = event.properties
        self.created_at = lead.created_at
        self.now = now
        self.before = _NOTHING


def routine(
    ruleset: Ruleset,
    lead: Lead,
    event: Event,
    now: int,
    reaction: Reaction,
    found: Sequence[Rule],
) -> tuple[Decision, Set[str]] | None:
    """Return the decision on an event that only moves windows and scores, None on any other.

    With it comes what changed, where that may turn something: then it is not settled yet.
    """
    if not _is_plain(ruleset, lead, event, now, reaction):
        return None
    for rule in found:
        if not rule.plain:
            return None
    windows = lead.windows
    if reaction.counts:
        windows = windows.copy()
        at, properties = event.at, event.properties
        for key, take in reaction.counts:
            windows[key] = take(windows.get(key), at, properties, now)
    copied = lead.__copy__()
    copied.windows = windows
    copied.updated_at = max(copied.updated_at, now)
    decision = Decision(copied)
    if event.type in bots.REMEMBERED:
        copied.mail = bots.remembered(lead.mail, event)
    return decision, _score(ruleset, lead, event, now, found, decision) if found else _NONE


def _is_plain(ruleset: Ruleset, lead: Lead, event: Event, now: int, reaction: Reaction) -> bool:
    """Whether nothing but windows and scores can come of an event, deadlines included."""
    if event.lead or event.screened or event.history or event.bot:
        return False
    if lead.clocks or lead.unjudged or lead.ruleset != ruleset.version or "stage" not in lead.facts:
        return False
    for due in lead.timers.values():
        if due <= now:
            return False
    for key in reaction.silences:  # as `scoring.hear` asks
        if key in lead.truths or key in lead.holds or event.at < lead.created_at:
            return False
    return True


def _score(
    ruleset: Ruleset, lead: Lead, event: Event, now: int, found: Sequence[Rule], decision: Decision
) -> Set[str]:
    """Give the points of the rules that the event matches; return what that may turn."""
    copied, view, at = decision.lead, None, event.at
    facts, counts = lead.facts, lead.counts
    changed: set[str] = set()
    for rule in found:
        if rule.where is not None or rule.when is not None:
            view = view or _View(lead, event, now, copied.windows)
            view.facts = facts
            if rule.where is not None and not rule.where(view):
                continue
            if rule.when is not None and not rule.when.holds(view):
                continue
        if rule.at_most is not None:
            kept = repeated(counts.get(rule.key), rule.at_most, rule.per, at)
            if kept is None:
                continue
            if counts is lead.counts:
                counts = copied.counts = counts.copy()
            counts[rule.key] = kept
        decision.fired.append(rule.id)
        if points := rule.points:
            if facts is lead.facts:
                facts = copied.facts = facts.copy()
            decision.ledger.append(ledger_line(ruleset, rule, points, now, event.id))
            for name in (rule.fact, rule.total):
                new = facts.get(name, 0) + points
                facts[name] = new if new.__class__ is int else tidy(new)
                changed.add(name)
    quiet = not changed or ruleset.turns.quiet(changed, lead.facts, facts)
    return _NONE if quiet else changed
