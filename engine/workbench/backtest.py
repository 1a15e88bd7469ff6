"""Old and new rules over the same past: how often rules fired, and who would stand elsewhere."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from engine.host.door import ENGINE
from engine.language.instants import DAY
from engine.machines.state import Lead, Number
from engine.machines.turn import Entry
from engine.network.ruleset import Ruleset, tidy
from engine.workbench.clockwork import Clockwork
from engine.workbench.history import Happened

STANDINGS: Final = ("grade", "stage", "owner")
_EXAMPLES: Final = 3  # leads that are named for each move
_CHINA: Final = 8 * 60 * 60 * 1_000  # days begin as in China, whatever the zone of the machine
Name = str | None


class Played(msgspec.Struct):
    """What one ruleset made of a past.

    ``fired`` and ``points`` are by scoring rule, ``routed`` by routing rule, ``sends`` by day
    (since 1970, in China) and message. ``leads`` are the grade, stage and owner of each at the end.
    """

    version: str
    rules: list[str]
    routes: list[str]
    events: int = 0
    since: int = 0
    until: int = 0
    routed: dict[str, int] = {}
    fired: dict[str, int] = {}
    points: dict[str, Number] = {}
    entered: dict[str, int] = {}
    sends: dict[int, dict[str, int]] = {}
    tasks: int = 0
    leads: dict[str, tuple[Name, Name, Name]] = {}

    @classmethod
    def of(cls, ruleset: Ruleset) -> Played:
        """Return one of which nothing has been played yet."""
        rules, routes = ruleset.rules.values(), ruleset.definitions.routing.rules
        return cls(ruleset.version, [r.id for r in rules], [r.id for r in routes])


class Change(msgspec.Struct, frozen=True):
    """A figure by the old and by the new rules; None where those have no such thing."""

    name: str
    old: Number | None
    new: Number | None


class Move(msgspec.Struct, frozen=True):
    """How many leads would stand in ``new`` instead of ``old``, and some of them."""

    old: Name
    new: Name
    leads: int
    examples: list[str]


class Standing(msgspec.Struct, frozen=True):
    """Leads by grade, stage or owner at the end, and those that would have another one."""

    counts: list[Change]
    moves: list[Move]

    @property
    def moved(self) -> int:
        """How many would."""
        return sum(each.leads for each in self.moves)


class Backtest(msgspec.Struct, frozen=True):
    """All that differs. ``standings`` has grade, stage and owner; ``sends`` is by message."""

    events: int
    leads: int
    since: int
    until: int
    old: str
    new: str
    rules: list[Change]
    points: list[Change]
    routes: list[Change]
    journeys: list[Change]
    standings: dict[str, Standing]
    sends: list[Change]
    total: Change
    busiest: Change
    tasks: Change


class Playing(Clockwork):
    """Leads played over their past; nothing is kept of a moment but what is counted."""

    def __init__(self, ruleset: Ruleset, start: int) -> None:
        super().__init__(ruleset, start)
        self.fired: Counter[str] = Counter()
        self.points: dict[str, Number] = {}
        self.routed: Counter[str] = Counter()
        self.entered: Counter[str] = Counter()
        self.sends: dict[int, Counter[str]] = {}
        self.tasks = 0

    def noted(self, lead: str, entry: Entry) -> None:
        """Count what a decision did."""
        decision, event = entry.decision, entry.event
        for rule in decision.fired:
            self.fired[rule] += 1
        for line in decision.ledger:
            self.points[line.rule] = tidy(self.points.get(line.rule, 0) + line.points)
        if event.channel == ENGINE and "rule" in event.properties:
            self.routed[event.properties["rule"]] += 1
        for happening in decision.happenings:
            if happening.kind == "journey_entered":
                self.entered[happening.data["journey"]] += 1
        for each in decision.deliveries:
            if each.status == "queued" and each.audience == "lead":
                at = self.now if each.due is None else each.due
                day = self.sends.setdefault((at + _CHINA) // DAY, Counter())
                day[each.message or each.connection] += 1
        self.tasks += len(decision.tasks)

    def sum_up(self, played: Played) -> None:
        """Write down what was counted up to now."""
        played.until, played.tasks = self.now, self.tasks
        played.fired, played.points = dict(self.fired), self.points
        played.routed, played.entered = dict(self.routed), dict(self.entered)
        played.sends = {day: dict(counts) for day, counts in self.sends.items()}


def play(ruleset: Ruleset, past: Iterable[Happened]) -> Played:
    """Return what a ruleset makes of a past, from an empty beginning to its last event."""
    world: Playing | None = None
    played = Played.of(ruleset)
    for each in past:
        if world is None:
            world, played.since = Playing(ruleset, each.now), each.now
        if each.lead not in world.leads:
            world.begin(each.lead, min(each.event.at, each.now))
        if each.now > world.now:
            world.advance(each.now)
        world.post(each.event, each.lead)
        played.events += 1
    if world is not None:
        world.sum_up(played)
        played.leads = {id: standing(lead) for id, lead in world.leads.items()}
    return played


def standing(lead: Lead) -> tuple[Name, Name, Name]:
    """Return a lead's grade, stage and owner."""
    get = lead.facts.get
    return get("grade"), get("stage"), get("owner")


