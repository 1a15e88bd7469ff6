"""A lead's future played on a simulated clock: what each event and each deadline does to it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

import msgspec

from engine.host.visit import Arrival
from engine.language.instants import DAY
from engine.machines.merging import MERGED
from engine.machines.state import Delivery, Event, Happening, Lead, Task
from engine.network.ruleset import Ruleset
from engine.workbench.clockwork import Moment
from engine.workbench.world import World

# Happenings that say where a lead is in its journeys; the others are told as they are.
_JOURNEY: Final = {
    "journey_entered": "entered",
    "journey_step": "step",
    "journey_heard": "heard",
    "journey_wait_over": "waited",
    "journey_split": "split",
    "journey_migrated": "migrated",
    "journey_left": "left",
    "journey_not_entered": "not entered",
}
# Told by other parts of an entry.
_TOLD: Final = frozenset({*_JOURNEY, "stage", "grade", "message_blocked"})
CLOCK: Final = "timer_due"


class Standing(msgspec.Struct, frozen=True):
    """How a lead stands: score and grade of the default model, stage and owner."""

    score: int | float = 0
    grade: str | None = None
    stage: str | None = None
    owner: str | None = None


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """What one event did to one lead at the instant ``at``.

    ``event`` is its type, ``timer_due`` for the clock. ``points`` are the ledger's lines,
    ``journeys`` the lead's moves, ``sends`` what would be sent (messages, and actions
    without one; blocked ones with the reason), ``assigned`` an answer of routing, and
    ``notes`` everything else that happened.
    """

    at: int
    lead: str
    event: str
    id: str
    before: Standing
    after: Standing
    fired: list[str]
    points: list[dict[str, Any]]
    journeys: list[dict[str, Any]]
    sends: list[dict[str, Any]]
    tasks: list[dict[str, Any]]
    assigned: dict[str, Any] | None
    notes: list[dict[str, Any]]


class Simulation(msgspec.Struct, frozen=True):
    """A timeline from ``start`` to ``end``, and the leads as they stand then.

    ``repeated`` are ids of events that came again and counted once, ``later`` the number of
    events after the end, which were not played.
    """

    start: int
    end: int
    entries: list[Entry]
    leads: list[Lead]
    repeated: list[str]
    later: int


def simulate(
    ruleset: Ruleset, arrivals: Sequence[Arrival], start: int, until: int | None
) -> Simulation:
    """Play ``arrivals``, which are in order, and the clock up to ``until``.

    None plays 90 days, or up to the last event when that is later.
    """
    last = max((a.event.at for a in arrivals), default=start)
    end = max(start + 90 * DAY, last) if until is None else until
    world = World(ruleset, start)
    seen: set[str] = set()
    repeated: list[str] = []
    played = [a for a in arrivals if a.event.at <= end]
    for arrival in played:
        if arrival.event.id in seen:
            repeated.append(arrival.event.id)
            continue
        seen.add(arrival.event.id)
        world.advance(max(arrival.event.at, world.now))
        world.take(arrival.event, arrival.identities)
    world.advance(end)
    entries = list(_entries(ruleset, world.log))
    later = len(arrivals) - len(played)
    return Simulation(start, end, entries, list(world.leads.values()), repeated, later)


def standing(ruleset: Ruleset, lead: Lead) -> Standing:
    """Return how a lead stands."""
    get = lead.facts.get
    score = get(f"score.{ruleset.default_model}.total", 0)
    return Standing(score, get("grade"), get("stage"), get("owner"))


def _entries(ruleset: Ruleset, log: Sequence[Moment]) -> Iterator[Entry]:
    """Yield an entry a moment; the engine's own that change nothing are left out."""
    present: dict[str, Standing] = {}
    for moment in log:
        before = present.get(moment.lead, Standing())
        after = present[moment.lead] = standing(ruleset, moment.decision.lead)
        entry = _entry(moment, before, after)
        if moment.event.channel != "engine" or moment.event.type == MERGED or _does(entry):
            yield entry


def _does(entry: Entry) -> bool:
    acts = entry.points or entry.journeys or entry.sends or entry.tasks or entry.notes
    return bool(acts or entry.assigned or entry.before != entry.after)


def _entry(moment: Moment, before: Standing, after: Standing) -> Entry:
    decision = moment.decision
    happenings = decision.happenings
    return Entry(
        at=moment.at,
        lead=moment.lead,
        event=moment.event.type,
        id=moment.event.id,
        before=before,
        after=after,
        fired=list(decision.fired),
        points=[
            {
                "rule": line.rule,
                "model": line.model,
                "dimension": line.dimension,
                "points": line.points,
                "reason": line.reason,
            }
            for line in decision.ledger
        ],
        journeys=[_move(h) for h in happenings if h.kind in _JOURNEY],
        sends=[_send(each) for each in decision.deliveries],
        tasks=[_task(each) for each in decision.tasks],
        assigned=_assigned(moment.event),
        notes=[
            *_merged(moment.event),
            *({"what": h.kind, **h.data} for h in happenings if h.kind not in _TOLD),
        ],
    )


def _merged(event: Event) -> list[dict[str, Any]]:
    if event.type != MERGED:
        return []
    said = event.properties
    return [{"what": "merged", "absorbed": said["absorbed"], "reason": said["reason"]}]


def _move(happening: Happening) -> dict[str, Any]:
    data = happening.data
    names = ("step", "does", "event", "variant", "by", "reason")
    more: dict[str, Any] = {name: data[name] for name in names if name in data}
    return {"journey": data["journey"], "what": _JOURNEY[happening.kind], **more}


def _send(delivery: Delivery) -> dict[str, Any]:
    return {
        "message": delivery.message,
        "connection": delivery.connection,
        "to": delivery.to,
        "audience": delivery.audience,
        "journey": delivery.journey,
        "step": delivery.step,
        "status": delivery.status,
        "reason": delivery.reason,
    }


def _task(task: Task) -> dict[str, Any]:
    return {
        "title": task.title,
        "owner": task.owner,
        "due": task.due,
        "priority": task.priority,
        "journey": task.journey,
        "step": task.step,
    }


def _assigned(event: Event) -> dict[str, Any] | None:
    if event.type not in ("lead_assigned", "lead_released"):
        return None
    keys = ("owner", "team", "pool", "rule", "reason")
    return {key: event.properties.get(key) for key in keys}
