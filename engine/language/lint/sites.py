"""Every condition of a configuration, with whose it is and what asks it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec

from engine.language.definitions import Definitions
from engine.language.handling import Journey, Routing
from engine.language.rules import Absence, Aggregate, All, AnyOf, Condition, Model, Not, Stage, Test

# holds: gives points while it holds. turns: acts when it comes true. beside: asked when an
# event happens. asked: asked when something else wants to know. where: about one event.
Role = Literal["holds", "turns", "beside", "asked", "where"]


class Site(msgspec.Struct, frozen=True):
    """A whole condition in its place."""

    rule: str
    role: Role
    condition: Condition


def sites(definitions: Definitions) -> Iterator[Site]:
    """Yield every condition, those inside aggregates too."""
    for site in _top(definitions):
        yield site
        for part in walk(site.condition):
            if isinstance(part, Aggregate | Absence) and part.where is not None:
                yield Site(site.rule, "where", part.where)


def walk(condition: Condition) -> Iterator[Condition]:
    """Yield a condition and everything under it, less what aggregates ask of events."""
    yield condition
    if isinstance(condition, All | AnyOf):
        for item in condition.items:
            yield from walk(item)
    elif isinstance(condition, Not):
        yield from walk(condition.item)


def tests(condition: Condition) -> Iterator[Test]:
    """Yield the tests in a condition."""
    for part in walk(condition):
        if isinstance(part, Test):
            yield part


def _top(definitions: Definitions) -> Iterator[Site]:
    for model in definitions.models:
        yield from _of_model(model)
    for stage in definitions.lifecycle.stages:
        yield from _of_stage(stage)
    yield from _of_routing(definitions.routing)
    for journey in definitions.journeys:
        yield from _of_journey(journey)


def _of_model(model: Model) -> Iterator[Site]:
    for rule in model.rules:
        if rule.events:
            yield from _some(rule.id, "beside", [rule.when])
        else:
            yield from _some(rule.id, "turns" if rule.repeat else "holds", [rule.when])
        yield from _some(rule.id, "where", [rule.where])


def _of_stage(stage: Stage) -> Iterator[Site]:
    yield from _some(stage.id, "beside" if stage.events else "turns", [stage.when])
    yield from _some(stage.id, "where", [stage.where])


def _of_routing(routing: Routing) -> Iterator[Site]:
    for route in routing.rules:
        yield from _some(route.id, "asked", [route.when])
    for sla in routing.slas:
        yield from _some(sla.id, "asked", [sla.when])
        yield from _some(sla.id, "turns", [sla.pause])
    for pool in routing.pools.values():
        for rule in pool.recycle:
            yield from _some(rule.id, "asked" if rule.idle else "turns", [rule.when])


def _of_journey(journey: Journey) -> Iterator[Site]:
    yield from _some(journey.id, "beside" if journey.events else "turns", [journey.when])
    yield from _some(journey.id, "where", [journey.where, journey.exit_where, journey.goal_where])
    yield from _some(journey.id, "turns", [journey.exit_when, journey.goal_when])
    for step in journey.steps:
        yield from _some(journey.id, "where", [step.where])
        yield from _some(journey.id, "asked", [when for when, _ in step.cases])


def _some(rule: str, role: Role, conditions: Iterable[Condition | None]) -> Iterator[Site]:
    for condition in conditions:
        if condition is not None:
            yield Site(rule, role, condition)
