"""One transaction's work: events decided in memory, then written all at once.

Nothing outside changes before the commit: leads, teams and clock are handed on by
`Work.keep`. Only the alarms are moved at once; after a rollback they are read anew.
"""

from __future__ import annotations

import logging
import sqlite3
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, Final

import msgspec

from engine.errors import NotFound
from engine.host.alarms import HORIZON, Alarms
from engine.host.cache import LeadCache
from engine.host.clock import Clock
from engine.host.door import ENGINE, Arrival
from engine.host.durable import DurableFailed
from engine.host.gate import Gate
from engine.host.ids import lead_id
from engine.host.limits import deadline_of
from engine.host.outcome import Outcome, refused, summary_of, summary_of_seen, try_later
from engine.host.telemetry import Telemetry
from engine.language.instants import MINUTE
from engine.machines.directory import Identity, Resolution, resolve
from engine.machines.state import Event, Happening, Lead, Teams
from engine.machines.turn import Turn, new_lead, take_turn
from engine.network.ruleset import Ruleset
from engine.store import forgetting, lookup
from engine.store.writing import Rows, write_leads, write_teams

_log: Final = logging.getLogger("leadrules.host")
# A lead whose rules fail when it is woken is left alone for so long.
_REST: Final = 5 * MINUTE
_FORGOTTEN: Final = (
    "this person was forgotten at their own wish; a list does not bring them back, only what "
    "they do from now on"
)


class Memory(msgspec.Struct):
    """What the writer keeps from one transaction to the next: all of it committed."""

    clock: Clock
    cache: LeadCache
    alarms: Alarms
    teams: Teams
    telemetry: Telemetry = msgspec.field(default_factory=Telemetry)


