"""The team machine: who gets a lead, and why the others do not. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from engine.language.definitions import Member, Route, Team
from engine.machines.state import Assignment, Lead, Request, TeamBook, Teams
from engine.network.ruleset import Ruleset

STRATEGIES: Final = ("designated", "round_robin", "weighted", "least_loaded", "territory")


class _Question:
    """A lead as routing conditions read it."""

    __slots__ = ("before", "created_at", "facts", "now", "properties", "windows")

    def __init__(self, lead: Lead, now: int) -> None:
        self.facts = lead.facts
        self.windows = lead.windows
        self.created_at = lead.created_at
        self.now = now
        self.before: dict[str, Any] = {}
        self.properties: dict[str, Any] = {}


def assign(
    ruleset: Ruleset, teams: Teams, lead: Lead, request: Request, now: int
) -> tuple[Teams, Assignment]:
    """Return the new team state and the answer to a lead's request.

    Rules are tried in order; one that fits but has nobody free hands on to the next and
    says so. The answer always has an owner, a pool or a reason.
    """
    if request.kind == "release":
        released = _forget_load(teams, lead)
        return released, Assignment(now, pool=request.pool, reason=request.reason)
    question = _Question(lead, now)
    tried: list[dict[str, Any]] = []
    considered: list[dict[str, Any]] = []
    for rule in ruleset.routes:
        route = rule.definition
        if rule.when is not None and not rule.when.holds(question):
            tried.append({"rule": route.id, "outcome": "condition does not hold"})
            continue
        if route.pool is not None:
            tried.append({"rule": route.id, "outcome": f"pool {route.pool}"})
            reason = "no rule before found an owner"
            return teams, Assignment(
                now, None, None, route.pool, route.id, reason, tried, considered
            )
        team = ruleset.teams[route.team or ""]
        book = teams.books.get(team.id, TeamBook())
        free = _free(team, book, route, question, considered)
        if not free:
            tried.append({"rule": route.id, "outcome": f"nobody in {team.id} is free for it"})
            continue
        member = _pick(route, team, free, book)
        tried.append({"rule": route.id, "outcome": f"assigned to {member.id}"})
        answer = Assignment(now, member.id, team.id, None, route.id, "", tried, considered)
        return _book(teams, route, member, free), answer
    reason = "no routing rule fits and none is the last resort"
    return teams, Assignment(now, reason=reason, tried=tried, considered=considered)


def _free(
    team: Team,
    book: TeamBook,
    route: Route,
    question: _Question,
    considered: list[dict[str, Any]],
) -> list[Member]:
    """Return the members who may have the lead, noting for every one why not."""
    free: list[Member] = []
    for member in team.members:
        why_not = _why_not(member, book, route, question)
        considered.append({"member": member.id, "team": team.id, "why_not": why_not})
        if why_not is None:
            free.append(member)
    return free


def _why_not(member: Member, book: TeamBook, route: Route, question: _Question) -> str | None:
    if member.away and any(a.since <= question.now < a.until for a in member.away):
        return "away"
    load = book.loads.get(member.id, 0)
    if member.capacity is not None and load >= member.capacity:
        return f"full: {load} of {member.capacity} leads"
    if route.member is not None and member.id != route.member:
        return f"not {route.member}"
    if route.strategy == "territory":
        value = question.facts.get(route.by or "")
        if value not in member.areas:
            return f"territory does not cover {value}"
    return None


def _pick(route: Route, team: Team, free: Sequence[Member], book: TeamBook) -> Member:
    """Choose by strategy; ties go to who had a turn least recently, then by order."""
    if len(free) == 1:
        return free[0]
    order = {m.id: i for i, m in enumerate(team.members)}

    def turn(m: Member) -> tuple[int, int]:
        return book.turns.get(m.id, 0), order[m.id]

    if route.strategy == "least_loaded":
        return min(free, key=lambda m: (book.loads.get(m.id, 0), *turn(m)))
    if route.strategy == "weighted":
        return max(free, key=lambda m: (book.credits.get(m.id, 0) + m.weight, -order[m.id]))
    return min(free, key=turn)


def _book(teams: Teams, route: Route, chosen: Member, free: Sequence[Member]) -> Teams:
    """Return team state with one more lead for ``chosen``."""
    team = route.team or ""
    book = _copy(teams.books.get(team, TeamBook()))
    book.served += 1
    book.turns[chosen.id] = book.served
    book.loads[chosen.id] = book.loads.get(chosen.id, 0) + 1
    if route.strategy == "weighted":  # smooth weighted rotation: no bursts for the heavy ones
        for member in free:
            book.credits[member.id] = book.credits.get(member.id, 0) + member.weight
        book.credits[chosen.id] -= sum(m.weight for m in free)
    return Teams({**teams.books, team: book})


def _copy(book: TeamBook) -> TeamBook:
    return TeamBook(book.served, book.turns.copy(), book.credits.copy(), book.loads.copy())


def _forget_load(teams: Teams, lead: Lead) -> Teams:
    """Return team state without this lead among its owner's open ones."""
    team, owner = lead.facts.get("team"), lead.facts.get("owner")
    if team not in teams.books or owner is None:
        return teams
    book = _copy(teams.books[team])
    book.loads[owner] = max(0, book.loads.get(owner, 0) - 1)
    return Teams({**teams.books, team: book})


def close(teams: Teams, lead: Lead) -> Teams:
    """Return team state after ``lead`` was won, lost or found invalid."""
    return _forget_load(teams, lead)
