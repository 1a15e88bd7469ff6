"""What a host does about an event that names several leads: who is meant, and two made one. Pure.

The running host and the workbench both go through here; they differ in where they keep leads.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Final

import msgspec
from msgspec.structs import replace

from engine.language.intake import Merge
from engine.machines import merging
from engine.machines.directory import Identity
from engine.machines.merging import MERGED, Side
from engine.machines.state import Event, Teams
from engine.machines.turn import Turn, take_turn
from engine.network.ruleset import Ruleset

SHARED: Final = "a browser that both use does not prove that they are one"
_ENGINE: Final = "engine"


class United(msgspec.Struct, frozen=True):
    """Two leads made one: the turn of the one lead, begun by ``event``.

    ``journeys`` and ``clocks`` are those of the absorbed lead that go on as the survivor's own;
    ``owned`` says whether its owner, team or pool does.
    """

    turn: Turn
    event: Event
    journeys: list[str]
    clocks: list[str]
    owned: bool


def somebody_else(
    rule: Merge,
    identities: Sequence[Identity],
    known: Mapping[Identity, str],
    kinds: Callable[[str], Collection[str]],
) -> str | None:
    """Return the lead whose browser a newcomer uses, None where nothing speaks for a newcomer.

    The event names the lead by nothing that proves it, and brings an identity that does, of a
    kind of which that lead has another one: ``kinds`` returns those of a lead.
    """
    owners = [(each[0], known[each]) for each in identities if each in known]
    if not owners or any(kind in rule.when for kind, _ in owners):
        return None
    brings = {kind for kind, _ in identities if kind in rule.when}
    lead = owners[0][1]
    return lead if brings and not brings.isdisjoint(kinds(lead)) else None


def names_by(
    identities: Sequence[Identity], lead: str | None, known: Mapping[Identity, str]
) -> dict[str, frozenset[str]]:
    """Return the leads that an event names, strongest first, with the kinds that name each.

    ``lead`` is one that it names by its id.
    """
    found: dict[str, list[str]] = {lead: ["id"]} if lead is not None else {}
    for kind, value in identities:
        if (kind, value) in known:
            found.setdefault(known[kind, value], []).append(kind)
    return {id: frozenset(kinds) for id, kinds in found.items()}


def automatic(event: Event, survivor: str, absorbed: str, kinds: Iterable[str], now: int) -> Event:
    """Return the event of a merge that an event shows; its id comes with `merge`."""
    reason = f"event {event.id} names both by {', '.join(sorted(kinds))}"
    properties = {"absorbed": absorbed, "survivor": survivor, "reason": reason}
    return Event("", MERGED, now, {}, properties, _ENGINE, event.history)


def merge(
    ruleset: Ruleset, teams: Teams, sides: tuple[Side, Side], event: Event, number: int, now: int
) -> United:
    """Merge the second side into the first; ``number`` counts merges, for the event's id."""
    survivor, absorbed = (side.lead for side in sides)
    ended = merging.ended_journeys(absorbed)
    told = {"journeys_ended": ended, "owner_before": absorbed.facts.get("owner")}
    properties = {**event.properties, "absorbed": absorbed.id, "survivor": survivor.id}
    properties |= {name: value for name, value in told.items() if value}
    id = event.id or f"merged:{absorbed.id}:{number}"
    event = replace(event, id=id, properties=properties)
    joined = merging.join(ruleset, *sides, event, now)
    lead = joined.lead
    journeys = [name for name in absorbed.journeys if name not in survivor.journeys]
    clocks = list(absorbed.clocks) if lead.clocks is absorbed.clocks else []
    owned = lead.assignment is not None and lead.assignment is not survivor.assignment
    teams = merging.reload(ruleset, teams, (survivor, absorbed), [lead])
    turn = take_turn(ruleset, lead, teams, event, now)
    first = turn.entries[0].decision
    first.ledger[:0] = joined.lines
    first.happenings[:0] = joined.happenings
    return United(turn, event, journeys, clocks, owned)
