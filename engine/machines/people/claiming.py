"""Claims from a public pool (公海领取): who may have a lead now, and if not, why and when."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from msgspec.structs import replace

from engine.language.definitions import Member, Pool, Span, Team
from engine.language.instants import DAY, HOUR
from engine.machines.state import Assignment, Lead, Refusal, Request, TeamBook, Teams
from engine.network.ruleset import Ruleset

Obstacle = tuple[str, int | None]  # why not, and when not any more
_CHINA: Final = 8 * HOUR
_CALENDAR: Final = "cn"  # whose working hours a pool's spans count


def book_of(pool: str) -> str:
    """Return the name of a pool's book among those of teams."""
    return f"pool:{pool}"


def day_of(now: int) -> int:
    """Return the day that it is in China, counted from 1970."""
    return (now + _CHINA) // DAY


def on_day(book: TeamBook, member: str, now: int) -> int:
    """Return how many leads a member has had by this book today."""
    day, count = book.days.get(member, (0, 0))
    return count if day == day_of(now) else 0


def counted(book: TeamBook, member: str, now: int) -> TeamBook:
    """Return a book with one lead more for a member today."""
    today = [day_of(now), on_day(book, member, now) + 1]
    return replace(book, days={**book.days, member: today})


def tomorrow(now: int) -> int:
    """Return the first instant of the next day in China."""
    return (day_of(now) + 1) * DAY - _CHINA


def place_of(ruleset: Ruleset, member: str, pool: Pool | None = None) -> tuple[Team, Member] | None:
    """Return the first team that has a member, of those that may claim from ``pool``."""
    for team in ruleset.teams.values():
        if pool is not None and pool.teams and team.id not in pool.teams:
            continue
        for each in team.members:
            if each.id == member:
                return team, each
    return None


def claim(
    ruleset: Ruleset, teams: Teams, lead: Lead, request: Request, now: int
) -> tuple[Teams, Assignment | Refusal]:
    """Return the new team state and who has the lead now, or why the claimant has it not."""
    member, name = request.member, lead.facts.get("pool")
    pool = ruleset.pools.get(name or "")
    found = list(obstacles(ruleset, teams, lead, member, now))
    place = place_of(ruleset, member or "", pool)
    if found or pool is None or place is None or member is None:
        untils = [until for _, until in found if until is not None]
        possible_at = max(untils) if found and len(untils) == len(found) else None
        reason = "; ".join(why for why, _ in found)
        return teams, Refusal(member, name, reason, possible_at)
    team = place[0].id
    claims = counted(teams.books.get(book_of(pool.id), TeamBook()), member, now)
    book = teams.books.get(team, TeamBook())
    book = replace(book, loads={**book.loads, member: book.loads.get(member, 0) + 1})
    after = Teams({**teams.books, book_of(pool.id): claims, team: book})
    return after, Assignment(now, member, team, reason=f"claimed from pool {pool.id}")


def obstacles(
    ruleset: Ruleset, teams: Teams, lead: Lead, member: str | None, now: int
) -> Iterator[Obstacle]:
    """Yield what keeps a member from claiming a lead now."""
    owner, name = lead.facts.get("owner"), lead.facts.get("pool")
    stage = ruleset.stages.get(lead.facts.get("stage", ""))
    if member is None:
        yield "nobody is named who claims", None
        return
    if owner is not None:
        yield f"{owner} has the lead" if owner != member else f"{member} has it already", None
        return
    pool = ruleset.pools.get(name or "")
    if pool is None:
        yield "the lead is in no pool", None
        return
    if stage is not None and stage.definition.final:
        yield f"the lead is at its end: {stage.definition.id}", None
    place = place_of(ruleset, member, pool)
    if place is None:
        whose = f"teams {', '.join(pool.teams)}" if pool.teams else "teams"
        yield f"{member} is in none of the {whose} that claim from pool {pool.id}", None
        return
    yield from _of_member(teams, pool, place, now)
    yield from _of_lead(ruleset, pool, lead, member, now)


def _of_member(
    teams: Teams, pool: Pool, place: tuple[Team, Member], now: int
) -> Iterator[Obstacle]:
    team, member = place
    load = teams.books.get(team.id, TeamBook()).loads.get(member.id, 0)
    if member.capacity is not None and load >= member.capacity:
        yield f"{member.id} is full: {load} of {member.capacity} leads", None
    most = pool.claim.per_day
    had = on_day(teams.books.get(book_of(pool.id), TeamBook()), member.id, now)
    if most is not None and had >= most:
        yield f"{member.id} has claimed {had} of {most} leads today", tomorrow(now)


def _of_lead(ruleset: Ruleset, pool: Pool, lead: Lead, member: str, now: int) -> Iterator[Obstacle]:
    answer = lead.assignment
    since = lead.created_at if answer is None else answer.known_at
    opens = _after(ruleset, since, pool.claim.newest_after)
    if opens > now:
        yield f"the lead is new in pool {pool.id}", opens
    left = lead.owners.get(member)
    if left is not None:
        again = _after(ruleset, left, pool.claim.previous_owner_after)
        if again > now:
            yield f"{member} had the lead before", again


def _after(ruleset: Ruleset, since: int, span: Span | None) -> int:
    """Return the instant ``span`` after ``since``; without one that is at once."""
    if span is None:
        return since
    if not span.is_working:
        return since + span.ms
    return ruleset.calendars[_CALENDAR].add(since, span.working, span.unit)
