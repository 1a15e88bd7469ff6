"""Two leads that turn out to be one: their logs played as one, and what each keeps. Pure.

Scores, fields, windows, counts and consents are those of a lead to which everything had happened:
both logs are played in the order of their decisions, and what that would have sent, asked or
assigned is dropped. What really happened once stays the survivor's: journeys, owner, stage.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from engine.machines import team, touches
from engine.machines.balance import REASON, Key, Sums, by_dimension, corrections, dimensions, sums
from engine.machines.lead import decide, new_lead
from engine.machines.scoring import EXPIRY
from engine.machines.state import (
    Decision,
    Enrolment,
    Event,
    Happening,
    Lead,
    LedgerLine,
    Number,
    Teams,
)
from engine.network.ruleset import Ruleset, tidy

MERGED: Final = "lead_merged"
UNMERGED: Final = "lead_unmerged"
# Facts that are not taken from the log of both.
_OWN: Final = frozenset({"stage", "owner", "team", "pool"})
_OWNERSHIP: Final = ("owner", "team", "pool")
_UNITED: Final = ("lead.tags", "lead.flags")
_LATER: Final = ("stage:", "enter:")


class Entry(msgspec.Struct, frozen=True):
    """An event of a lead's log; ``decided_at`` is the ``now`` of its decision.

    ``ruleset`` is the version that decided it, ``lead`` the one that it was decided for: another
    than the log's where that one was merged later. ``seq`` orders the entries of several leads.
    """

    event: Event
    decided_at: int
    ruleset: str = ""
    lead: str = ""
    seq: int = 0


class Side(msgspec.Struct, frozen=True):
    """One of the two: how it stands, its log, and where that begins (None: with its first event).

    ``sums`` has the points that its ledger shows by rule.
    """

    lead: Lead
    log: Sequence[Entry]
    start: Lead | None = None
    sums: Sums = {}


class Joined(msgspec.Struct, frozen=True):
    """The one lead before the merge itself is decided, and what sets the ledger right."""

    lead: Lead
    lines: list[LedgerLine]
    happenings: list[Happening]


def join(ruleset: Ruleset, survivor: Side, absorbed: Side, event: Event, now: int) -> Joined:
    """Return both as one lead under the survivor's id.

    The ledger of both stays; ``lines`` take back what counted twice and add what counts only
    together, so that the score is the sum of its ledger. ``unjudged`` names what is different
    from before, for the decision of ``event`` to look at.
    """
    one, start = _played(ruleset, survivor, absorbed, now)
    lines = _corrections(ruleset, one, start, (survivor.sums, absorbed.sums), event, now)
    lead = _united(ruleset, one.lead, survivor.lead, absorbed.lead, now)
    return Joined(lead, lines, _moved_on(survivor.lead, lead, now))


class _Played(msgspec.Struct):
    lead: Lead
    ledger: list[LedgerLine] = []


def _played(
    ruleset: Ruleset, survivor: Side, absorbed: Side, now: int
) -> tuple[_Played, Lead | None]:
    """Play both logs as that of one lead, and let its clock go on to ``now``."""
    start = _start(survivor, absorbed)
    since = min(survivor.lead.created_at, absorbed.lead.created_at)
    begin = start or new_lead(ruleset, survivor.lead.id, since)
    played = _Played(begin)
    log = sorted(effective([*survivor.log, *absorbed.log]), key=lambda entry: entry.seq)
    for entry in log:
        _take(played, decide(ruleset, played.lead, entry.event, entry.decided_at))
    _take(played, decide(ruleset, played.lead, Event(REASON, "timer_due", now), now))
    return played, start


def _take(played: _Played, decision: Decision) -> None:
    played.lead = decision.lead
    played.ledger += decision.ledger


def _start(survivor: Side, absorbed: Side) -> Lead | None:
    """Return where both logs begin, of leads whose oldest events retention has removed."""
    if survivor.start is None:
        return absorbed.start and replace(absorbed.start, id=survivor.lead.id)
    if absorbed.start is None:
        return survivor.start
    known = survivor.start.facts
    filled = {k: v for k, v in absorbed.start.facts.items() if _fills(known, k)}
    return replace(survivor.start, facts={**filled, **survivor.start.facts})


def effective(log: Iterable[Entry]) -> list[Entry]:
    """Return a log without the merges that a person undid, and their undoing."""
    kept: list[Entry] = []
    for entry in log:
        if entry.event.type == UNMERGED:
            whom = entry.event.properties.get("absorbed")
            found = (i for i in reversed(range(len(kept))) if _absorbs(kept[i].event, whom))
            last = next(found, None)
            if last is not None:
                kept[last:] = _without_answers(kept[last + 1 :])
        else:
            kept.append(entry)
    return kept


def since(log: Iterable[Entry], lead: str, seq: int) -> list[Entry]:
    """Return what came to a lead itself after a merge, ``seq`` being the last event before."""
    own = [each for each in effective(log) if each.seq > seq and each.lead == lead]
    return _without_answers([each for each in own if each.event.type != MERGED])


def _without_answers(entries: list[Entry]) -> list[Entry]:
    """Return entries that follow a merge without the team machine's answers to it."""
    first = next((i for i, each in enumerate(entries) if not _is_answer(each.event)), None)
    return [] if first is None else entries[first:]


