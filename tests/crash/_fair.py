"""What is fair: a second book of who could have had each lead, kept from the log alone."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import Any, Final

from engine.language.definitions import Member
from engine.language.instants import DAY, HOUR
from engine.network.ruleset import Ruleset
from engine.store.logged import Logged

ROUND: Final = "轮转"
WEIGHTED: Final = "权重"
_CHINA: Final = 8 * HOUR
Seat = tuple[str, str]  # team and member


class Fairness:
    """Follows a log in which no lead is routed twice; raises AssertionError for what is unfair.

    ``rulesets`` are all that ever decided, by version. ``given`` counts leads by team and member,
    ``reasons`` why members were passed over, ``pooled`` leads that nobody was free for; ``spread``
    is the largest difference between two members for as long as both were available.
    """

    def __init__(self, rulesets: Mapping[str, Ruleset]) -> None:
        self._rulesets = rulesets
        self.given: Counter[Seat] = Counter()
        self.reasons: Counter[str] = Counter()
        self.pooled = 0
        self.spread = 0
        self.routed: set[str] = set()  # leads
        self.versions: set[str] = set()
        self.loads: Counter[Seat] = Counter()
        self.shares: dict[str, list[float]] = {}  # of the weighted: expected leads, variance
        self._owners: dict[str, Seat] = {}
        self._today: Counter[tuple[str, str, int]] = Counter()
        self._pairs: dict[tuple[str, str], list[int]] = {}  # difference, and its least and most

    def follow(self, log: Iterable[Logged]) -> None:
        """Read entries in the order in which they were decided."""
        for entry in log:
            kind, ours = entry.event.type, entry.event.channel == "engine"
            if kind == "lead_assigned" and ours:
                self._routed(entry)
            elif kind in ("opportunity_won", "lead_released") and entry.lead in self._owners:
                self.loads[self._owners.pop(entry.lead)] -= 1

    def _routed(self, entry: Logged) -> None:
        said = entry.event.properties
        assert entry.lead not in self.routed, f"{entry.lead} was given away twice"
        self.routed.add(entry.lead)
        self.versions.add(entry.ruleset)
        considered = said.get("considered", [])
        teams = {each["team"] for each in considered}
        assert len(teams) <= 1
        owner = said.get("owner")
        for team in teams:
            members = self._rulesets[entry.ruleset].teams[team].members
            free = self._considered(team, members, considered, entry)
            assert (owner is None) == (not free), f"{owner} of {team}, of {free}"
            if owner is not None:
                self._chosen(team, owner, free)
                self._took(entry, team, owner)
        if owner is None:
            assert all(said.get(each) for each in ("pool", "reason")), f"of nobody: {said}"
            self.pooled += 1

    def _took(self, entry: Logged, team: str, owner: str) -> None:
        self.given[team, owner] += 1
        self.loads[team, owner] += 1
        self._today[team, owner, _day(entry.decided_at)] += 1
        self._owners[entry.lead] = (team, owner)

    def _considered(
        self, team: str, members: Iterable[Member], told: list[dict[str, Any]], entry: Logged
    ) -> list[Member]:
        """Return who is free by this book; each other one is in the log with this book's reason."""
        reasons = {each["member"]: each.get("why_not") for each in told}
        wanted = {m.id: self._why_not(team, m, entry.decided_at) for m in members}
        assert reasons == wanted, f"{entry.event.id}: {reasons} is recorded, and is {wanted}"
        self.reasons.update(why.split(" ")[0].strip(":") for why in wanted.values() if why)
        return [m for m in members if wanted[m.id] is None]

    def _why_not(self, team: str, member: Member, now: int) -> str | None:
        if any(away.since <= now < away.until for away in member.away):
            return "away"
        load = self.loads[team, member.id]
        if member.capacity is not None and load >= member.capacity:
            return f"full: {load} of {member.capacity} leads"
        had = self._today[team, member.id, _day(now)]
        if member.per_day is not None and had >= member.per_day:
            return f"had {had} of {member.per_day} leads today"
        return None

    def _chosen(self, team: str, owner: str, free: list[Member]) -> None:
        assert owner in {m.id for m in free}, f"{owner} of {team} was not free"
        if team == WEIGHTED:
            whole = sum(m.weight for m in free)
            for member in free:
                share = self.shares.setdefault(member.id, [0.0, 0.0])
                share[0] += member.weight / whole
                share[1] += member.weight / whole * (1 - member.weight / whole)
            return
        # Only pairs that are available together go on to be compared.
        before, self._pairs = self._pairs, {}
        for pair in combinations(sorted(m.id for m in free), 2):
            now, least, most = before.get(pair, [0, 0, 0])
            now += (pair[0] == owner) - (pair[1] == owner)
            self._pairs[pair] = [now, min(least, now), max(most, now)]
            self.spread = max(self.spread, max(most, now) - min(least, now))

    def check(self, deviations: float = 4.0) -> None:
        """Round robin within one lead; weights within ``deviations`` of the binomial."""
        assert self.spread <= 1, f"two who were both available differ by {self.spread} leads"
        for member, (expected, variance) in self.shares.items():
            found = self.given[WEIGHTED, member]
            bound = 1 + deviations * math.sqrt(variance)
            assert abs(found - expected) <= bound, f"{member}: {found} leads, {expected:.1f} due"

    def furthest(self) -> float:
        """Return by how many leads a member is furthest from what the weights say."""
        return max(
            (abs(self.given[WEIGHTED, m] - expected) for m, (expected, _) in self.shares.items()),
            default=0.0,
        )


def _day(now: int) -> int:
    return (now + _CHINA) // DAY
