"""What people expect of a backtest: a file of limits, each found to hold or not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Any, Final

import msgspec

from engine.language.diagnostic import Diagnostics, Source
from engine.language.nearest import did_you_mean
from engine.language.reader import Document, Path, read_document
from engine.machines.state import Number
from engine.network.ruleset import Ruleset
from engine.workbench.backtest import STANDINGS, Backtest, Change

LIMITS: Final = ("at_least", "at_most", "exactly")
MOVED: Final = "moved"
SENDS: Final = "sends"
_PLURALS: Final = {"grades": "grade", "stages": "stage", "owners": "owner"}


class Limit(msgspec.Struct, frozen=True):
    """One limit of one count: ``path`` leads to it, such as (rules, visited-pricing, at_least)."""

    path: tuple[str, ...]
    number: int
    source: Source


class Failure(msgspec.Struct, frozen=True):
    """A limit that does not hold, and the count."""

    limit: Limit
    actual: Number

    def __str__(self) -> str:
        *path, kind = self.limit.path
        return f"{'.'.join(path)}: {kind} {self.limit.number}, but {self.actual}"


def read_limits(
    raw: bytes, file: str, rulesets: Iterable[Ruleset], found: Diagnostics
) -> list[Limit]:
    """Return the limits that a file sets; what is wrong with it goes to ``found``.

    ``rulesets`` are the old and the new rules: what either has can be named.
    """
    document = read_document(raw, file, found)
    if document is None:
        return []
    return list(_limits(document, document.data, (), _nameable(rulesets), found))


def _nameable(rulesets: Iterable[Ruleset]) -> dict[str, Any]:
    """Return what can be limited, by its names from the top; a count has nothing below it."""
    names: dict[str, dict[str, Any]] = {
        kind: {} for kind in ("rules", "points", "routes", "journeys", "messages", *_PLURALS)
    }
    for ruleset in rulesets:
        routing, model = ruleset.definitions.routing, ruleset.models[ruleset.default_model]
        members = (member.id for team in routing.teams.values() for member in team.members)
        rules = [rule.id for rule in ruleset.rules.values()]
        for kind, some in {
            "rules": rules,
            "points": [*rules, *(f"cap:{each.id}" for each in model.dimensions)],
            "routes": [rule.id for rule in routing.rules],
            "journeys": ruleset.journeys,
            "messages": [*ruleset.definitions.messages, *ruleset.definitions.server.connections],
            "grades": [band.grade for band in model.grades],
            "stages": ruleset.stages,
            "owners": members,
        }.items():
            names[kind] |= {name: {} for name in some}
    messages = names.pop("messages")
    sends = {"total": {}, "a_day": {}, "messages": messages}
    return {**names, MOVED: {name: {} for name in STANDINGS}, SENDS: sends, "tasks": {}}


def counted(made: Backtest) -> dict[tuple[str, ...], Number]:
    """Return what can be limited: counts by the new rules, and how many leads have moved."""
    found: dict[tuple[str, ...], Number] = {("tasks",): made.tasks.new or 0}
    groups: dict[tuple[str, ...], Sequence[Change]] = {
        ("rules",): made.rules,
        ("points",): made.points,
        ("routes",): made.routes,
        ("journeys",): made.journeys,
        (SENDS, "messages"): made.sends,
        **{(plural,): made.standings[name].counts for plural, name in _PLURALS.items()},
    }
    for path, changes in groups.items():
        found |= {(*path, each.name): each.new or 0 for each in changes}
    found |= {(MOVED, name): made.standings[name].moved for name in STANDINGS}
    found |= {(SENDS, "total"): made.total.new or 0, (SENDS, "a_day"): made.busiest.new or 0}
    return found


def failures(limits: Sequence[Limit], made: Backtest) -> list[Failure]:
    """Return the limits that do not hold."""
    counts = counted(made)
    pairs = ((limit, counts.get(limit.path[:-1], 0)) for limit in limits)
    return [Failure(limit, actual) for limit, actual in pairs if not _holds(limit, actual)]


def _holds(limit: Limit, actual: Number) -> bool:
    kind = limit.path[-1]
    if kind == "exactly":
        return actual == limit.number
    return actual >= limit.number if kind == "at_least" else actual <= limit.number


def _limits(
    document: Document, data: Any, path: Path, known: Mapping[str, Any], found: Diagnostics
) -> Iterator[Limit]:
    """Walk down to the counts; a count has nothing below it."""
    names: Collection[str] = known or LIMITS
    if not isinstance(data, dict) or not data:
        text = f"{'.'.join(map(str, path)) or 'the file'} is no map of {' '.join(list(names)[:6])}"
        found.error("type", text, document.at(path), hint="such as {at_most: 10}")
        return
    for name, value in data.items():
        below = (*path, name)
        if name not in names:
            text = f'there is no "{name}" here; {did_you_mean(str(name), list(names))}'
            found.error("unknown-key", text, document.key(below), hint="correct the name")
        elif known:
            yield from _limits(document, value, below, known[name], found)
        elif isinstance(value, int) and not isinstance(value, bool):
            yield Limit(tuple(map(str, below)), value, document.at(below))
        else:
            text = f"{name} is a whole number, not {value!r}"
            found.error("type", text, document.at(below), hint="such as at_most: 10")
