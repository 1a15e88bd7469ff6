"""How high and how low a score can get with the rules there are."""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from engine.language.definitions import Definitions
from engine.language.lint.logic import Logic
from engine.language.lint.sites import tests
from engine.language.rules import Absence, Dimension, Model, ScoreRule

_MOST_SEARCHED = 8  # rules about one fact; of more the points are simply added up


class Range(msgspec.Struct, frozen=True):
    """The lowest and the highest total; either may be infinite."""

    low: float
    high: float


def of_model(definitions: Definitions, logic: Logic, model: Model) -> Range:
    """Return the range of a model's total."""
    ranges = [of_dimension(definitions, logic, model, d) for d in model.dimensions]
    return Range(_tidy(sum(r.low for r in ranges)), _tidy(sum(r.high for r in ranges)))


def of_dimension(
    definitions: Definitions, logic: Logic, model: Model, dimension: Dimension
) -> Range:
    """Return the range of a dimension, between its floor and its cap."""
    raw = uncapped(definitions, logic, model, dimension)
    low, high = raw.low, raw.high
    if dimension.max is not None:
        low, high = min(low, dimension.max), min(high, dimension.max)
    if dimension.min is not None:
        low, high = max(low, dimension.min), max(high, dimension.min)
    return Range(low, high)


def uncapped(definitions: Definitions, logic: Logic, model: Model, dimension: Dimension) -> Range:
    """Return the range of a dimension as if it had neither floor nor cap."""
    rules = [r for r in model.rules if r.dimension == dimension.id and logic.possible(r.when)]
    steps = _from_journeys(definitions, dimension) if model is definitions.default_model else []
    high = _sum(logic, rules, 1) + sum(p for p in steps if p > 0)
    low = -_sum(logic, rules, -1) + sum(p for p in steps if p < 0)
    return Range(_tidy(low), _tidy(high))


def _tidy(points: float) -> float:
    """Points are kept to four decimals; sums of binary fractions are off by less."""
    return points if math.isinf(points) else round(points, 4)


def _from_journeys(definitions: Definitions, dimension: Dimension) -> list[float]:
    """Return what journeys' steps may give; one that can be entered again, without end."""
    return [
        s.with_["points"] * (1 if j.reentry is None else math.inf)
        for j in definitions.journeys
        for s in j.steps
        if s.kind == "score" and s.with_["dimension"] == dimension.id and s.with_["points"]
    ]


def _sum(logic: Logic, rules: Sequence[ScoreRule], sign: int) -> float:
    """Return the most that rules give at one time in the direction of ``sign``."""
    total = 0.0
    groups: dict[str, list[ScoreRule]] = {}
    for rule in rules:
        if _points(rule, sign) <= 0:
            continue
        if _lasting(rule):
            groups.setdefault(_group(rule), []).append(rule)
        else:
            total += most(rule, sign)
    return total + sum(_best(logic, group, sign) for group in groups.values())


def _lasting(rule: ScoreRule) -> bool:
    return not rule.events and rule.repeat is None


def _group(rule: ScoreRule) -> str:
    """Name what decides a lasting rule: its exclusive group, or the one fact it reads."""
    if rule.exclusive:
        return f"exclusive {rule.exclusive}"
    facts = {t.fact for t in tests(rule.when)} if rule.when else set()
    return f"fact {facts.pop()}" if len(facts) == 1 else f"rule {rule.id}"


def _best(logic: Logic, rules: Sequence[ScoreRule], sign: int) -> float:
    if rules[0].exclusive:
        return max(_points(r, sign) for r in rules)
    if len(rules) > _MOST_SEARCHED:
        return sum(_points(r, sign) for r in rules)
    return _search(logic, rules, (), sign)


def _search(
    logic: Logic, rules: Sequence[ScoreRule], chosen: tuple[ScoreRule, ...], sign: int
) -> float:
    """Return the most that rules about one fact give together; many exclude each other."""
    if not rules:
        return 0.0
    first, rest = rules[0], rules[1:]
    without = _search(logic, rest, chosen, sign)
    if not logic.possible(first.when, *(c.when for c in chosen)):
        return without
    return max(without, _points(first, sign) + _search(logic, rest, (*chosen, first), sign))


def most(rule: ScoreRule, sign: int = 1) -> float:
    """Return the most that a rule's occurrences give at one time, infinite without a limit."""
    points = _points(rule, sign)
    return points * times(rule) if points > 0 else 0.0


def times(rule: ScoreRule) -> float:
    """Return how many of a repeated rule's points can stand at one time."""
    repeat = rule.repeat
    assert repeat is not None  # a lasting rule gives its points once
    period, each = repeat.per, repeat.at_most or 1
    if isinstance(rule.when, Absence) and not rule.events:
        period = max(period or 0, rule.when.span)
    if repeat.at_most is not None and repeat.per is None:
        return repeat.at_most
    if period is None or (rule.expires is None and rule.half_life is None):
        return math.inf
    if rule.half_life is not None:  # a geometric series
        return each / (1 - math.exp2(-period / rule.half_life))
    return each * math.ceil((rule.expires or 0) / period)


def _points(rule: ScoreRule, sign: int) -> float:
    """Return a rule's points in the direction of ``sign``; a field may hold any positive number."""
    if rule.points_fact is not None:
        return math.inf if rule.points * sign > 0 else 0.0
    return rule.points * sign
