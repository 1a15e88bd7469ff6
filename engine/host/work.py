"""One transaction's work: events decided in memory, then written all at once.

What it holds until then is the `Batch`.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, TypeVar

from engine.errors import NotFound
from engine.host import merging
from engine.host.batch import Batch, Memory, NotAhead
from engine.host.door import ENGINE
from engine.host.durable import DurableFailed
from engine.host.ids import lead_id, new_id
from engine.host.outcome import Outcome, defect, refused, summary_of_seen, try_later
from engine.host.visit import Arrival
from engine.language.instants import MINUTE
from engine.machines import uniting
from engine.machines.directory import Conflict, Identity, Resolution, resolve, unite
from engine.machines.merging import UNMERGED
from engine.machines.state import Event, Happening, Lead
from engine.machines.turn import new_lead, take_turn
from engine.network.ruleset import Ruleset
from engine.store import forgetting, lookup, merges
from engine.store.sheet import Sheet

__all__ = ["Memory", "NotAhead", "Work"]

K = TypeVar("K")
_log: Final = logging.getLogger("leadrules.host")
# A lead whose rules fail when it is woken is left alone for so long.
_REST: Final = 5 * MINUTE
_FORGOTTEN: Final = (
    "this person was forgotten at their own wish; a list does not bring them back, only what "
    "they do from now on"
)


class Work(Batch):
    """The events of one transaction, with everything they change. Used once."""

    def __init__(
        self,
        ruleset: Ruleset,
        memory: Memory,
        connection: sqlite3.Connection,
        sheet: Sheet | None = None,
    ) -> None:
        super().__init__(ruleset, memory, connection, sheet)
        self._seen: dict[str, lookup.Seen] = {}
        self._before: dict[str, str] = {}
        self._buried: set[Identity] = set()
        self._told: set[tuple[str, str]] = set()

    # --- events ------------------------------------------------------------------------------

    def prepare(self, arrivals: Sequence[Arrival]) -> None:
        """Look up in one go what the log and the directory know of these events."""
        if not arrivals:
            return
        identities = {i for a in arrivals for i in a.identities}
        ids = [a.event.id for a in arrivals]
        self._before = _among(self._ahead.events, ids)
        self._seen = lookup.seen(self._connection, ids)
        self._known = self._who(identities)
        past = {i for a in arrivals if a.event.history for i in a.identities} - self._known.keys()
        if past:
            self._buried = forgetting.buried(self._connection, past)
        self._gate.prepare(arrivals)
        self._fetch({*self._known.values(), *(a.lead for a in arrivals if a.lead)})
        if self._memory.clock.driven:
            self._fetch_due(max(a.event.at for a in arrivals), len(arrivals))

    def _who(self, identities: set[Identity]) -> dict[Identity, str]:
        """Return the leads of those identities that are known."""
        known = {**self._memory.cache.known(identities), **_among(self._ahead.links, identities)}
        others = identities - known.keys()
        if others:
            stored = lookup.known(self._connection, others)
            self._memory.cache.link(stored)
            known |= stored
        return known

    def take(self, arrival: Arrival) -> Outcome:
        """Decide one event. A defect in the machines costs this event only."""
        event = arrival.event
        duplicate = self._duplicate(event)
        if duplicate is not None:
            return duplicate
        try:
            return self._take(arrival)
        except NotFound as error:
            return refused(event.id, "unknown-lead", str(error))
        except merging.NotMerged as error:
            return refused(event.id, error.code, str(error))
        except DurableFailed as error:  # with ``network: durable``; the next event finds another
            _log.error("an event %s: %s", event.type, error)
            return try_later(event.id, error.code, str(error))
        except (sqlite3.Error, NotAhead):
            raise
        except Exception:
            name = new_id(self._memory.clock.wall())  # the sender's own id may be an address
            _log.exception("%s: a defect; an event %s is refused", name, event.type)
            return defect(event.id, name)

    def _duplicate(self, event: Event) -> Outcome | None:
        """An event counts once, whether it came with an earlier batch or in this one."""
        lead = self._new.get(event.id) or self._before.get(event.id)
        seen = self._seen.get(event.id)
        if lead is None and seen is None:
            return None
        lead = self._present(lead or (seen.lead if seen else ""))
        known = self._touched.get(lead) or self._ahead.leads.get(lead)
        if known is None and seen is None:
            known = self._lead(lead)
        if known is not None:
            return Outcome(event.id, lead, "duplicate", None, self._summary(known))
        assert seen is not None
        return Outcome(event.id, lead, "duplicate", None, summary_of_seen(seen))

    def _take(self, arrival: Arrival) -> Outcome:
        if self._is_buried(arrival):
            return refused(arrival.event.id, "forgotten", _FORGOTTEN)
        is_known = self._is_known(arrival)
        turned = self._gate.turn_away(arrival, is_known)
        if turned is not None:
            return turned
        found = self._whose(arrival) if is_known else self._newcomer(arrival)
        self._pass_time(arrival.event.at)
        if arrival.event.type in merging.BY_HAND:
            return self._by_hand(arrival, found.lead)
        if found.conflicts:
            found = self._unite(arrival, found)
        lead = self._lead_of(found, arrival.event)
        event = self._gate.marked(arrival, None if found.created else lead)
        turn = take_turn(self._ruleset, lead, self._teams, event, self._now)
        self._record(lead, turn)
        self._gate.enrich(event, lead, turn.lead)
        if self._newest is None or event.at > self._newest:
            self._newest = event.at
        for identity in found.links:
            self._known[identity] = found.lead
        self._rows.link(found.links, found.lead)
        return Outcome(event.id, found.lead, "accepted", None, self._summary(turn.lead))

    def _is_buried(self, arrival: Arrival) -> bool:
        """Whether an old list brings back somebody who was forgotten; who comes alone may."""
        buried = arrival.event.history and any(i in self._buried for i in arrival.identities)
        return buried and not self._is_known(arrival)

    def _is_known(self, arrival: Arrival) -> bool:
        return arrival.lead is not None or not self._known.keys().isdisjoint(arrival.identities)

    def _newcomer(self, arrival: Arrival) -> Resolution:
        return resolve({}, arrival.identities, self._new_lead_id(arrival.event))

    def _whose(self, arrival: Arrival) -> Resolution:
        """Find the lead an event means; one named by its id counts more than any identity."""
        if arrival.lead is None:
            return self._named(arrival)
        lead = self._present(arrival.lead)
        if self._lead(lead) is None:
            raise NotFound(f"there is no lead {arrival.lead!r}")
        named: Identity = ("id", arrival.lead)
        known = {i: self._known[i] for i in arrival.identities if i in self._known}
        known[named] = lead
        return resolve(known, (named, *arrival.identities), lead)

    def _named(self, arrival: Arrival) -> Resolution:
        """Find the lead that identities mean of which some are known."""
        leads = {self._known.get(identity) for identity in arrival.identities}
        only = leads.pop() if len(leads) == 1 else None
        if only is not None:  # most events bring nothing that is new
            return Resolution(only, False, (), ())
        if any(lead in leads for lead in self._ahead.links.values()):
            raise NotAhead
        rule = self._ruleset.definitions.intake.merge
        other = merging.is_somebody_else(self._connection, rule, arrival, self._known)
        if other is None:
            return resolve(self._known, arrival.identities, "")
        new = self._new_lead_id(arrival.event)
        self._conflict(new, arrival.event, Conflict(other, uniting.SHARED))
        links = tuple(i for i in arrival.identities if i not in self._known)
        return Resolution(new, True, links, ())

    def _new_lead_id(self, event: Event) -> str:
        return lead_id(event.id, min(event.at, self._now))

    def _lead_of(self, found: Resolution, event: Event) -> Lead:
        if found.created:
            return new_lead(self._ruleset, found.lead, min(event.at, self._now))
        lead = self._lead(found.lead)
        if lead is None:  # an identity of a lead that is gone
            raise NotFound(f"there is no lead {found.lead!r}")
        return lead

    # --- leads that are one ------------------------------------------------------------------

    def _unite(self, arrival: Arrival, found: Resolution) -> Resolution:
        """Merge what the event shows to be one lead; what stays two is told on the timeline."""
        self._flush()
        given = self._present(arrival.lead) if arrival.lead else None
        by = merging.names_by(arrival, given, self._known)
        leads = [lead for id in by if (lead := self._lead(id)) is not None]
        named = merging.named(self._connection, by, leads, self._known)
        rule = self._ruleset.definitions.intake.merge
        union = unite(rule, named, merges.apart(self._connection, by))
        for survivor, absorbed in union.merges:
            kinds = by[survivor] | by[absorbed]
            event = uniting.automatic(arrival.event, survivor, absorbed, kinds, self._now)
            self._merge(survivor, absorbed, event)
            by[survivor] = kinds
        for conflict in union.conflicts:
            self._conflict(union.lead, arrival.event, conflict)
        return Resolution(union.lead, False, found.links, ())

    def _conflict(self, lead: str, event: Event, conflict: Conflict) -> None:
        """Tell once of two leads that an event names and that stay two."""
        self._check_alone()
        pair = (lead, conflict.lead)
        if pair in self._told or merges.is_told(self._connection, *pair):
            return
        self._told.add(pair)
        data = {"leads": [conflict.lead], "reason": conflict.reason}
        self._rows.happened(lead, event.id, Happening(self._now, "identity_conflict", data))

    def _by_hand(self, arrival: Arrival, id: str) -> Outcome:
        """Do what a person says of two leads; raises NotFound and NotMerged."""
        event, other = arrival.event, str(arrival.event.properties.get("absorbed"))
        if event.type == UNMERGED:
            self._part(id, other, event)
        elif self._present(other) == id:
            raise merging.NotMerged(f"{other} and {id} are one already")
        else:
            self._merge(id, self._present(other), event)
        return Outcome(event.id, id, "accepted", None, self._summary(self._touched[id]))

    # --- time --------------------------------------------------------------------------------

    def _pass_time(self, at: int) -> None:
        """Let a clock that events drive move on, waking in order who is due before the event."""
        if not self._memory.clock.driven:
            return
        target = max(self._memory.clock.reach(at), self._now)
        while (alarm := self._alarm(target)) is not None:
            self._now = max(alarm[0], self._now)
            self._wake(*alarm)
        self._now = target

    def wake_due(self, most: int) -> int:
        """Wake up to ``most`` leads that are due now; returns how many were."""
        self._fetch_due(self._now, most)
        for count in range(most):
            alarm = self._alarm(self._now)
            if alarm is None:
                return count
            self._wake(*alarm)
        return most

    def _fetch_due(self, target: int, most: int) -> None:
        """Read in one go the leads that are about to be woken."""
        alarms = self._memory.alarms
        self._fetch(alarms.soonest(min(target, alarms.horizon - 1), most))

    def _alarm(self, target: int) -> tuple[int, str] | None:
        alarms = self._memory.alarms
        found = alarms.pop(min(target, alarms.horizon - 1))
        if found is None and target >= alarms.horizon:
            self._look_ahead(target)
            found = alarms.pop(target)
        return found

    def _look_ahead(self, target: int) -> None:
        """Move the alarms' horizon; leads of this transaction are not in the database yet."""
        horizon = self._memory.alarms.horizon_from(target, self._memory.clock.driven)
        here = {id: lead.wake_at for id, lead in self._ahead.leads.items()}
        here |= {id: lead.wake_at for id, lead in self._touched.items()}
        stored = {id: due for due, id in lookup.wakes(self._connection, horizon)}
        merged = {**stored, **here}
        self._memory.alarms.fill(
            ((due, id) for id, due in merged.items() if due is not None), horizon
        )

    def _wake(self, due: int, id: str) -> None:
        try:
            lead = self._lead(id)
            if lead is None:
                return
            event = Event(self._wake_id(lead, due), "timer_due", self._now, channel=ENGINE)
            self._record(lead, take_turn(self._ruleset, lead, self._teams, event, self._now))
        except NotAhead:
            raise
        except Exception:
            _log.exception("lead %s: a defect while meeting its deadline of %d", id, due)
            self._memory.alarms.set(id, self._now + _REST)

    def _wake_id(self, lead: Lead, due: int) -> str:
        """Name a wake; two may be due at one instant when the first sets a deadline at once."""
        name = f"wake:{lead.id}:{due}"
        if lead.updated_at < due:  # whoever was woken for it before was changed then or later
            return name
        for number in range(2, 20):
            logged = name in self._new or name in self._ahead.events
            if not logged and not lookup.is_logged(self._connection, name):
                return name
            name = f"wake:{lead.id}:{due}:{number}"
        raise RuntimeError(f"lead {lead.id} sets the same deadline again and again")


def _among(known: Mapping[K, str], wanted: Iterable[K]) -> dict[K, str]:
    """Return what is known of what is wanted."""
    if not known:
        return {}
    return {each: found for each in wanted if (found := known.get(each)) is not None}