class Work:
    """The events of one transaction, with everything they change. Used once."""

    def __init__(self, ruleset: Ruleset, memory: Memory, connection: sqlite3.Connection) -> None:
        self._ruleset = ruleset
        self._memory = memory
        self._connection = connection
        self._rows = Rows(memory.clock.wall(), partial(deadline_of, ruleset.definitions))
        self._touched: dict[str, Lead] = {}
        self._read: dict[str, Lead] = {}
        self._seen: dict[str, lookup.Seen] = {}
        self._new: dict[str, str] = {}
        self._known: dict[Identity, str] = {}
        self._gate = Gate(ruleset, connection, memory.clock.wall())
        self._teams = memory.teams
        self._now = memory.clock.now()
        self._newest: int | None = None
        self._buried: set[Identity] = set()
        self.turns = 0

    # --- events ------------------------------------------------------------------------------

    def prepare(self, arrivals: Sequence[Arrival]) -> None:
        """Look up in one go what the log and the directory know of these events."""
        if not arrivals:
            return
        self._seen = lookup.seen(self._connection, [a.event.id for a in arrivals])
        identities = {i for a in arrivals for i in a.identities}
        self._known = lookup.known(self._connection, identities) if identities else {}
        past = {i for a in arrivals if a.event.history for i in a.identities} - self._known.keys()
        if past:
            self._buried = forgetting.buried(self._connection, past)
        wanted = {*self._known.values(), *(a.lead for a in arrivals if a.lead)}
        self._gate.prepare(arrivals)
        self._fetch(id for id in wanted if self._memory.cache.get(id) is None)

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
        except DurableFailed as error:  # with ``network: durable``; the next event finds another
            _log.error("event %s (%s): %s", event.id, event.type, error)
            return try_later(event.id, error.code, str(error))
        except sqlite3.Error:
            raise
        except Exception:
            _log.exception("event %s (%s): a defect; the event is refused", event.id, event.type)
            return refused(event.id, "defect", "a defect in leadrules; the server's log has more")

    def _duplicate(self, event: Event) -> Outcome | None:
        """An event counts once, whether it came with an earlier batch or in this one."""
        lead = self._new.get(event.id)
        seen = self._seen.get(event.id)
        if lead is None and seen is None:
            return None
        lead = lead or (seen.lead if seen else "")
        touched = self._touched.get(lead)
        if touched is not None:
            return Outcome(event.id, lead, "duplicate", None, self._summary(touched))
        assert seen is not None
        return Outcome(event.id, lead, "duplicate", None, summary_of_seen(seen))

    def _take(self, arrival: Arrival) -> Outcome:
        if self._is_buried(arrival):
            return refused(arrival.event.id, "forgotten", _FORGOTTEN)
        turned = self._gate.turn_away(arrival, self._is_known(arrival))
        if turned is not None:
            return turned
        found = self._whose(arrival)
        self._pass_time(arrival.event.at)
        lead = self._lead_of(found, arrival.event)
        event = self._gate.marked(arrival, None if found.created else lead)
        turn = take_turn(self._ruleset, lead, self._teams, event, self._now)
        self._record(lead, turn)
        self._gate.enrich(event, lead, turn.lead)
        self._newest = max(event.at, event.at if self._newest is None else self._newest)
        for identity in found.links:
            self._known[identity] = found.lead
        self._rows.link(found.links, found.lead)
        if found.conflicts:
            data = {"leads": list(found.conflicts)}
            self._rows.happened(
                found.lead, event.id, Happening(self._now, "identity_conflict", data)
            )
        return Outcome(event.id, found.lead, "accepted", None, self._summary(turn.lead))

    def _is_buried(self, arrival: Arrival) -> bool:
        """Whether an old list brings back somebody who was forgotten; who comes alone may."""
        buried = arrival.event.history and any(i in self._buried for i in arrival.identities)
        return buried and not self._is_known(arrival)

    def _is_known(self, arrival: Arrival) -> bool:
        return arrival.lead is not None or any(i in self._known for i in arrival.identities)

    def _whose(self, arrival: Arrival) -> Resolution:
        """Find the lead an event means; one named by its id counts more than any identity."""
        if arrival.lead is None:
            is_known = any(i in self._known for i in arrival.identities)
            new = "" if is_known else self._new_lead_id(arrival.event)
            return resolve(self._known, arrival.identities, new)
        if self._lead(arrival.lead) is None:
            raise NotFound(f"there is no lead {arrival.lead!r}")
        named: Identity = ("id", arrival.lead)
        known = {i: self._known[i] for i in arrival.identities if i in self._known}
        known[named] = arrival.lead
        return resolve(known, (named, *arrival.identities), arrival.lead)

    def _new_lead_id(self, event: Event) -> str:
        return lead_id(event.id, min(event.at, self._now))

    def _lead_of(self, found: Resolution, event: Event) -> Lead:
        if found.created:
            return new_lead(self._ruleset, found.lead, min(event.at, self._now))
        lead = self._lead(found.lead)
        if lead is None:  # an identity of a lead that is gone
            raise NotFound(f"there is no lead {found.lead!r}")
        return lead

    def _record(self, before: Lead, turn: Turn) -> None:
        """Note what a turn did to a lead. Only from here on does the turn count."""
        lead, version = turn.lead, self._ruleset.version
        for entry in turn.entries:
            self._rows.log(entry.event, lead.id, self._now, version)
            self._rows.decided(entry.event, entry.decision, before)
            before = entry.decision.lead
            self._new[entry.event.id] = lead.id
            self._memory.telemetry.decided(entry.event, entry.decision)
        self.turns += 1
        self._touched[lead.id] = lead
        self._teams = turn.teams
        self._memory.alarms.set(lead.id, lead.wake_at)

    def _summary(self, lead: Lead) -> dict[str, Any]:
        return summary_of(lead, self._ruleset.default_model)

    # --- leads -------------------------------------------------------------------------------

    def _lead(self, id: str) -> Lead | None:
        found = self._touched.get(id) or self._stored(id)
        if found is None:
            self._fetch([id])
            found = self._read.get(id)
        return found

    def _stored(self, id: str) -> Lead | None:
        """Return a lead as the database has it, if it was read before."""
        return self._read.get(id) or self._memory.cache.get(id)

    def _fetch(self, ids: Any) -> None:
        wanted = list(ids)
        if wanted:
            self._read.update(lookup.leads(self._connection, wanted))

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
        for count in range(most):
            alarm = self._alarm(self._now)
            if alarm is None:
                return count
            self._wake(*alarm)
        return most

    def _alarm(self, target: int) -> tuple[int, str] | None:
        alarms = self._memory.alarms
        found = alarms.pop(min(target, alarms.horizon - 1))
        if found is None and target >= alarms.horizon:
            self._look_ahead(target)
            found = alarms.pop(target)
        return found

    def _look_ahead(self, target: int) -> None:
        """Move the alarms' horizon; leads of this transaction are not in the database yet."""
        horizon = target + HORIZON
        stored = {id: due for due, id in lookup.wakes(self._connection, horizon)}
        here = {id: lead.wake_at for id, lead in self._touched.items()}
        merged = {**stored, **here}
        self._memory.alarms.fill(
            ((due, id) for id, due in merged.items() if due is not None), horizon
        )

    def _wake(self, due: int, id: str) -> None:
        try:
            lead = self._lead(id)
            if lead is None:
                return
            event = Event(self._wake_id(id, due), "timer_due", self._now, channel=ENGINE)
            self._record(lead, take_turn(self._ruleset, lead, self._teams, event, self._now))
        except Exception:
            _log.exception("lead %s: a defect while meeting its deadline of %d", id, due)
            self._memory.alarms.set(id, self._now + _REST)

    def _wake_id(self, lead: str, due: int) -> str:
        """Name a wake; two may be due at one instant when the first sets a deadline at once."""
        name = f"wake:{lead}:{due}"
        for number in range(2, 20):
            if name not in self._new and not lookup.is_logged(self._connection, name):
                return name
            name = f"wake:{lead}:{due}:{number}"
        raise RuntimeError(f"lead {lead} sets the same deadline again and again")

    # --- the end -----------------------------------------------------------------------------

    def write(self) -> None:
        """Write everything within the caller's transaction."""
        self._rows.write(self._connection)
        self._gate.write()
        if self._touched:
            stored = {id: lead for id in self._touched if (lead := self._stored(id))}
            model = self._ruleset.default_model
            linked = self._rows.linked
            write_leads(self._connection, self._touched.values(), stored, model, linked)
        before = self._memory.teams.books
        changed = {k: v for k, v in self._teams.books.items() if before.get(k) is not v}
        if changed:
            write_teams(self._connection, changed)

    @property
    def queued(self) -> Mapping[str, int | None]:
        """The connections that got something to do, with the earliest deadline among it."""
        return self._rows.queued

    def keep(self) -> None:
        """Hand on what is committed now."""
        self._memory.cache.put(self._touched.values())
        self._memory.teams = self._teams
        if self._newest is not None:
            self._memory.clock.advance(self._newest)
