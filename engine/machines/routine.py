"""What most events come to, done without a working copy: windows, and points of event rules.

This is a shorter way to what `engine.machines.lead` does with such events, and only with such:
when there is more to an event or to its lead, nothing is done and a longer way is taken; when
the points may turn something, the rest of the way is. `tests/machines/test_routine.py` holds
both ways equal.

Each event of a company comes through here, so this counts the steps that Python takes: what is
the same for all events of a type is looked up once, in `routine`.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from engine.language.definitions import Dimension
from engine.machines import bots, clocks, withdrawing
from engine.machines.scoring import repeated
from engine.machines.state import Decision, Event, Happening, Lead, LedgerLine, Number
from engine.network.direct import Direct, Graded
from engine.network.rules import Reaction, Rule
from engine.network.ruleset import Ruleset, tidy
from engine.network.windows import Take

_SILENT: Final[list[float]] = []  # the bounds of what nobody looks at


class Longer(Enum):
    """Which way an event has to go that this one is too short for."""

    ONE_PASS = "`engine.machines.arrival` may do, for it is more than windows and points"
    AT_LENGTH = "only the longest"


@dataclass
class Draft:
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

    def held(self) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
        """The rules that hold at present, as the wake index asks for them."""
        return self.lead.holds, self.lead.truths


Way = Callable[[Lead, Event, int], Decision | Draft | Longer]


def drafted(
    ruleset: Ruleset, lead: Lead, decision: Decision, event: Event, now: int, before: dict[str, Any]
) -> Draft:
    """Return a draft of a decision, which writes in a copy of ``lead``."""
    copied = decision.lead
    return Draft(
        ruleset, lead, decision, copied, copied.facts, copied.windows, event, event.properties,
        lead.created_at, now, before,
    )  # fmt: skip


def routine(ruleset: Ruleset, kind: str, reaction: Reaction) -> Way:
    """Return the way of events of a type that move windows and scores and nothing else of a lead.

    Its answer is a draft where that has to be gone on with.
    """
    version, rules, hearers = ruleset.version, reaction.rules, reaction.hearers
    counts, silences = reaction.counts or (), reaction.silences
    is_heard_by_clocks, is_remembered = kind in clocks.HEARD, kind in bots.REMEMBERED
    # Most events feed one window and no other: the one that keeps the latest instant.
    latest = counts[0][0] if len(counts) == 1 and counts[0][1] is None else None

    def is_more(lead: Lead, event: Event, now: int) -> bool:
        """Whether there is more to the event or to its lead than windows and scores."""
        if event.lead or event.screened or event.history or event.bot:
            return True
        if lead.unjudged or lead.ruleset != version or not lead.facts:
            return True
        for due in lead.timers.values():
            if due <= now:
                return True
        for key in silences:  # as `scoring.hear` asks
            if key in lead.truths or key in lead.holds or event.at < lead.created_at:
                return True
        if is_heard_by_clocks and lead.clocks:
            return True
        return bool(hearers) and is_heard(lead, reaction)

    def take(lead: Lead, event: Event, now: int) -> Decision | Draft | Longer:
        if is_more(lead, event, now):
            return Longer.ONE_PASS
        copied = lead.__copy__()
        if now > lead.updated_at:
            copied.updated_at = now
        if latest is not None:
            at, known = event.at, lead.windows.get(latest)
            if known is None or at > known:
                copied.windows = lead.windows.copy()
                copied.windows[latest] = at
        elif counts:
            copied.windows = counted(lead.windows, event, now, counts)
        decision = Decision(copied)
        if rules is not None:
            found = rules.find(event.properties)
            if found:
                before = score(ruleset, lead, decision, event, now, found)
                if before is None:
                    return Longer.AT_LENGTH
                if before:
                    draft = drafted(ruleset, lead, decision, event, now, before)
                    grade(draft, ruleset.direct)
                    if draft.before:
                        return draft
        if is_remembered:
            withdrawing.remember(ruleset, lead, decision, event)
        return decision

    return take


def is_heard(lead: Lead, reaction: Reaction) -> bool:
    """Whether a lead is in a journey, or at a step of it, that hears such an event."""
    hearers = reaction.hearers
    for id, enrolment in lead.journeys.items():
        if enrolment.left_at is None and (id in hearers or (id, enrolment.step) in hearers):
            return True
    return False


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


def score(
    ruleset: Ruleset,
    lead: Lead,
    decision: Decision,
    event: Event,
    now: int,
    found: Sequence[Rule],
) -> dict[str, Any] | None:
    """Give the points of the rules that an event of a lead matches; they are written in the
    decision's copy of it.

    Return the scores as they were before where that may have turned something, else nothing of
    them; None where a rule does more than to give points.
    """
    copied, looks, turned = decision.lead, ruleset.turns.looks, False
    before: dict[str, Any] = {}
    for rule in found:
        if rule.asks:
            if rule.edge:
                return None
            if not _holds(rule, drafted(ruleset, lead, decision, event, now, before)):
                continue
        most = rule.at_most
        if most is not None:
            counts, key = copied.counts, rule.key
            kept = repeated(counts.get(key), most, rule.per, event.at)
            if kept is None:
                continue
            copied.counts = {**counts, key: kept}
        if not rule.plain:
            return None
        decision.fired.append(rule.id)
        points = rule.points
        if points:
            decision.ledger.append(
                LedgerLine(
                    now, rule.model, rule.dimension, rule.id, points, event.id, rule.place,
                    ruleset.version,
                )
            )  # fmt: skip
            fact, total, facts = rule.fact, rule.total, copied.facts
            part, old = facts.get(fact, 0), facts.get(total, 0)
            if not before:
                facts = copied.facts = facts.copy()
                before = {fact: part, total: old}
            else:
                before.setdefault(fact, part)
                before.setdefault(total, old)
            part, new = part + points, old + points
            facts[fact] = part if part.__class__ is int else tidy(part)
            facts[total] = new = new if new.__class__ is int else tidy(new)
            bounds = looks.get(total, _SILENT)
            if bounds is None or bisect_right(bounds, old) != bisect_right(bounds, new):
                turned = True
            turned = turned or fact in looks
            if rule.limits is not None and _is_capped(copied, rule, rule.limits):
                return None
    return before if turned else {}


def _holds(rule: Rule, draft: Draft) -> bool:
    """Whether what a rule asks of an event and of its lead is so."""
    if rule.where is not None and not rule.where(draft):
        return False
    return rule.when is None or rule.when.holds(draft)


def _is_capped(lead: Lead, rule: Rule, limits: Dimension) -> bool:
    """Whether a floor or cap has a say in the score that a rule has just changed."""
    if rule.cap in lead.holds:
        return True
    score = lead.facts[rule.fact]
    return (limits.max is not None and score > limits.max) or (
        limits.min is not None and score < limits.min
    )


def grade(draft: Draft, direct: Direct | None) -> None:
    """Grade what was scored, where that can be done directly; keep what has to be looked at."""
    if direct is None:
        draft.grades = None
        return
    before = draft.before
    grades: list[str] = []
    for model in direct.graded:
        if model.total in before:
            grades += _grade(draft, model)
    draft.grades = grades
    if direct.moving.quiet(before, draft.facts):
        draft.before = {}


def _grade(draft: Draft, model: Graded) -> Sequence[str]:
    """Find a model's grade; return the facts that changed. A person's own choice stays."""
    facts = draft.facts
    total, old = facts.get(model.total, 0), facts.get(model.fact)
    place = bisect_right(model.floors, total)
    new = model.grades[place - 1] if place else None
    if new == old:
        return ()
    told: dict[str, Number | str] = {"model": model.model}
    if old is not None:
        told["from"] = old
    if new is not None:
        told["to"] = new
    told["score"] = total
    draft.decision.happenings.append(Happening(draft.now, "grade", told))
    _show(draft, model.fact, old, new)
    if model.default and "override.grade" not in facts and facts.get("grade") != new:
        _show(draft, "grade", facts.get("grade"), new)
        return model.fact, "grade"
    return (model.fact,)


def _show(draft: Draft, fact: str, old: str | None, new: str | None) -> None:
    draft.before.setdefault(fact, old)
    if new is None:
        del draft.facts[fact]
    else:
        draft.facts[fact] = new