def _is_answer(event: Event) -> bool:
    answers = ("lead_assigned", "lead_released", "claim_refused")
    return event.type in answers and event.channel == "engine"


def _absorbs(event: Event, lead: Any) -> bool:
    return event.type == MERGED and event.properties.get("absorbed") == lead


# --- the ledger ----------------------------------------------------------------------------------


def _corrections(
    ruleset: Ruleset,
    one: _Played,
    start: Lead | None,
    before: Sequence[Sums],
    event: Event,
    now: int,
) -> list[LedgerLine]:
    """Return the lines between what both ledgers give and what one lead's gives.

    By rule; by dimension for logs that do not go back to the beginning.
    """
    given: dict[Key, Number] = {}
    for each in before:
        for key, points in each.items():
            given[key] = tidy(given.get(key, 0) + points)
    if start is None:
        wanted = sums(one.ledger)
    else:
        given, wanted = by_dimension(given), dimensions(one.lead)
    places = {(line.model, line.dimension, line.rule): line.source for line in one.ledger}
    return corrections(wanted, given, places, ruleset.version, event, now)


# --- the lead ------------------------------------------------------------------------------------


def _united(ruleset: Ruleset, one: Lead, survivor: Lead, absorbed: Lead, now: int) -> Lead:
    """Return the lead: from ``one`` what is counted, from the two what was done."""
    owned = _whose(survivor, absorbed)
    staged = _further(ruleset, survivor, absorbed)
    journeys = _journeys(survivor, absorbed, now)
    facts = _facts(ruleset, one, survivor, absorbed)
    facts["stage"] = staged.facts.get("stage")
    facts |= {name: owned.facts.get(name) for name in _OWNERSHIP}
    facts |= {f"journey.{name}": each.step for name, each in journeys.items()}
    facts = {name: value for name, value in facts.items() if value is not None}
    truths = {k: v for k, v in one.truths.items() if _was_true(k, survivor, absorbed)}
    lead = replace(
        one,
        id=survivor.id,
        created_at=min(survivor.created_at, absorbed.created_at),
        updated_at=max(survivor.updated_at, absorbed.updated_at),
        facts=facts,
        stages=_earliest(survivor.stages, absorbed.stages),
        truths=truths,
        timers=_timers(one, survivor, owned),
        journeys=journeys,
        clocks=owned.clocks,
        halted=owned.halted,
        assignment=owned.assignment,
        asked=survivor.asked,
        sends=sorted([*survivor.sends, *absorbed.sends], key=lambda send: send[0]),
        addresses={**absorbed.addresses, **survivor.addresses},
    )
    lead.unjudged = {**_changed(lead, one, survivor), **survivor.unjudged}
    return lead


def _facts(ruleset: Ruleset, one: Lead, survivor: Lead, absorbed: Lead) -> dict[str, Any]:
    facts = {
        name: value
        for name, value in one.facts.items()
        if name not in _OWN and not name.startswith("journey.")
    }
    by_journeys = {_fact(name) for name in _set_by_journeys(ruleset)}
    told = {**absorbed.facts, **survivor.facts}
    for name in {*by_journeys, *_UNITED}:
        facts.pop(name, None)
    facts |= {k: v for k, v in told.items() if k not in facts and _fills(facts, k)}
    for name in _UNITED:
        both = [*survivor.facts.get(name, ()), *absorbed.facts.get(name, ())]
        if both:
            facts[name] = list(dict.fromkeys(both))
    # The grade is still the survivor's: the decision that follows finds and tells the new one.
    for name, value in survivor.facts.items():
        if name.startswith("grade.") or (name == "grade" and "override.grade" not in facts):
            facts[name] = value
    return facts


def _fills(facts: Mapping[str, Any], name: str) -> bool:
    """Whether a lead may take a fact over from the other: not half a touch beside its own."""
    return name.startswith("lead.") and not touches.is_settled(facts, name)


def _fact(field: str) -> str:
    return field if field.startswith("lead.") else f"lead.{field}"


def _set_by_journeys(ruleset: Ruleset) -> set[str]:
    return {
        name
        for journey in ruleset.definitions.journeys
        for step in journey.steps
        for name in step.with_.get("fields", {})
    }


