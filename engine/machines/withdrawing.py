"""Clicks that turn out to be a scanner's: what they gave is taken back, by lines that say so.

The first links of a burst count when they come, for nobody can know yet. So a lead remembers
what each latest click gave, for as long as it may turn out to be one of a burst.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Sequence
from typing import Any, Final

import msgspec

from engine.machines.bots import GIVEN, WITHDRAWS, about
from engine.machines.scoring import judge, take_back
from engine.machines.state import Decision, Event, Lead, LedgerLine, Number
from engine.machines.work import Work
from engine.network.rules import Reaction, Rule
from engine.network.ruleset import Ruleset
from engine.network.windows import DECIMALS, Window

REASON: Final = "bot"
_LEAST: Final = 4  # what a remembered click has at least: instant, delivery, message, id


class Given(msgspec.Struct, frozen=True, array_like=True, omit_defaults=True):
    """What a click gave: ``points`` by rule key, windows as [key, amount, before], and the rules
    whose silence it ended, with the instant since when they held.
    """

    at: int
    delivery: str
    message: str
    id: str
    points: dict[str, Number] = {}
    windows: list[list[Any]] = []
    truths: dict[str, int] = {}


def note(
    ruleset: Ruleset,
    before: Lead,
    decision: Decision,
    event: Event,
    reaction: Reaction,
    found: Sequence[Rule],
) -> None:
    """Remember what a click gave, and forget those that are too old to be of one burst."""
    lead, at = decision.lead, event.at
    known, span = lead.mail.get(GIVEN), ruleset.definitions.intake.bots.span
    kept = [each for each in known if -span < each[0] - at < span] if known else []
    if not (event.bot or event.history or event.screened):
        points = _points(decision, event, found) if decision.fired else {}
        windows = _windows(before, lead, event, reaction)
        truths = _ended(before, lead, reaction) if before.truths else {}
        entry = [at, *about(event), event.id, points, windows, truths]  # as `Given` encodes
        while not entry[-1] and len(entry) > _LEAST:
            entry.pop()
        kept.append(entry)
    if kept or known:
        lead.mail = {**lead.mail, GIVEN: kept}


def _ended(before: Lead, after: Lead, reaction: Reaction) -> dict[str, int]:
    """Return the silences that an event ended, with the instant since when they held."""
    return {
        rule.key: before.truths[rule.key]
        for feed in reaction.feeds
        for rule in feed.silences
        if rule.key in before.truths and rule.key not in after.truths
    }


def _points(decision: Decision, event: Event, found: Sequence[Rule]) -> dict[str, Number]:
    """Return what the rules gave that hear the event; 0 where one fired and gave nothing."""
    fired, id = decision.fired, event.id
    given: dict[str, Number] = {}
    for rule in found:
        if rule.id in fired:
            points: Number = 0
            for line in decision.ledger:
                if line.event == id and not line.reason and _is_of(rule, line):
                    points += line.points
            given[rule.key] = points
    return given


def _is_of(rule: Rule, line: LedgerLine) -> bool:
    """Whether a rule wrote a ledger line."""
    return line.rule == rule.id and line.dimension == rule.dimension and line.model == rule.model


def _windows(before: Lead, after: Lead, event: Event, reaction: Reaction) -> list[list[Any]]:
    found, earlier, later = [], before.windows, after.windows
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
    for each in reversed(gone):
        for key, points in each.points.items():
            _take_points(work, key, points, each.at)
        for key, amount, before in reversed(each.windows):
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
