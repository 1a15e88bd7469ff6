"""A lead's log played again through the live machine, up to an instant."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

import msgspec

from engine.machines.account import Past
from engine.machines.lead import decide
from engine.machines.state import Decision, Event, Happening, Lead, LedgerLine, Teams
from engine.machines.turn import Turn, new_lead, take_turn
from engine.network.ruleset import Ruleset


class Entry(msgspec.Struct, frozen=True):
    """An event of a lead's log; ``decided_at`` is the ``now`` of its decision.

    ``ruleset`` is the version that decided it.
    """

    event: Event
    decided_at: int
    ruleset: str = ""


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
    start: Lead | None = None,
) -> Replayed | None:
    """Return the lead ``id`` as of ``until`` by these rules; None when it was not there yet.

    ``start`` is the lead as it was before ``log``, None for all of its log. The answers of the
    team machine are in the log, so nobody is asked again. Deadlines that have come since the
    last entry are met as if the clock alone went on; what they ask of ``teams`` is answered.
    """
    lead = start
    events: list[Event] = []
    decisions: list[Decision] = []
    for entry in log:
        if entry.decided_at > until:
            break
        if lead is None:
            lead = new_lead(ruleset, id, min(entry.event.at, entry.decided_at))
        decisions.append(decide(ruleset, lead, entry.event, entry.decided_at))
        lead = decisions[-1].lead
        events.append(entry.event)
    if lead is None:
        return None
    for turn in _clock(ruleset, lead, teams or Teams(), until):
        lead = turn.lead
        events += (each.event for each in turn.entries)
        decisions += (each.decision for each in turn.entries)
    return Replayed(lead, Past(events, *_told(decisions)))


def rebuild(
    rulesets: Mapping[str, Ruleset], id: str, log: Iterable[Entry], start: Lead | None = None
) -> Lead | None:
    """Return the lead at the end of its log, each event decided by the rules that decided it then.

    None for an empty log without a ``start``. Raises KeyError for a version that is not among
    ``rulesets``.
    """
    lead = start
    for entry in log:
        ruleset = rulesets[entry.ruleset]
        if lead is None:
            lead = new_lead(ruleset, id, min(entry.event.at, entry.decided_at))
        lead = decide(ruleset, lead, entry.event, entry.decided_at).lead
    return lead


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
