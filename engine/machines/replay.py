"""A lead's log played again through the live machine, up to an instant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from engine.machines.account import Past
from engine.machines.chronicle import Chronicle
from engine.machines.merging import Entry
from engine.machines.state import Decision, Event, Happening, Lead, LedgerLine, Teams
from engine.machines.turn import Turn, take_turn
from engine.network.ruleset import Ruleset

__all__ = ["Entry", "Replayed", "rebuild", "replay"]


class Replayed(msgspec.Struct, frozen=True):
    """A lead as it stood, and its way up to there."""

    lead: Lead
    past: Past


def replay(
    ruleset: Ruleset,
    id: str,
    log: Iterable[Entry],
    until: int,
    teams: Teams | None = None,
    start: Mapping[str, Lead] | None = None,
) -> Replayed | None:
    """Return the lead ``id`` as of ``until`` by these rules; None when it was not there yet.

    ``start`` has the leads as they were before ``log``: this one, and those merged into it; none
    for all of their logs. The answers of the team machine are in the log, so nobody is asked
    again. Deadlines that have come since the last entry are met as if the clock alone went on;
    what they ask of ``teams`` is answered.
    """
    chronicle = Chronicle(id, start or {})
    for entry in log:
        if entry.decided_at > until:
            break
        chronicle.take(ruleset, entry)
    lead = chronicle.lead
    if lead is None:
        return None
    events, decisions = chronicle.events, chronicle.decisions
    for turn in _clock(ruleset, lead, teams or Teams(), until):
        lead = turn.lead
        events += (each.event for each in turn.entries)
        decisions += (each.decision for each in turn.entries)
    return Replayed(lead, Past(events, *_told(decisions)))


def rebuild(
    rulesets: Mapping[str, Ruleset],
    id: str,
    log: Iterable[Entry],
    start: Mapping[str, Lead] | None = None,
) -> Lead | None:
    """Return the lead at the end of its log, each event decided by the rules that decided it then.

    None for an empty log without a ``start`` of this lead. Raises KeyError for a version that is
    not among ``rulesets``.
    """
    chronicle = Chronicle(id, start or {})
    for entry in log:
        chronicle.take(rulesets[entry.ruleset], entry)
    return chronicle.lead


def _clock(ruleset: Ruleset, lead: Lead, teams: Teams, until: int) -> Iterator[Turn]:
    """Yield a turn for each deadline up to ``until``, as a host wakes a lead."""
    last = None
    while lead.wake_at is not None and last != lead.wake_at <= until:
        last = lead.wake_at
        wake = Event(f"wake:{lead.id}:{last}", "timer_due", last, channel="engine")
        turn = take_turn(ruleset, lead, teams, wake, last)
        lead, teams = turn.lead, turn.teams
        yield turn


def _told(decisions: Iterable[Decision]) -> tuple[list[LedgerLine], list[Happening]]:
    ledger: list[LedgerLine] = []
    happenings: list[Happening] = []
    for decision in decisions:
        ledger += decision.ledger
        happenings += decision.happenings
    return ledger, happenings
