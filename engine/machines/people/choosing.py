"""Strategies: which of the free members gets a lead."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from engine.language.definitions import Member, Route, Team
from engine.language.strategies import Candidate, Routed
from engine.machines.people import activity
from engine.machines.state import TeamBook, Teams
from engine.network.ruleset import Ruleset

WIN_RATE: Final = "win_rate"
_SCALE: Final = 1_000  # credits are whole numbers; a win rate counts in thousandths


@dataclass(frozen=True)
class Choice:
    """Who gets it. ``weights`` are those of a weighted rotation; ``trouble`` is what went wrong."""

    member: Member
    weights: Mapping[str, int] = field(default_factory=dict)
    trouble: str = ""


def choose(
    ruleset: Ruleset,
    teams: Teams,
    route: Route,
    team: Team,
    free: Sequence[Member],
    lead: Routed,
) -> Choice:
    """Choose by strategy; ties go to who had a turn least recently, then by the order of ``free``,
    which is that of the team.
    """
    book = teams.books.get(team.id) or TeamBook()

    def turn(m: Member) -> int:
        return book.turns.get(m.id, 0)

    own = ruleset.definitions.strategies.get(route.strategy or "")
    if own is not None:
        candidates = [_candidate(teams, book, m) for m in sorted(free, key=turn)]
        return _asked(own, lead, candidates, {m.id: m for m in free})
    if route.strategy == "weighted":
        weights = weights_of(teams, route, team, free)
        best = max(free, key=lambda m: book.credits.get(m.id, 0) + weights[m.id])
        return Choice(best, weights)
    if route.strategy == "least_loaded":
        return Choice(min(free, key=lambda m: (book.loads.get(m.id, 0), turn(m))))
    if route.strategy == "least_recently_active":
        active = activity.people(teams).active
        return Choice(min(free, key=lambda m: (active.get(m.id, 0), turn(m))))
    return Choice(min(free, key=turn))


def weights_of(teams: Teams, route: Route, team: Team, free: Sequence[Member]) -> dict[str, int]:
    """Return the weights of a rotation: those of the members, or by their win rates."""
    if route.weight != WIN_RATE:
        return {m.id: m.weight for m in free}
    rates = activity.win_rates(teams, [m.id for m in team.members])
    return {m.id: max(1, round(_SCALE * rates[m.id])) for m in free}


def _asked(
    strategy: Callable[..., object],
    lead: Routed,
    candidates: Sequence[Candidate],
    free: Mapping[str, Member],
) -> Choice:
    """Ask a strategy of a plugin; one that fails or names nobody who is free is not followed."""
    next_one = free[candidates[0].id]
    try:
        named = strategy(lead, tuple(candidates))
    except Exception as error:
        return Choice(next_one, trouble=f"by turn, for the strategy raised {type(error).__name__}")
    if not isinstance(named, str) or named not in free:
        return Choice(next_one, trouble="by turn, for the strategy named nobody who is free")
    return Choice(free[named])


def _candidate(teams: Teams, book: TeamBook, member: Member) -> Candidate:
    known = activity.people(teams)
    return Candidate(
        id=member.id,
        name=member.name,
        weight=member.weight,
        level=member.level,
        skills=member.skills,
        areas=member.areas,
        languages=member.languages,
        load=book.loads.get(member.id, 0),
        turn=book.turns.get(member.id, 0),
        active_at=known.active.get(member.id, 0),
        won=known.won.get(member.id, 0),
        lost=known.lost.get(member.id, 0),
    )


def told(teams: Teams, route: Route, team: Team, member: Member) -> dict[str, Any]:
    """Return what an explanation says of a member beside why not: what the strategy looks at."""
    if route.strategy == "least_recently_active":
        return {"active_at": activity.people(teams).active.get(member.id)}
    if route.strategy == "weighted" and route.weight == WIN_RATE:
        known = activity.people(teams)
        rate = activity.win_rates(teams, [m.id for m in team.members])[member.id]
        deals = {"won": known.won.get(member.id, 0), "lost": known.lost.get(member.id, 0)}
        return {"win_rate": round(rate, 4), **deals}
    return {}
