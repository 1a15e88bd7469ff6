"""``routing.yaml``: teams, routing rules, SLAs and pools."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from engine.language.calendars import ALWAYS
from engine.language.handling import Away, Member, Route, Routing, Rung, Sla, Team
from engine.language.instants import DAY, BadTime, parse_instant
from engine.language.places import usual_name
from engine.language.sections.notices import NoticesBuilder
from engine.language.sections.part import Part, ids, span
from engine.language.sections.pools import PoolBuilder
from engine.language.strategies import BUILT_IN

_PLACES = ("cities", "provinces")
_AREAS = (*_PLACES, "industries", "products", "skills")
_CLOCKS = ("notify", "accept", "first_contact", "next_contact")
_CHOOSING = ("strategy", "weight", "by", "member", "skills", "levels", "languages", "exclude")
# What belongs to one of the built-in strategies, and whether that needs it.
_OF_STRATEGY = {
    "by": ("territory", True),
    "member": ("designated", True),
    "weight": ("weighted", False),
}
_OWN = ("id", "when", "calendar", "pause", *_CLOCKS)


class RoutingBuilder(PoolBuilder):
    """Builds routing. ``strategies`` are the names of those that plugins bring."""

    strategies: Collection[str] = ()

    def build(self, parts: Sequence[Part]) -> Routing:
        """Return the routing of all files."""
        self.notices = NoticesBuilder(self.scope, self.found, parts)
        teams = {
            n: self._team(n, p)
            for whole in parts
            for n, p in whole.entries("teams", inner=("members",))
        }
        rules = [p for whole in parts for p in whole.items("rules")]
        self.unique(rules, "routing rule")
        # Names, not what was found sound: one broken team is not also an unknown one.
        self.names = {
            kind: {n for whole in parts for n in _keys(whole.get(kind))}
            for kind in ("teams", "pools")
        }
        pools = self.pools(parts)
        self.members = {
            n: ids(team.get("members"))
            for whole in parts
            for n in _keys(whole.get("teams"))
            if isinstance(team := whole.data["teams"][n], dict)
        }
        routes = tuple(self._route(p) for p in rules)
        self._must_end(parts, rules, routes)
        slas = [p for whole in parts for p in whole.items("sla", _OWN, ("on_breach",))]
        self.unique(slas, "SLA")
        return Routing(
            teams=teams,
            rules=routes,
            slas=tuple(self._sla(p) for p in slas),
            pools=pools,
            notices=self.notices.common,
        )

    def _team(self, name: str, part: Part) -> Team:
        members = list(part.items("members"))
        self.unique(members, "member")
        return Team(
            id=name,
            label=part.label(),
            supervisor=part.get("supervisor"),
            members=tuple(self._member(p) for p in members),
            source=part.key_source,
        )

    def _member(self, part: Part) -> Member:
        id = part.data["id"]
        return Member(
            id=id,
            name=part.get("name", id),
            email=part.get("email"),
            capacity=part.get("capacity"),
            weight=part.get("weight", 1),
            skills=tuple(part.get("skills", ())),
            areas=tuple(_area(kind, area) for kind in _AREAS for area in part.get(kind, ())),
            away=tuple(a for a in map(self._away, part.items("away")) if a is not None),
            source=part.source,
            per_day=part.get("per_day"),
            calendar=self._shift(part, id),
            level=part.get("level"),
            languages=tuple(part.get("languages", ())),
            notices=self.notices.of_member(part),
        )

    def _shift(self, part: Part, id: str) -> str | None:
        calendar: str | None = part.get("calendar")
        if calendar is not None:
            self.known(part.child("calendar"), calendar, self.scope.calendars, "calendar", id)
        return calendar

    def _away(self, part: Part) -> Away | None:
        since, until = (self._day(part.child(k), k == "to") for k in ("from", "to"))
        if since is None or until is None:
            return None
        if until <= since:
            self.error(
                "value", part, "this absence ends before it begins", None, "swap from and to"
            )
        return Away(since=since, until=until)

    def _day(self, part: Part, last: bool) -> int | None:
        """Return a day's first instant in China, or the instant after the last day."""
        text = part.data
        try:
            if len(text) == 10:
                return parse_instant(f"{text}T00:00:00+08:00") + (DAY if last else 0)
            return parse_instant(text)
        except BadTime as error:
            self.error("date", part, str(error), None, "write a day such as 2026-02-14")
            return None

    def _route(self, part: Part) -> Route:
        id, assign = part.data["id"], part.child("assign")
        team, pool = assign.get("team"), assign.get("pool")
        if (team is None) == (pool is None):
            text = f'the rule "{id}" assigns to a team or to a pool, to one of them'
            self.error("assign", assign, text, id, "write team: or pool:")
        if team is not None:
            self.known(assign.child("team"), team, self.names["teams"], "team", id)
            self._strategy(assign, team, id)
        if pool is not None:
            self.known(assign.child("pool"), pool, self.names["pools"], "pool", id)
            if team is None:
                self._of_teams_only(assign, id)
        by = assign.get("by")
        resolved = self.scope.resolve(by) if by else None
        if by and resolved is None:
            self.known(assign.child("by"), by, self.scope.paths(), "field", id)
        return Route(
            id=id,
            when=self.condition(part, "when", id),
            team=team,
            strategy=assign.get("strategy", "round_robin") if team else None,
            by=resolved.fact if resolved else None,
            member=assign.get("member"),
            pool=pool,
            source=part.source,
            skills=tuple(assign.get("skills", ())),
            levels=tuple(assign.get("levels", ())),
            languages=tuple(assign.get("languages", ())),
            exclude=self._excluded(assign, team, id),
            weight=assign.get("weight"),
            sticky=assign.get("sticky", True),
            label=part.label(),
        )

    def _of_teams_only(self, assign: Part, id: str) -> None:
        """A pool has no members to choose from: what chooses them would have no effect."""
        for key in _CHOOSING:
            if assign.get(key) is not None:
                text = f'the rule "{id}" assigns to a pool, where {key} has no effect'
                hint = f"remove {key}:, or assign to a team"
                self.error("assign", assign.child(key), text, id, hint)

    def _excluded(self, assign: Part, team: str | None, id: str) -> tuple[str, ...]:
        names = tuple(assign.get("exclude", ()))
        for index, name in enumerate(names):
            if team in self.members:
                place = assign.child("exclude").child(index)
                self.known(place, name, self.members[team], "member", id)
        return names

    def _strategy(self, assign: Part, team: str, id: str) -> None:
        named = assign.get("strategy")
        if named is not None:
            known = (*BUILT_IN, *self.strategies)
            self.known(assign.child("strategy"), named, known, "strategy", id)
        for key, (strategy, is_needed) in _OF_STRATEGY.items():
            if named == strategy and is_needed and assign.get(key) is None:
                self.error("missing-key", assign, f"{named} needs {key}", id, f"add {key}:")
            elif named in (None, *BUILT_IN) and named != strategy and assign.get(key) is not None:
                text = f"{key} is for strategy: {strategy}; without it {key} has no effect"
                self.error("assign", assign.child(key), text, id, f"add strategy: {strategy}")
        member = assign.get("member")
        if member is not None and team in self.members:
            self.known(assign.child("member"), member, self.members[team], "member", id)

    def _must_end(
        self, wholes: Sequence[Part], parts: Sequence[Part], routes: Sequence[Route]
    ) -> None:
        """The last rule must always match and always have room: a pool without condition."""
        written = [rules for whole in wholes if (rules := whole.child("rules")).data]
        if not routes or not written[-1].child(len(written[-1].data) - 1).sound:
            return  # what is wrong with the last one has been said
        last = routes[-1]
        if last.when is not None or last.pool is None:
            self.error(
                "no-fallback",
                parts[-1],
                f'the last routing rule "{last.id}" does not always find a place',
                last.id,
                "end with a rule without when that assigns to a pool",
            )

    def _sla(self, part: Part) -> Sla:
        id = part.data["id"]
        calendar = part.get("calendar", ALWAYS)
        self.known(part.child("calendar"), calendar, self.scope.calendars, "calendar", id)
        clocks = tuple((c, span(part.data[c])) for c in _CLOCKS if part.get(c) is not None)
        return Sla(
            id=id,
            when=self.condition(part, "when", id),
            clocks=clocks,
            calendar=calendar,
            rungs=tuple(self._rung(p, id) for p in part.items("on_breach")),
            source=part.source,
            pause=self.condition(part.child("pause"), "when", id) if part.get("pause") else None,
            label=part.label(),
        )

    def _rung(self, part: Part, id: str) -> Rung:
        to = part.get("to")
        if part.data["do"] == "recycle":
            if to is None:
                text = "recycle needs the pool it gives the lead to"
                self.error("missing-key", part, text, id, "add to: POOL")
            else:
                self.known(part.child("to"), to, self.names["pools"], "pool", id)
        return Rung(after=span(part.data["after"]), do=part.data["do"], to=to, source=part.source)


def _area(kind: str, name: str) -> str:
    return usual_name(name) if kind in _PLACES else name


def _keys(data: object) -> list[str]:
    return list(data) if isinstance(data, dict) else []
