"""Public pools in ``routing.yaml``: who may claim, and what takes leads back."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from engine.language.calendars import ALWAYS
from engine.language.handling import Claim, Pool, Recycle
from engine.language.rules import Span
from engine.language.sections.part import Builder, Part, span


class PoolBuilder(Builder):
    """Builds pools. ``names`` has the names of teams, for those who may claim."""

    names: Mapping[str, set[str]]

    def pools(self, parts: Sequence[Part]) -> dict[str, Pool]:
        """Return the pools of all files."""
        found = {
            name: self._pool(name, part)
            for whole in parts
            for name, part in whole.entries("pools", inner=("recycle",))
        }
        rules = [rule for whole in parts for _, p in whole.entries("pools") for rule in _rules(p)]
        self.unique(rules, "recycle rule")
        return found

    def _pool(self, name: str, part: Part) -> Pool:
        teams = part.child("teams")
        named = tuple(teams.data or ()) if teams.sound else ()
        for index, team in enumerate(named):
            self.known(teams.child(index), team, self.names["teams"], "team", name)
        claim = part.child("claim")
        return Pool(
            id=name,
            label=part.label(),
            source=part.key_source,
            teams=named,
            claim=_claim(claim) if claim.sound else Claim(),
            recycle=tuple(self._recycle(rule) for rule in _rules(part)),
        )

    def _recycle(self, part: Part) -> Recycle:
        id = part.data["id"]
        calendar = part.get("calendar", ALWAYS)
        self.known(part.child("calendar"), calendar, self.scope.calendars, "calendar", id)
        when = self.condition(part, "when", id)
        idle = _span(part, "idle")
        if part.get("when") is None and idle is None:
            text = f'the recycle rule "{id}" takes every lead away at once'
            self.error("missing-key", part, text, id, "add when: or idle:")
        return Recycle(
            id=id, when=when, idle=idle, calendar=calendar, source=part.source, label=part.label()
        )


def _rules(pool: Part) -> list[Part]:
    return list(pool.items("recycle"))


def _claim(part: Part) -> Claim:
    return Claim(
        per_day=part.get("per_day"),
        previous_owner_after=_span(part, "previous_owner_after"),
        newest_after=_span(part, "newest_after"),
    )


def _span(part: Part, key: str) -> Span | None:
    found = part.get(key)
    return None if found is None else span(found)
