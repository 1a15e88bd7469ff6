"""Why a scoring rule gives what it gives, or nothing."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import msgspec

from engine.language.instants import format_duration
from engine.machines.account import (
    MOST_SEEN,
    Case,
    Look,
    Obstacle,
    Seen,
    condition_fails,
    nothing_fits,
    nothing_heard,
    overdue,
    said,
)
from engine.machines.state import STALE, Event, LedgerLine
from engine.network.explain import Explanation
from engine.network.rules import Rule
from engine.network.ruleset import tidy


def effect(case: Case, rule: Rule) -> tuple[bool, str]:
    """Return whether the rule gives points at present, and in words how many."""
    lines = _lines(case, rule)
    points = tidy(sum(line.points for line in lines))
    if points:
        return True, f"it gives {points:+g} points"
    return False, "it has given points and taken them back" if lines else "it has given no points"


def _lines(case: Case, rule: Rule) -> list[LedgerLine]:
    d = rule.definition
    mine = (d.model, d.dimension, d.id)
    return [line for line in case.past.ledger if (line.model, line.dimension, line.rule) == mine]


def seen(case: Case, rule: Rule) -> list[Seen]:
    """Return the events that the rule listens for, newest first, each with its outcome."""
    paid = {line.event: line.points for line in _lines(case, rule) if not line.reason}
    return [
        _judged(case, rule, event, paid.get(event.id))
        for event in case.heard(rule.definition.events)[:MOST_SEEN]
    ]


def _judged(case: Case, rule: Rule, event: Event, points: int | float | None) -> Seen:
    tree = case.where(rule.definition.where, event)
    outcome = f"{points:+g} points" if points is not None else _why_not(case, rule, event, tree)
    return Seen(event.id, event.type, event.at, points is not None, outcome, tree)


def _why_not(case: Case, rule: Rule, event: Event, tree: Explanation | None) -> str:
    if tree is not None and not tree.holds:
        return "its properties do not fit"
    if event.bot:
        return "a suspected bot scores nothing"
    if STALE in event.screened:
        return f"it does not count: {event.screened[STALE]}"
    expires = rule.definition.expires
    if expires is not None and event.at + expires <= case.now:
        return "too old: its points would have run out"
    limit = _limit(case, rule, event.at)
    if limit is not None:
        return f"the limit was reached: {limit.text}"
    if rule.when is not None:
        return f"its condition did not hold then; ask with at {said(event.at)}"
    return "it gave nothing: the rule is newer than the event, or its points were 0"


# --- what stands in the way ------------------------------------------------------------------


def obstacles(
    case: Case, rule: Rule, looks: Sequence[Look], seen: Sequence[Seen]
) -> Iterator[Obstacle]:
    """Yield why the rule does not give its points now, or would not for the next event."""
    yield from condition_fails(looks)
    holds = all(look.tree.holds for look in looks)
    if rule.definition.events:
        yield from nothing_heard(rule.definition.events, seen)
        yield from nothing_fits(seen)
        yield from _limits(case, rule)
    elif holds:
        yield from _limits(case, rule)
        yield from _withheld(case, rule)
    if _pointless(case, rule):
        fact = rule.definition.points_fact
        text = f"its points come from {fact}, which is missing or 0" if fact else "its points are 0"
        yield Obstacle("points", text)


def _pointless(case: Case, rule: Rule) -> bool:
    fact = rule.definition.points_fact
    return not (rule.definition.points if fact is None else case.lead.facts.get(fact))


class _Limit(msgspec.Struct, frozen=True):
    """A repeat limit that leaves no room; ``until`` is when it has some again, None for never."""

    text: str
    until: int | None


def _limits(case: Case, rule: Rule) -> Iterator[Obstacle]:
    limit = _limit(case, rule, case.now)
    if limit is not None:
        yield Obstacle("repeat", f"the limit is reached: {limit.text}", limit.until)


def _limit(case: Case, rule: Rule, at: int) -> _Limit | None:
    """Return the limit that would keep an occurrence at ``at`` from scoring."""
    repeat = rule.definition.repeat
    if repeat is None or repeat.at_most is None:
        return None
    most, per = repeat.at_most, repeat.per
    scored = case.lead.counts.get(rule.key, [])
    near = [t for t in scored if per is None or abs(t - at) < per]
    if len(near) < most:
        return None
    if per is None:
        return _Limit("once" if most == 1 else f"at most {most}", None)
    return _Limit(f"at most {most} per {format_duration(per)}", near[len(near) - most] + per)


def _withheld(case: Case, rule: Rule) -> Iterator[Obstacle]:
    """Why a condition that holds gives nothing (more)."""
    since = case.lead.truths.get(rule.key)
    if rule.definition.repeat is not None and since is not None:
        if rule.silence is not None:
            yield Obstacle("repeat", "it scores again after the same time", since + rule.silence)
        else:
            text = f"it scored at {said(since)}; again when its condition has ceased and returned"
            yield Obstacle("repeat", text)
        return
    if rule.key in case.lead.holds:
        return
    rival = _rival(case, rule)
    if rival is not None:
        gives = case.lead.holds[rival.key]
        group = f'of the group "{rule.definition.exclusive}"'
        yield Obstacle(
            "exclusive", f"{group} the rule {rival.definition.id} gives more: {gives:+g}"
        )
    elif not _pointless(case, rule):
        text = "its condition holds, but nothing has woken it since; see what wakes it"
        yield from overdue(case.lead, rule.timer, case.now) or [Obstacle("not-woken", text)]


def _rival(case: Case, rule: Rule) -> Rule | None:
    """Return the member of the exclusive group that has the points."""
    definition = rule.definition
    group = case.ruleset.exclusive.get(f"{definition.model}.{definition.exclusive}", ())
    return next((r for r in group if r is not rule and r.key in case.lead.holds), None)
