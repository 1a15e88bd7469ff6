"""What an edit of the rules will do to the leads of today, and to what they will be sent.

Each lead is taken up by the old and by the new rules at one instant, as its next event or deadline
would have it in a server, and then time passes in which nobody does anything.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import msgspec
from msgspec.structs import replace

from engine.machines.state import Event, Lead, Teams
from engine.network.ruleset import Ruleset
from engine.workbench.backtest import Backtest, Move, Played, Playing, compare, moves_of, standing

_OF_ONE_LEAD = ("task",)  # kinds of deadlines whose names end in an id


class Foreseen(msgspec.Struct):
    """What one ruleset makes of the leads of today.

    ``played`` has how they stand at once, and what is sent and scored up to the end. ``steps`` is
    where each is in its journeys then, or why it left; ``deadlines`` are its instants, by name.
    """

    played: Played
    steps: dict[str, dict[str, str]] = {}
    deadlines: dict[str, dict[str, int]] = {}


class Shift(msgspec.Struct):
    """How many leads would have a deadline anew, no more, sooner or later."""

    name: str
    anew: int = 0
    gone: int = 0
    sooner: int = 0
    later: int = 0


class Plan(msgspec.Struct, frozen=True):
    """All that differs: ``made`` at once and up to the end, steps of journeys, deadlines."""

    made: Backtest
    steps: list[Move]
    deadlines: list[Shift]

    @property
    def changes(self) -> bool:
        """Whether anything does."""
        made = self.made
        counts = (*made.rules, *made.points, *made.routes, *made.journeys, *made.sends)
        return bool(
            self.steps
            or self.deadlines
            or any(each.moves for each in made.standings.values())
            or any((each.old or 0) != (each.new or 0) for each in (*counts, made.tasks))
        )


def foresee(
    ruleset: Ruleset, leads: Iterable[Lead], teams: Teams, now: int, until: int
) -> Foreseen:
    """Return what a ruleset makes of leads at ``now``, and of the time up to ``until``."""
    world = Playing(ruleset, now)
    world.teams = teams
    found = Foreseen(Played.of(ruleset))
    for stored in leads:
        # Judged anew by either, so that deadlines which were left where they were differ in none.
        lead = replace(stored, ruleset="")
        world.put(lead)
        world.post(Event(f"plan:{lead.id}:{now}", "timer_due", now, channel="engine"), lead.id)
        after = world.leads[lead.id]
        found.played.leads[lead.id] = standing(after)
        found.steps[lead.id] = _steps(lead, after)
        found.deadlines[lead.id] = {_called(name): due for name, due in after.timers.items()}
    found.played.since = now
    world.advance(until)
    world.sum_up(found.played)
    return found


def _steps(before: Lead, after: Lead) -> dict[str, str]:
    """Return where a lead is in the journeys that it was in."""
    found = {}
    for name, was in before.journeys.items():
        now = after.journeys.get(name)
        if was.left_at is None and now is not None:
            left = now.left_at is not None
            found[name] = f"left ({now.reason})" if left else f"{name}/{now.step}"
    return found


def _called(name: str) -> str:
    kind = name.partition(":")[0]
    return kind if kind in _OF_ONE_LEAD else name


def plan(old: Foreseen, new: Foreseen) -> Plan:
    """Return what the new rules will do otherwise, to the leads that both have seen."""
    both = old.steps.keys() & new.steps.keys()
    for each in (old, new):  # a server may have had others while we looked
        each.played.leads = {id: each.played.leads[id] for id in each.steps if id in both}
    return Plan(
        compare(old.played, new.played),
        moves_of(_differing(old.steps[id], new.steps[id], id) for id in new.steps if id in both),
        _shifts((old.deadlines[id], new.deadlines[id]) for id in sorted(both)),
    )


def _differing(
    old: Mapping[str, str], new: Mapping[str, str], lead: str
) -> tuple[str, str | None, str | None]:
    """Return the first of a lead's journeys in which it would be elsewhere."""
    for name in old.keys() | new.keys():
        if old.get(name) != new.get(name):
            return lead, old.get(name), new.get(name)
    return lead, None, None


def _shifts(pairs: Iterable[tuple[Mapping[str, int], Mapping[str, int]]]) -> list[Shift]:
    found: dict[str, Counter[str]] = {}
    for old, new in pairs:
        for name in old.keys() | new.keys():
            before, after = old.get(name), new.get(name)
            if before != after:
                found.setdefault(name, Counter())[_shift(before, after)] += 1
    return [Shift(name, **counts) for name, counts in sorted(found.items())]


def _shift(before: int | None, after: int | None) -> str:
    if before is None or after is None:
        return "anew" if before is None else "gone"
    return "sooner" if after < before else "later"
