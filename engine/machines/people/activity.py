"""What is known of each salesperson, in all teams: the latest follow-up, deals won and lost."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from engine.machines.people.claiming import place_of
from engine.machines.state import Lead, TeamBook, Teams
from engine.network.ruleset import Ruleset

PEOPLE: Final = "people:"  # the name of this book among those of teams
INVALID: Final = "invalid"  # the end of a lead that never was one; nobody has lost it
PRIOR: Final = 10  # deals at everybody's average that a win rate begins with


def people(teams: Teams) -> TeamBook:
    """Return the book of what salespeople did."""
    return teams.books.get(PEOPLE) or TeamBook()


def followed(ruleset: Ruleset, teams: Teams, lead: Lead, by: str | None) -> Teams:
    """Return team state after a follow-up: it is ``by``'s, else that of who has the lead."""
    who = by if by is not None and place_of(ruleset, by) else lead.facts.get("owner")
    if who is None:
        return teams
    book = people(teams)
    at = max(lead.contacted_at, book.active.get(who, 0))
    return _with(teams, replace(book, active={**book.active, who: at}))


def closed(ruleset: Ruleset, teams: Teams, old: Lead, new: Lead) -> Teams:
    """Return team state after a lead's stage changed: a deal is counted when it is closed."""
    end = _result(ruleset, new)
    owner = new.facts.get("owner") or old.facts.get("owner")
    if end is None or owner is None or old.facts.get("stage") == new.facts.get("stage"):
        return teams
    book = people(teams)
    counts = {**getattr(book, end), owner: getattr(book, end).get(owner, 0) + 1}
    return _with(teams, replace(book, **{end: counts}))


def _with(teams: Teams, book: TeamBook) -> Teams:
    return Teams({**teams.books, PEOPLE: book})


def _result(ruleset: Ruleset, lead: Lead) -> str | None:
    """Return won for the first of the final stages, as reports do, lost for those after it."""
    stage = lead.facts.get("stage")
    ends = [name for name, rule in ruleset.stages.items() if rule.definition.final]
    if stage not in ends or stage == INVALID:
        return None
    return "won" if stage == ends[0] else "lost"


def win_rates(teams: Teams, members: list[str]) -> dict[str, float]:
    """Return each member's share of deals won, between 0 and 1.

    Everybody begins with PRIOR deals at the average of all ``members``, who begin with one won
    and one lost: a newcomer is average, and few deals move a rate little (a beta prior).
    """
    book = people(teams)
    won = {m: book.won.get(m, 0) for m in members}
    ended = {m: won[m] + book.lost.get(m, 0) for m in members}
    average = (sum(won.values()) + 1) / (sum(ended.values()) + 2)
    return {m: (won[m] + PRIOR * average) / (ended[m] + PRIOR) for m in members}