def compare(old: Played, new: Played) -> Backtest:
    """Return what the new rules would have done otherwise."""
    messages = _messages(old), _messages(new)
    return Backtest(
        events=new.events,
        leads=len(new.leads),
        since=new.since,
        until=new.until,
        old=old.version,
        new=new.version,
        rules=_ours(old.rules, old.fired, new.rules, new.fired),
        points=_changes(old.points, new.points, [*new.rules, *old.rules]),
        routes=_ours(old.routes, old.routed, new.routes, new.routed),
        journeys=_changes(old.entered, new.entered),
        standings={name: _moved(old, new, n) for n, name in enumerate(STANDINGS)},
        sends=_changes(*messages),
        total=Change("sends", messages[0].total(), messages[1].total()),
        busiest=Change("busiest day", _busiest(old), _busiest(new)),
        tasks=Change("to-dos", old.tasks, new.tasks),
    )


def _ours(
    old: list[str], by_old: Mapping[str, int], new: list[str], by_new: Mapping[str, int]
) -> list[Change]:
    """Return how often each rule fired, those that never did among them, in their order."""
    known = [{**dict.fromkeys(names, 0), **by} for names, by in ((old, by_old), (new, by_new))]
    return _changes(known[0], known[1], [*new, *old])


def _changes(
    old: Mapping[str, Number], new: Mapping[str, Number], names: Iterable[str] = ()
) -> list[Change]:
    there = {*old, *new}
    order = dict.fromkeys([name for name in names if name in there] + sorted(there))
    return [Change(name, old.get(name), new.get(name)) for name in order]


def _messages(played: Played) -> Counter[str]:
    together: Counter[str] = Counter()
    for counts in played.sends.values():
        together.update(counts)
    return together


def _busiest(played: Played) -> int:
    return max((sum(counts.values()) for counts in played.sends.values()), default=0)


def _moved(old: Played, new: Played, place: int) -> Standing:
    counts: tuple[Counter[str], Counter[str]] = Counter(), Counter()
    for played, count in zip((old, new), counts, strict=True):
        count.update(standing[place] or "" for standing in played.leads.values())
    pairs = ((id, old.leads[id][place], new.leads[id][place]) for id in new.leads)
    names = sorted({*counts[0], *counts[1]})
    return Standing([Change(n, counts[0][n], counts[1][n]) for n in names], moves_of(pairs))


def moves_of(standings: Iterable[tuple[str, Name, Name]]) -> list[Move]:
    """Return the moves among (lead, old, new), those of most leads first."""
    moves: Counter[tuple[Name, Name]] = Counter()
    examples: dict[tuple[Name, Name], list[str]] = {}
    for id, *pair in standings:
        if pair[0] != pair[1]:
            move = (pair[0], pair[1])
            moves[move] += 1
            if moves[move] <= _EXAMPLES:
                examples.setdefault(move, []).append(id)
    return [Move(*move, leads, examples[move]) for move, leads in moves.most_common()]
