"""The gate between the door and the machines: who is turned away, who is held, who is a bot.

Works within the writer's transaction, so that what is said to the sender is stored.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.host.outcome import Outcome, error, refused
from engine.host.visit import Arrival
from engine.language.instants import format_duration
from engine.language.intake import QUARANTINE, REJECT
from engine.language.retention import retention_of
from engine.machines import bots
from engine.machines.directory import Identity
from engine.machines.profile import ENRICHED
from engine.machines.state import STALE, Event, Lead
from engine.network.ruleset import Ruleset
from engine.store import enrichments, holding
from engine.store.bulk import Target
from engine.store.holding import Held, Holding

MADE_BY: Final = "api"
SCREENED: Final = "screened"
RELEASED: Final = "released"  # a key of the verdict: a person let the event in
_encode: Final = msgspec.json.Encoder().encode


class Gate:
    """The gate of one transaction. Used once."""

    def __init__(self, ruleset: Ruleset, connection: sqlite3.Connection, wall: int) -> None:
        self._intake = ruleset.definitions.intake
        self._ruleset = ruleset.version
        self._kept = retention_of(ruleset.definitions.server.settings).events
        self._connection = connection
        self._wall = wall
        self._rows = Holding()
        self._asked: list[enrichments.Row] = []
        self._held: dict[str, Held] = {}
        self._behind: dict[Identity, str] = {}

    def prepare(self, arrivals: Sequence[Arrival]) -> None:
        """Look up in one go which of these events and people are held."""
        if not holding.in_use(self._connection):
            return
        self._held = holding.held(self._connection, [a.event.id for a in arrivals])
        identities = {i for a in arrivals for i in a.identities}
        self._behind = holding.waiting_for(self._connection, identities)

    # --- who may pass ------------------------------------------------------------------------

    def turn_away(self, arrival: Arrival, known: bool) -> Outcome | None:
        """Return the answer to an event that may not pass, None for one that may.

        ``known`` says whether the event means a lead that is there: what comes from somebody
        who is held waits behind, but a customer goes on.
        """
        event = arrival.event
        before = self._held.get(event.id)
        if RELEASED in event.screened:
            return self._let_in(event, before)
        if before is not None:
            return _again(event, before)
        if event.screened.get("do") == REJECT:
            return self._reject(event)
        behind = None if known else self._waits_behind(arrival.identities)
        if event.screened.get("do") == QUARANTINE or behind is not None:
            return self._hold(arrival, behind)
        return None

    def _waits_behind(self, identities: Iterable[Identity]) -> str | None:
        return next((self._behind[i] for i in identities if i in self._behind), None)

    def _let_in(self, event: Event, before: Held | None) -> Outcome | None:
        if before is None or before.status == holding.REJECTED:
            return refused(event.id, "not-held", "it does not wait in quarantine any more")
        released = event.screened[RELEASED]
        self._rows.released.append((self._wall, released.get("by"), event.id))
        return None

    def _reject(self, event: Event) -> Outcome:
        verdict = event.screened
        self._rows.rejected.append(
            (
                *(event.id, event.type, event.at, self._wall, event.channel),
                *(verdict["rule"], verdict["reason"], _encode(event).decode(), self._ruleset),
            )
        )
        return _refused(event, verdict["rule"], verdict["reason"])

    def _hold(self, arrival: Arrival, behind: str | None) -> Outcome:
        event = arrival.event
        rule = event.screened.get("rule", "")
        reason = event.screened.get("reason", f"its sender waits in quarantine with {behind}")
        root = behind or event.id
        self._rows.held.append(
            (
                *(event.id, root, event.type, event.at, self._wall, event.channel),
                *(rule, reason, _encode(arrival).decode(), self._ruleset),
            )
        )
        self._held[event.id] = Held(event.id, root, holding.WAITING, rule, reason)
        for identity in arrival.identities:
            if identity not in self._behind:
                self._behind[identity] = root
                self._rows.identities.append((*identity, root))
        return _quarantined(event, rule, reason)

    # --- what else is done -------------------------------------------------------------------

    def marked(self, arrival: Arrival, lead: Lead | None) -> Event:
        """Return the event, marked when it is taken for a scanner's, or is too old to count."""
        event = self._dated(arrival.event)
        if event.bot or event.type not in self._intake.bots.events:
            return event
        reason = bots.suspicion(self._intake.bots, lead, event)
        if reason is None:
            return event
        return bots.marked(event, reason, bots.burst(self._intake.bots, lead, event))

    def _dated(self, event: Event) -> Event:
        if self._kept is None or event.at > self._wall - self._kept:
            return event
        why = f"older than the {format_duration(self._kept)} for which events are kept"
        return msgspec.structs.replace(event, screened={**event.screened, STALE: why})

    def enrich(self, event: Event, before: Lead, after: Lead) -> None:
        """Note which enrichers are to be asked, for what the event changed. History asks nobody."""
        if event.history or event.type == ENRICHED:
            return
        for each in self._intake.enrichments:
            names = [f"lead.{name}" for name in each.on]
            changed = any(
                after.facts.get(name) not in (None, before.facts.get(name)) for name in names
            )
            if changed:
                key = f"{after.id}:{each.plugin}:{event.id}"
                self._asked.append((key, after.id, each.plugin, event.id, self._wall, self._wall))

    @property
    def is_plain(self) -> bool:
        """Whether nobody was held or let in, of which the next ones would have to know."""
        return not (self._rows.held or self._rows.released)

    def write(self, target: Target) -> None:
        """Write what was turned away, held and asked."""
        self._rows.write(target, self._connection)
        enrichments.ask(target, self._asked)


def released(arrival: Arrival, verdict: Mapping[str, Any]) -> Arrival:
    """Return a held arrival as a person lets it in; ``verdict`` says who and when."""
    event = arrival.event
    screened = {**event.screened, RELEASED: dict(verdict)}
    return msgspec.structs.replace(arrival, event=msgspec.structs.replace(event, screened=screened))


def _refused(event: Event, rule: str, reason: str) -> Outcome:
    details = [{"path": "", "code": rule, "message": reason}]
    return Outcome(event.id, None, "rejected", error(SCREENED, reason, details))


def _quarantined(event: Event, rule: str, reason: str) -> Outcome:
    return Outcome(event.id, None, "quarantined", screened={"rule": rule, "reason": reason})


def _again(event: Event, before: Held) -> Outcome:
    if before.status == holding.REJECTED:
        return _refused(event, before.rule, before.reason)
    return _quarantined(event, before.rule, before.reason)
