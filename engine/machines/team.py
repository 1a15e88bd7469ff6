"""The team machine: who gets a lead, and why the others do not. Pure."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from engine.language.definitions import Member, Route, Team
from engine.language.instants import format_instant
from engine.language.strategies import BUILT_IN, Routed
from engine.machines.people import activity, choosing, claiming
from engine.machines.state import Assignment, Lead, Refusal, Request, TeamBook, Teams
from engine.network.ruleset import Ruleset

STRATEGIES: Final = BUILT_IN
_HELD: Final = ("stage", "owner", "team")  # facts that say whose load a lead is


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


def answer(
    ruleset: Ruleset, teams: Teams, lead: Lead, request: Request, now: int
) -> tuple[Teams, Assignment | Refusal]:
    """Return the new team state and the answer to any request of a lead."""
    if request.kind == "claim":
        return claiming.claim(ruleset, teams, lead, request, now)
    return assign(ruleset, teams, lead, request, now)


def assign(
    ruleset: Ruleset, teams: Teams, lead: Lead, request: Request, now: int
) -> tuple[Teams, Assignment]:
    """Return the new team state and the answer to a lead's request.

    Rules are tried in order; one that fits but has nobody free hands on to the next and
    says so. The last one is a pool without a condition: the answer has an owner or a pool.
    Who has the lead already keeps it, unless the rule that fits is not ``sticky``.
    """
    if request.kind == "release":
        released = _without(ruleset, teams, lead)
        return released, Assignment(now, pool=request.pool, reason=request.reason)
    question = _Question(lead, now)
    tried: list[dict[str, Any]] = []
    considered: list[dict[str, Any]] = []
    present = lead.facts.get("owner")
    routes = iter(ruleset.routes)
    while True:
        rule = next(routes)
        route = rule.definition
        if rule.when is not None and not rule.when.holds(question):
            tried.append({"rule": route.id, "outcome": "condition does not hold"})
            continue
        if present is not None and route.sticky:
            tried.append({"rule": route.id, "outcome": f"{present} has the lead and keeps it"})
            team_id = lead.facts.get("team")
            return teams, Assignment(now, present, team_id, None, route.id, "", tried, considered)
        if route.pool is not None:
            tried.append({"rule": route.id, "outcome": f"pool {route.pool}"})
            reason = "no rule before found an owner"
            return _without(ruleset, teams, lead), Assignment(
                now, None, None, route.pool, route.id, reason, tried, considered
            )
        team = ruleset.teams[route.team or ""]
        free = _free(ruleset, teams, team, route, question, considered)
        if not free:
            tried.append({"rule": route.id, "outcome": f"nobody in {team.id} is free for it"})
            continue
        choice = choosing.choose(ruleset, teams, route, team, free, _routed(question, lead))
        how = f", {choice.trouble}" if choice.trouble else ""
        owner = choice.member.id
        tried.append({"rule": route.id, "outcome": f"assigned to {owner}{how}"})
        answer = Assignment(now, owner, team.id, None, route.id, "", tried, considered)
        load = 0 if is_over(ruleset, lead) else 1
        return _book(_without(ruleset, teams, lead), team.id, choice, load, now), answer


def _routed(question: _Question, lead: Lead) -> Routed:
    return Routed(id=lead.id, facts=lead.facts, now=question.now)


def _without(ruleset: Ruleset, teams: Teams, lead: Lead) -> Teams:
    """Return team state without the lead among those of who has it so far."""
    return teams if load_of(ruleset, lead) is None else _forget_load(teams, lead)


def _free(
    ruleset: Ruleset,
    teams: Teams,
    team: Team,
    route: Route,
    question: _Question,
    considered: list[dict[str, Any]],
) -> list[Member]:
    """Return the members who may have the lead, noting for every one why not."""
    free: list[Member] = []
    book = teams.books.get(team.id) or TeamBook()
    for member in team.members:
        why_not = _away(ruleset, member, question.now)
        why_not = why_not or _too_many(member, book, question.now)
        why_not = why_not or _not_meant(member, route, question)
        told = choosing.told(teams, route, team, member)
        considered.append({"member": member.id, "team": team.id, "why_not": why_not, **told})
        if why_not is None:
            free.append(member)
    return free


def _away(ruleset: Ruleset, member: Member, now: int) -> str | None:
    if member.away and any(a.since <= now < a.until for a in member.away):
        return "away"
    if member.calendar is not None:
        opens = ruleset.calendars[member.calendar].opening(now)
        if opens > now:
            return f"off shift until {format_instant(opens)}"
    return None


def _too_many(member: Member, book: TeamBook, now: int) -> str | None:
    load = book.loads.get(member.id, 0)
    if member.capacity is not None and load >= member.capacity:
        return f"full: {load} of {member.capacity} leads"
    if member.per_day is not None:
        had = claiming.on_day(book, member.id, now)
        if had >= member.per_day:
            return f"had {had} of {member.per_day} leads today"
    return None


def _not_meant(member: Member, route: Route, question: _Question) -> str | None:
    if route.member is not None and member.id != route.member:
        return f"not {route.member}"
    if member.id in route.exclude:
        return f"excluded by {route.id}"
    if route.skills and not set(route.skills) & set(member.skills):
        return f"has none of the skills {', '.join(route.skills)}"
    if route.levels and member.level not in route.levels:
        return f"is not {' or '.join(route.levels)}"
    if route.languages and not set(route.languages) & set(member.languages):
        return f"speaks none of {', '.join(route.languages)}"
    if route.strategy == "territory":
        value = question.facts.get(route.by or "")
        if value not in member.areas:
            return f"territory does not cover {value}"
    return None


def _book(teams: Teams, team: str, choice: choosing.Choice, load: int, now: int) -> Teams:
    """Return team state with one more lead for who was chosen, of whom it takes ``load``."""
    chosen = choice.member
    book = _copy(teams.books.get(team) or TeamBook())
    book.served += 1
    book.turns[chosen.id] = book.served
    book.loads[chosen.id] = book.loads.get(chosen.id, 0) + load
    if choice.weights:  # smooth weighted rotation: no bursts for the heavy ones
        for member, weight in choice.weights.items():
            book.credits[member] = book.credits.get(member, 0) + weight
        book.credits[chosen.id] -= sum(choice.weights.values())
    # Also for who has no limit: they may get one later today.
    return Teams({**teams.books, team: claiming.counted(book, chosen.id, now)})


def _copy(book: TeamBook) -> TeamBook:
    return TeamBook(
        book.served, book.turns.copy(), book.credits.copy(), book.loads.copy(), book.days
    )


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


def ended(ruleset: Ruleset, teams: Teams, old: Lead, new: Lead) -> Teams:
    """Return team state after an answer brought a lead to its end; the deal counts."""
    return close(activity.closed(ruleset, teams, old, new), new)


def moved(ruleset: Ruleset, teams: Teams, old: Lead, new: Lead, by: str | None = None) -> Teams:
    """Return team state after an event of ``by`` changed a lead's owner or stage by itself.

    A lead is a load of its owner while it is open; answers of this machine count on their own.
    """
    if new.contacted_at != old.contacted_at:
        teams = activity.followed(ruleset, teams, new, by)
    before, after = old.facts, new.facts
    if before is after or [*map(before.get, _HELD)] == [*map(after.get, _HELD)]:
        return teams
    teams = activity.closed(ruleset, teams, old, new)
    had, has = load_of(ruleset, old), load_of(ruleset, new)
    if had == has:
        return teams
    for place, more in ((had, -1), (has, 1)):
        if place is not None:
            book = teams.books.get(place[0], TeamBook())
            load = max(0, book.loads.get(place[1], 0) + more)
            book = replace(book, loads={**book.loads, place[1]: load})
            teams = Teams({**teams.books, place[0]: book})
    return teams


def load_of(ruleset: Ruleset, lead: Lead) -> tuple[str, str] | None:
    """Return the team and member whose open lead this is, None for nobody's."""
    team, owner = lead.facts.get("team"), lead.facts.get("owner")
    if team is None or owner is None or is_over(ruleset, lead):
        return None
    return team, owner


def is_over(ruleset: Ruleset, lead: Lead) -> bool:
    """Whether a lead is in a final stage, and so nobody's load."""
    stage = ruleset.stages.get(lead.facts.get("stage", ""))
    return stage is not None and stage.definition.final
