"""A lead's log played again, with the leads that were merged into it and parted from it."""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

from engine.machines import balance, merging
from engine.machines.lead import decide, new_lead
from engine.machines.merging import MERGED, UNMERGED, Entry, Side
from engine.machines.state import Decision, Event, Lead
from engine.network.ruleset import Ruleset


class _Tale(msgspec.Struct):
    """One lead on the way: its state, its log so far, and what was decided."""

    lead: Lead | None
    log: list[Entry] = []
    events: list[Event] = []
    decisions: list[Decision] = []

    def side(self, start: Lead | None) -> Side | None:
        if self.lead is None:
            return None
        lines = (line for decision in self.decisions for line in decision.ledger)
        begun = balance.dimensions(start) if start is not None else {}
        return Side(self.lead, self.log, start, {**begun, **balance.sums(lines)})


class _Merge(msgspec.Struct, frozen=True):
    """A merge that may be undone: both tales up to it, ``seq`` the last event before."""

    survivor: str
    absorbed: str
    mine: _Tale
    theirs: _Tale
    seq: int


class Chronicle:
    """The lead ``id`` from its first event on, or from its state in ``start``.

    Give `take` its log in order, with the entries of those that were merged into it: they are
    led by themselves until then.
    """

    def __init__(self, id: str, start: Mapping[str, Lead]) -> None:
        self._id = id
        self._start = start
        self._tales: dict[str, _Tale] = {}
        self._merges: list[_Merge] = []

    @property
    def lead(self) -> Lead | None:
        """How the lead stands now."""
        return self._tale(self._id).lead

    @property
    def events(self) -> list[Event]:
        """Its events, in the order in which they came to it."""
        return list(self._tale(self._id).events)

    @property
    def decisions(self) -> list[Decision]:
        """What they did."""
        return list(self._tale(self._id).decisions)

    def take(self, ruleset: Ruleset, entry: Entry) -> None:
        """Play one entry by the rules that decided it."""
        id = entry.lead or self._id
        kind = entry.event.type
        absorbed = entry.event.properties.get("absorbed", "")
        if kind == MERGED:
            self._merge(ruleset, entry, id, absorbed)
        elif kind == UNMERGED:
            self._part(ruleset, entry, id, absorbed)
        else:
            self._decide(ruleset, entry, id)

    def _tale(self, id: str) -> _Tale:
        if id not in self._tales:
            self._tales[id] = _Tale(self._start.get(id))
        return self._tales[id]

    def _decide(self, ruleset: Ruleset, entry: Entry, id: str) -> None:
        tale = self._tale(id)
        lead = tale.lead or new_lead(ruleset, id, min(entry.event.at, entry.decided_at))
        self._note(tale, entry, decide(ruleset, lead, entry.event, entry.decided_at))

    @staticmethod
    def _note(tale: _Tale, entry: Entry, decision: Decision) -> None:
        tale.lead = decision.lead
        tale.log.append(entry)
        tale.events.append(entry.event)
        tale.decisions.append(decision)

    def _merge(self, ruleset: Ruleset, entry: Entry, id: str, absorbed: str) -> None:
        mine, theirs = self._tale(id), self._tale(absorbed)
        del self._tales[absorbed]
        self._merges.append(_Merge(id, absorbed, mine, theirs, entry.seq - 1))
        one, other = mine.side(self._start.get(id)), theirs.side(self._start.get(absorbed))
        if one is None or other is None:  # parted again later, and so not in this log
            self._tales[id] = _Tale(mine.lead, [*mine.log], [*mine.events], [*mine.decisions])
            return
        joined = merging.join(ruleset, one, other, entry.event, entry.decided_at)
        both = sorted([*mine.log, *theirs.log], key=lambda each: each.seq)
        decisions = [*mine.decisions, *theirs.decisions]
        tale = self._tales[id] = _Tale(joined.lead, both, [each.event for each in both], decisions)
        decision = decide(ruleset, joined.lead, entry.event, entry.decided_at)
        decision.ledger = [*joined.lines, *decision.ledger]
        decision.happenings = [*joined.happenings, *decision.happenings]
        self._note(tale, entry, decision)

    def _part(self, ruleset: Ruleset, entry: Entry, id: str, absorbed: str) -> None:
        """Undo the latest merge of the two: each as it was, one with what came to it since."""
        pairs = [(each.survivor, each.absorbed) for each in self._merges]
        if (id, absorbed) not in pairs:  # merged before this log begins
            return
        merge = self._merges.pop(len(pairs) - 1 - pairs[::-1].index((id, absorbed)))
        self._tales[absorbed], before = merge.theirs, merge.mine
        if before.lead is None:
            return
        asked = entry.event.properties.get("asked", 0)
        since = merging.since(self._tale(id).log, id, merge.seq)
        parted = merging.separate(ruleset, before.lead, since, asked)
        events = [*before.events, *(each.event for each in since), entry.event]
        decisions = [*before.decisions, *parted.decisions]
        self._tales[id] = _Tale(parted.lead, [*before.log, *since], events, decisions)
