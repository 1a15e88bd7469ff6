"""A clockwork that finds out whose an event is, and remembers everything.

Leads that an event shows to be one are merged as in a running server, by `engine.machines.uniting`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

from engine.machines import balance, turn, uniting
from engine.machines.directory import Conflict, Identity, Named, Resolution, resolve, unite
from engine.machines.merging import Entry, Side
from engine.machines.state import Event, Happening, LedgerLine
from engine.network.ruleset import Ruleset
from engine.workbench.clockwork import Clockwork, Moment


class View(msgspec.Struct, frozen=True):
    """A lead as compiled conditions read it, at one instant and outside any event."""

    facts: dict[str, Any]
    windows: dict[str, list[Any]]
    created_at: int
    now: int
    properties: dict[str, Any] = {}
    before: dict[str, Any] = {}


class Past(msgspec.Struct):
    """What a merge needs to know of a lead: its log and its ledger."""

    log: list[Entry] = []
    ledger: list[LedgerLine] = []


class World(Clockwork):
    """Leads, teams and identities, and the instant that it is; ``log`` is all that happened.

    ``first`` is the id of the first lead, the others are lead-2 and so on.
    """

    def __init__(self, ruleset: Ruleset, start: int, first: str = "lead-1") -> None:
        super().__init__(ruleset, start)
        self._first = first
        self.known: dict[Identity, str] = {}
        self.log: list[Moment] = []
        self._past: dict[str, Past] = {}
        self._absorbed: dict[str, str] = {}
        self._conflicts: list[Conflict] = []
        self._told: set[tuple[str, str]] = set()
        self._made = 0

    def take(self, event: Event, identities: Sequence[Identity]) -> str:
        """Let ``event`` happen to the lead that ``identities`` mean; returns that lead's id."""
        lead = self._whose(event, identities)
        self.post(event, lead)
        return lead

    def present(self, lead: str) -> str:
        """Return what a lead is now, which may have been merged into another one."""
        while lead in self._absorbed:
            lead = self._absorbed[lead]
        return lead

    # --- whose an event is -------------------------------------------------------------------

    def _whose(self, event: Event, identities: Sequence[Identity]) -> str:
        self._made += 1
        new = f"lead-{self._made}" if self._made > 1 else self._first
        rule = self.ruleset.definitions.intake.merge
        other = uniting.somebody_else(rule, identities, self.known, self._kinds)
        if other is not None:
            links = tuple(each for each in identities if each not in self.known)
            found = Resolution(new, True, links, ())
            self._conflict(new, Conflict(other, uniting.SHARED))
        else:
            found = resolve(self.known, identities, new)
        if found.created:
            self.begin(new, min(event.at, self.now))
            self._past[new] = Past()
        lead = self._unite(event, identities) if found.conflicts else found.lead
        self.known.update(dict.fromkeys(found.links, lead))
        return lead

    def _kinds(self, lead: str) -> frozenset[str]:
        return frozenset(kind for (kind, _), of in self.known.items() if of == lead)

    def _unite(self, event: Event, identities: Sequence[Identity]) -> str:
        """Merge what the event shows to be one lead, and return it."""
        by = uniting.names_by(identities, None, self.known)
        named = [Named(id, by[id], self._kinds(id), self.leads[id].created_at) for id in by]
        union = unite(self.ruleset.definitions.intake.merge, named)
        for survivor, absorbed in union.merges:
            kinds = by[survivor] | by[absorbed]
            self._merge(survivor, absorbed, event, kinds)
            by[survivor] = kinds
        for conflict in union.conflicts:
            self._conflict(union.lead, conflict)
        return union.lead

    def _merge(self, survivor: str, absorbed: str, event: Event, kinds: frozenset[str]) -> None:
        shown = uniting.automatic(event, survivor, absorbed, kinds, self.now)
        sides = self._side(survivor), self._side(absorbed)
        number = len(self._absorbed) + 1
        united = uniting.merge(self.ruleset, self.teams, sides, shown, number, self.now)
        one, other = self._past[survivor], self._past.pop(absorbed)
        log = sorted([*one.log, *other.log], key=lambda entry: entry.seq)
        self._past[survivor] = Past(log, [*one.ledger, *other.ledger])
        self._absorbed[absorbed] = survivor
        self.end(absorbed)
        moved = [identity for identity, lead in self.known.items() if lead == absorbed]
        self.known.update(dict.fromkeys(moved, survivor))
        self.answer(survivor, self.record(survivor, united.turn))

    def _side(self, lead: str) -> Side:
        past = self._past[lead]
        return Side(self.leads[lead], past.log, None, balance.sums(past.ledger))

    def _conflict(self, lead: str, conflict: Conflict) -> None:
        """Have the event tell once of two leads that it names and that stay two."""
        pair = (lead, conflict.lead)
        if pair not in self._told:
            self._told.add(pair)
            self._conflicts.append(conflict)

    # --- what happens to it ------------------------------------------------------------------

    def noted(self, lead: str, entry: turn.Entry) -> None:
        """Keep all of it, and have the event tell of leads that it names and that stay two."""
        past, decision = self._past[lead], entry.decision
        past.log.append(Entry(entry.event, self.now, self.ruleset.version, lead, len(self.log)))
        past.ledger += decision.ledger
        for each in self._conflicts:
            data = {"leads": [each.lead], "reason": each.reason}
            decision.happenings.append(Happening(self.now, "identity_conflict", data))
        self._conflicts.clear()
        self.log.append(Moment(self.now, lead, entry.event, decision))
