"""Clicks that turn out to be a scanner's: what they gave is taken back, by lines that say so.

The first links of a burst count when they come, for nobody can know yet. So a lead remembers
what each latest click gave, for as long as it may turn out to be one of a burst.
"""

from __future__ import annotations

from bisect import insort
from typing import Any, Final

import msgspec

from engine.machines.bots import CLICKED, CLICKS, GIVEN, WITHDRAWS, remembered
from engine.machines.scoring import judge, take_back
from engine.machines.state import Decision, Event, Given, Lead, Number
from engine.machines.work import Work
from engine.network.rules import Reaction
from engine.network.ruleset import Ruleset
from engine.network.windows import DECIMALS, Window

REASON: Final = "bot"
_NONE: Final = Reaction()


def remember(ruleset: Ruleset, before: Lead, decision: Decision, event: Event) -> None:
    """Remember a delivery or a click, and what it gave, to tell scanners."""
    decision.lead.mail = remembered(before.mail, event)
    if event.type == CLICKED:
        note(ruleset, before, decision, event)


def note(ruleset: Ruleset, before: Lead, decision: Decision, event: Event) -> None:
    """Add what the latest click gave, and forget those that are too old to be of one burst."""
    lead, at = decision.lead, event.at
    known, kept = lead.mail.get(GIVEN), []
    if known:
        span = ruleset.definitions.intake.bots.span
        kept = [each for each in known if -span < each[0] - at < span]
    if not (event.bot or event.history or event.screened):
        kept.append(_given(ruleset, before, decision, event))
    if kept or known:
        lead.mail = {**lead.mail, GIVEN: kept}


def _given(ruleset: Ruleset, before: Lead, decision: Decision, event: Event) -> list[Any]:
    """Return what a click gave, as `Given` encodes: without what is empty at its end."""
    reaction = ruleset.reactions.get(event.type, _NONE)
    entry = [*decision.lead.mail[CLICKS][-1][:-1], event.id]  # all but the link
    truths = _ended(before, decision.lead, reaction) if before.truths else {}
    windows = _windows(before, decision.lead, event, reaction)
    points = _points(decision, event, reaction) if decision.fired else {}
    if points or windows or truths:
        entry.append(points)
    if windows or truths:
        entry.append(windows)
    if truths:
        entry.append(truths)
    return entry


def _ended(before: Lead, after: Lead, reaction: Reaction) -> dict[str, int]:
    """Return the silences that an event ended, with the instant since when they held."""
    return {
        rule.key: before.truths[rule.key]
        for feed in reaction.feeds
        for rule in feed.silences
        if rule.key in before.truths and rule.key not in after.truths
    }


def _points(decision: Decision, event: Event, reaction: Reaction) -> dict[str, Number]:
    """Return what the rules gave that hear the event; 0 where one fired and gave nothing."""
    given: dict[str, Number] = {}
    if reaction.rules is not None:
        for rule in reaction.rules.find(event.properties):
            if rule.id in decision.fired:
                given[rule.key] = 0
        for line in decision.ledger:
            key = f"{line.model}.{line.dimension}.{line.rule}"
            if key in given and not line.reason and line.event == event.id:
                given[key] += line.points
    return given


def _windows(before: Lead, after: Lead, event: Event, reaction: Reaction) -> list[list[Any]]:
    found: list[list[Any]] = []
    earlier, later = before.windows, after.windows
    if earlier is later:
        return found
    for feed in reaction.feeds:
        window = feed.window
        key = window.key
        old, new = earlier.get(key), later.get(key)
        if old != new:
            amount = event.properties.get(window.of) if window.of else 1
            found.append([key, amount, old if window.within is None else _lost(window, old, new)])
    return found


def _lost(window: Window, old: Any, new: Any) -> Any:
    """Return what a window cannot tell any more once it took an event in."""
    if window.kind in ("count", "sum"):
        return None
    return [entry for entry in old or () if entry not in new]


# --- taking back ---------------------------------------------------------------------------------


def withdraw(work: Work) -> None:
    """Take back what the clicks gave that the event at hand shows to be a scanner's."""
    ids = work.event.screened[WITHDRAWS]
    given = [msgspec.convert(each, Given) for each in work.lead.mail.get(GIVEN, ())]
    gone = [each for each in given if each.id in ids]
    for each in gone[::-1]:
        for key, points in each.points.items():
            _take_points(work, key, points, each.at)
        for key, amount, before in each.windows[::-1]:
            _take_out(work, key, each, amount, before)
    if gone:
        kept = [msgspec.to_builtins(each) for each in given if each.id not in ids]
        work.lead.mail = {**work.lead.mail, GIVEN: kept}
        told = [each.id for each in gone]
        work.happen("withdrawn", events=told, reason=work.event.screened.get(REASON))


def _take_points(work: Work, key: str, points: Number, at: int) -> None:
    """Take back what is left of an occurrence's points, and let another one have its turn."""
    scored = work.lead.counts.get(key, [])
    if at in scored:
        place = scored.index(at)
        work.writable("counts")[key] = [*scored[:place], *scored[place + 1 :]]
        if len(scored) == 1:
            work.forget("counts", key)
    rule = work.ruleset.rules.get(key)
    if rule is not None and rule.life is not None:
        points = _take_grant(work, key, at, rule.life)
    if points:
        take_back(work, key, points, REASON)


def _take_grant(work: Work, key: str, at: int, life: int) -> Number:
    """Return what an occurrence gives yet, of points that fade, which are to fade no more."""
    grants = work.lead.grants
    for place, grant in enumerate(grants):
        if len(grant) == 3 and grant[1] == key and (grant[0] - at) % life == 0:
            work.lead.grants = [*grants[:place], *grants[place + 1 :]]
            points: Number = grant[2]
            return points
    return 0


def _take_out(work: Work, key: str, given: Given, amount: Any, before: Any) -> None:
    window = work.ruleset.windows.get(key)
    if window is None:
        return
    windows = work.writable_windows()
    state = _without(window, windows.get(key), given.at, amount, before)
    if state is None:
        windows.pop(key, None)
    else:
        windows[key] = state
    if key in work.ruleset.watched:
        work.changed.add(key)
    for rule in work.ruleset.silences.get(key, ()):
        if rule.key in given.truths:
            work.writable("truths")[rule.key] = given.truths[rule.key]
        judge(work, rule)


def _without(window: Window, state: Any, at: int, amount: Any, before: Any) -> Any:
    """Return a window's state without one of its events; ``before`` is what that displaced."""
    if window.within is not None:
        return _left(state or [], [at, amount], before or [])
    if window.kind == "last":
        return before if state == at else state
    if window.kind == "max":
        return before if state == amount else state
    left = round((state or 0) - amount, DECIMALS)
    return left if left or before is not None else None


def _left(entries: list[list[Any]], own: list[Any], displaced: list[list[Any]]) -> Any:
    """Return a window's entries without one, and with those again for which it stood."""
    kept = [list(entry) for entry in entries]
    if own in kept:
        kept.remove(own)
    for entry in displaced:
        insort(kept, entry)
    return kept or None