def _whose(survivor: Lead, absorbed: Lead) -> Lead:
    """Return the one whose owner stays: the survivor's, else the other's; pools after owners."""
    for name in ("owner", "pool"):
        for lead in (survivor, absorbed):
            if lead.facts.get(name) is not None:
                return lead
    return survivor


def _further(ruleset: Ruleset, survivor: Lead, absorbed: Lead) -> Lead:
    """Return the one whose stage is further on; where one is final, the survivor."""
    order = list(ruleset.stages)
    names = [lead.facts.get("stage", "") for lead in (survivor, absorbed)]
    if any(n not in ruleset.stages or ruleset.stages[n].definition.final for n in names):
        return survivor
    return absorbed if order.index(names[1]) > order.index(names[0]) else survivor


def _journeys(survivor: Lead, absorbed: Lead, now: int) -> dict[str, Enrolment]:
    """Return the survivor's journeys, and where the other one has been; nothing of that runs."""
    past = {n: _ended(each, now) for n, each in absorbed.journeys.items()}
    return {**past, **survivor.journeys}


def _ended(enrolment: Enrolment, now: int) -> Enrolment:
    if enrolment.left_at is not None:
        return enrolment
    return replace(enrolment, step=None, left_at=now, reason=REASON)


def ended_journeys(lead: Lead) -> list[str]:
    """Return the journeys that a lead is in, and that end when it is absorbed."""
    return [name for name, each in lead.journeys.items() if each.left_at is None]


def _earliest(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    names = dict.fromkeys((*one, *other))
    return {n: min(t for t in (one.get(n), other.get(n)) if t is not None) for n in names}


def _was_true(key: str, survivor: Lead, absorbed: Lead) -> bool:
    """Whether a truth is no news; what comes true only together still has its effect."""
    return not key.startswith(_LATER) or key in survivor.truths or key in absorbed.truths


def _timers(one: Lead, survivor: Lead, owned: Lead) -> dict[str, int]:
    """Return the deadlines: of rules anew, of journeys the survivor's, of SLAs the owner's."""
    counted = ("rule:", *_LATER)
    return {
        **{k: v for k, v in one.timers.items() if k == EXPIRY or k.startswith(counted)},
        **{k: v for k, v in survivor.timers.items() if k.startswith(("journey:", "end:"))},
        **{k: v for k, v in owned.timers.items() if k.startswith(("sla:", "recycle:", "task:"))},
    }


def _changed(lead: Lead, one: Lead, survivor: Lead) -> dict[str, Any]:
    """Return what is not as the survivor or the played log has it, with the survivor's value."""
    before: dict[str, Any] = {}
    for name in (*lead.facts, *survivor.facts, *one.facts):
        value = lead.facts.get(name)
        if value != survivor.facts.get(name) or value != one.facts.get(name):
            before[name] = survivor.facts.get(name)
    for key, state in lead.windows.items():
        if state != survivor.windows.get(key):
            before[key] = None
    return before


def _moved_on(survivor: Lead, lead: Lead, now: int) -> list[Happening]:
    """Return the change of stage, where the other one was further."""
    was, now_in = survivor.facts.get("stage"), lead.facts.get("stage")
    if was == now_in:
        return []
    return [Happening(now, "stage", {"from": was, "to": now_in, "reason": REASON})]


# --- separating ----------------------------------------------------------------------------------


class Separated(msgspec.Struct, frozen=True):
    """The survivor of a merge that was undone, and what each entry since has done to it alone."""

    lead: Lead
    decisions: list[Decision]


def separate(ruleset: Ruleset, before: Lead, since: Iterable[Entry], asked: int) -> Separated:
    """Return the survivor as it was ``before`` a merge, with what came to it ``since``.

    ``asked`` is how often the merged lead was sent to routing: keys of requests stay unique.
    """
    lead, decisions = before, []
    for entry in since:
        decisions.append(decide(ruleset, lead, entry.event, entry.decided_at))
        lead = decisions[-1].lead
    return Separated(replace(lead, asked=max(lead.asked, asked)), decisions)


# --- teams ---------------------------------------------------------------------------------------


def reload(ruleset: Ruleset, teams: Teams, gone: Sequence[Lead], come: Sequence[Lead]) -> Teams:
    """Return team state with the open leads of owners: ``gone`` no more, ``come`` instead."""
    for lead in gone:
        if not team.is_over(ruleset, lead):
            teams = team.close(teams, lead)
    for lead in come:
        name, owner = lead.facts.get("team") or "", lead.facts.get("owner")
        book = teams.books.get(name)
        if book is not None and owner is not None and not team.is_over(ruleset, lead):
            loads = {**book.loads, owner: book.loads.get(owner, 0) + 1}
            teams = Teams({**teams.books, name: replace(book, loads=loads)})
    return teams
