"""Leads that are one: found among those that an event names, merged, and parted by a person.

All of it within the writer's transaction, upon what that has written already.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from engine.errors import Refused
from engine.host.visit import Arrival
from engine.language.intake import Merge
from engine.machines import balance, merging, uniting
from engine.machines.directory import Identity, Named
from engine.machines.merging import MERGED, UNMERGED, Entry
from engine.machines.state import Decision, Event, Happening, Lead, Teams
from engine.machines.turn import Turn
from engine.network.ruleset import Ruleset
from engine.store import merges, snapshots
from engine.store.merges import Merged
from engine.store.projecting import transition
from engine.store.rows import Row

BY_HAND: Final = frozenset({MERGED, UNMERGED})


class NotMerged(Refused):
    """Two leads cannot be merged, or parted."""

    code = "not-merged"


class Parted(msgspec.Struct, frozen=True):
    """Two leads after parting; decisions as the tables want them, ``entry`` for the log."""

    survivor: Decision
    absorbed: Decision
    event: Event
    teams: Teams
    identities: list[Identity]
    keeps_snapshot: bool


def named(
    connection: sqlite3.Connection,
    by: Mapping[str, frozenset[str]],
    leads: Iterable[Lead],
    known: Mapping[Identity, str],
) -> list[Named]:
    """Return what the directory needs to know of leads; ``known`` are links not yet written."""
    found = merges.kinds(connection, list(by))
    for (kind, _), lead in known.items():
        if lead in found:
            found[lead].add(kind)
    return [
        Named(lead.id, by[lead.id], frozenset(found[lead.id]), lead.created_at) for lead in leads
    ]


def is_somebody_else(
    connection: sqlite3.Connection,
    rule: Merge,
    arrival: Arrival,
    known: Mapping[Identity, str],
) -> str | None:
    """Return the lead whose browser a newcomer uses, None where nothing speaks for a newcomer."""

    def kinds(lead: str) -> set[str]:
        has = merges.kinds(connection, [lead])[lead]
        return has | {kind for (kind, _), of in known.items() if of == lead}

    return uniting.somebody_else(rule, arrival.identities, known, kinds)


def names_by(
    arrival: Arrival, lead: str | None, known: Mapping[Identity, str]
) -> dict[str, frozenset[str]]:
    """Return the leads that an event names, strongest first, with the kinds that name each."""
    return uniting.names_by(arrival.identities, lead, known)


def merge(
    ruleset: Ruleset,
    connection: sqlite3.Connection,
    teams: Teams,
    pair: tuple[Lead, Lead],
    event: Event,
    now: int,
) -> Turn:
    """Merge (survivor, absorbed) and return the turn of the one lead, begun by ``event``."""
    survivor, absorbed = pair
    number = merges.next_number(connection)
    sides = (merges.side(connection, survivor), merges.side(connection, absorbed))
    united = uniting.merge(ruleset, teams, sides, event, number, now)
    event = united.event
    reason = str(event.properties.get("reason", ""))
    merged = Merged(number, absorbed.id, survivor.id, now, event.id, reason, event.by)
    took = united.journeys, united.clocks, united.owned
    merges.absorb(connection, merged, absorbed, survivor, took)
    return united.turn


def latest(connection: sqlite3.Connection, survivor: str, absorbed: str) -> Merged:
    """Return the merge to be undone; raises NotMerged unless it is the survivor's latest."""
    present = [each for each in merges.of_lead(connection, survivor) if each.undone_at is None]
    if not any(each.absorbed == absorbed for each in present):
        raise NotMerged(f"{absorbed} was not merged into {survivor}")
    if present[0].absorbed != absorbed:
        raise NotMerged(
            f"{present[0].absorbed} was merged into {survivor} later; part that one first"
        )
    return present[0]


def part(
    ruleset: Ruleset,
    connection: sqlite3.Connection,
    teams: Teams,
    lead: Lead,
    event: Event,
    now: int,
) -> Parted:
    """Part ``lead`` from the one that ``event`` names; raises NotMerged."""
    merged = latest(connection, lead.id, str(event.properties.get("absorbed")))
    absorbed, before = merges.states(connection, merged.number)
    since = merging.since(merges.side(connection, lead).log, lead.id, merged.seq)
    separated = merging.separate(ruleset, before, since, lead.asked)
    survivor, moves = separated.lead, _moves(since, separated.decisions)
    reason = str(event.properties.get("reason", ""))
    identities = merges.part(connection, merged, now, event.by, reason, moves)
    merges.end_turn(connection, survivor, event, now)
    properties = {**event.properties, "survivor": lead.id, "asked": lead.asked}
    event = replace(event, properties=properties)
    return Parted(
        _decision(ruleset, connection, survivor, event, now, lead.facts.get("stage")),
        _decision(ruleset, connection, absorbed, event, now, absorbed.facts.get("stage")),
        event,
        merging.reload(ruleset, teams, [lead], [survivor, absorbed]),
        identities,
        (snapshots.covered(connection, lead.id) or 0) > merged.seq,
    )


def _moves(since: Iterable[Entry], decisions: Iterable[Decision]) -> list[Row]:
    """Return the moves from stage to stage of a lead that was parted."""
    return [
        transition(entry.lead, entry.event.id, entry.event.by, each)
        for entry, decision in zip(since, decisions, strict=True)
        for each in decision.happenings
        if each.kind == "stage"
    ]


def _decision(
    ruleset: Ruleset,
    connection: sqlite3.Connection,
    lead: Lead,
    event: Event,
    now: int,
    stage: str | None,
) -> Decision:
    """Return what the tables are told: the lead as it stands, its ledger set right."""
    given = balance.by_dimension(merges.sums(connection, lead.id))
    wanted = balance.dimensions(lead)
    lines = balance.corrections(wanted, given, {}, ruleset.version, event, now)
    lines = [replace(line, reason="unmerged") for line in lines]
    told = {name: event.properties[name] for name in ("absorbed", "survivor")}
    happenings = [Happening(now, UNMERGED, told)]
    if lead.facts.get("stage") != stage:
        change = {"from": stage, "to": lead.facts.get("stage"), "reason": "unmerged"}
        happenings.append(Happening(now, "stage", change))
    return Decision(lead, lines, happenings)
