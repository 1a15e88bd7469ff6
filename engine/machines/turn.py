"""One turn: an event for a lead, the team machine's answers, until nobody asks any more.

Every host, the workbench and replay take turns through this one function.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from engine.language.instants import format_instant
from engine.machines import team
from engine.machines.lead import decide, new_lead
from engine.machines.state import Assignment, Decision, Event, Lead, Refusal, Request, Teams
from engine.network.ruleset import Ruleset

__all__ = ["Entry", "Turn", "new_lead", "take_turn"]

MAX_ANSWERS: Final = 20


@dataclass
class Entry:
    """An event and what it did."""

    event: Event
    decision: Decision


@dataclass
class Turn:
    """The new state, and the events that led there: the one given, then the answers."""

    lead: Lead
    teams: Teams
    entries: list[Entry]


def take_turn(ruleset: Ruleset, lead: Lead, teams: Teams, event: Event, now: int) -> Turn:
    """Run ``event`` and everything that follows from it at once; inputs stay unchanged."""
    decision = decide(ruleset, lead, event, now)
    after, entry = decision.lead, Entry(event, decision)
    is_news = after.facts is not lead.facts or after.contacted_at != lead.contacted_at
    if not (is_news or decision.requests):  # most events are none to the team machine
        return Turn(after, teams, [entry])
    return follow(ruleset, lead, teams, entry, now)


def follow(ruleset: Ruleset, lead: Lead, teams: Teams, first: Entry, now: int) -> Turn:
    """Return the turn that begins with ``first``, which is what ``lead`` has just decided."""
    entries = [first]
    teams = team.moved(ruleset, teams, lead, first.decision.lead, first.event.by)
    lead = first.decision.lead
    asked = list(first.decision.requests)
    while asked and len(entries) < MAX_ANSWERS:
        request = asked.pop(0)
        teams, answer = team.answer(ruleset, teams, lead, request, now)
        event = _answer(request, answer, now)
        decision = decide(ruleset, lead, event, now)
        teams = _closed(ruleset, teams, lead, decision.lead)
        lead = decision.lead
        entries.append(Entry(event, decision))
        asked += decision.requests
    return Turn(lead, teams, entries)


def _closed(ruleset: Ruleset, teams: Teams, old: Lead, new: Lead) -> Teams:
    """A lead that reached a final stage is no load for its owner any more."""
    before, after = old.facts.get("stage"), new.facts.get("stage")
    if before == after or after not in ruleset.stages:
        return teams
    was_final = before in ruleset.stages and ruleset.stages[before].definition.final
    is_final = ruleset.stages[after].definition.final
    return team.ended(ruleset, teams, old, new) if is_final and not was_final else teams


def _answer(request: Request, answer: Assignment | Refusal, now: int) -> Event:
    if isinstance(answer, Refusal):
        told: dict[str, str | None] = {
            "member": answer.member,
            "pool": answer.pool,
            "reason": answer.reason,
        }
        if answer.possible_at is not None:
            told["possible_at"] = format_instant(answer.possible_at)
        told = {k: v for k, v in told.items() if v}
        return Event(
            id=request.key, type="claim_refused", at=now, properties=told, channel="engine"
        )
    properties = {
        "owner": answer.owner,
        "team": answer.team,
        "pool": answer.pool,
        "rule": answer.rule,
        "reason": answer.reason or request.reason,
        "tried": answer.tried,
        "considered": answer.considered,
    }
    kind = "lead_released" if request.kind == "release" else "lead_assigned"
    kept = {k: v for k, v in properties.items() if v}
    return Event(id=request.key, type=kind, at=now, properties=kept, channel="engine")
