"""Rules that feed themselves: found when configuration loads, reported with their path.

Rules without an event chain by themselves: they read facts and change scores, which change the
grade, which may move the stage. A rule that thereby changes what it reads could hold and not
hold for ever. So would one that scores each change of a score, which is another.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from engine.language.diagnostic import Diagnostics, Source
from engine.language.rules import (
    All,
    AnyOf,
    Condition,
    FieldRef,
    Model,
    Not,
    ScoreRule,
    Stage,
    Test,
)


class _Edge(msgspec.Struct, frozen=True):
    """Something that changes ``target`` when ``origin`` changes."""

    origin: str
    target: str
    through: str  # how the path names it
    source: Source | None
    rule: str | None = None


def reads(condition: Condition | None) -> frozenset[str]:
    """Return the facts of the lead that a condition reads."""
    return frozenset(_reads(condition)) if condition is not None else frozenset()


def _reads(condition: Condition) -> Iterator[str]:
    if isinstance(condition, Test):
        yield condition.fact
        if isinstance(condition.operand, FieldRef):
            yield condition.operand.fact
    elif isinstance(condition, All | AnyOf):
        for item in condition.items:
            yield from _reads(item)
    elif isinstance(condition, Not):
        yield from _reads(condition.item)


def check_cycles(
    models: Iterable[Model], default: str, stages: Iterable[Stage], found: Diagnostics
) -> None:
    """Write an error for every scoring rule that stands in a cycle."""
    edges = [e for model in models for e in _of_model(model, default)]
    edges += [
        _Edge(fact, "stage", f"stage {stage.id}", stage.source)
        for stage in stages
        if not stage.events
        for fact in reads(stage.when) - {"stage"}
    ]
    outgoing: dict[str, list[_Edge]] = {}
    for edge in edges:
        outgoing.setdefault(edge.origin, []).append(edge)
    reported: set[str] = set()
    for edge in edges:
        if edge.rule is None or edge.rule in reported or edge.source is None:
            continue
        path = _path(edge.target, edge.origin, outgoing)
        if path is not None:
            reported.add(edge.rule)
            _report(edge, path, found)


def _of_model(model: Model, default: str) -> Iterator[_Edge]:
    total = f"score.{model.id}.total"
    for rule in model.rules:
        yield from _of_rule(model, rule)
    for dimension in model.dimensions:
        yield _Edge(f"score.{model.id}.{dimension.id}", total, "", None)
    if model.grades:
        yield _Edge(total, f"grade.{model.id}", "", None)
        if model.id == default:
            yield _Edge(total, "grade", "", None)


def _of_rule(model: Model, rule: ScoreRule) -> Iterator[_Edge]:
    if rule.events and not _scores_every_score(rule):
        return
    facts = set(reads(rule.when)) if not rule.events else {f"score.{model.id}.total"}
    if rule.points_fact:
        facts.add(rule.points_fact)
    for fact in sorted(facts):
        target = f"score.{model.id}.{rule.dimension}"
        yield _Edge(fact, target, f'rule "{rule.id}"', rule.source, f"{model.id}.{rule.id}")


def _scores_every_score(rule: ScoreRule) -> bool:
    """Whether a rule answers each change of a score, its own too, with another one."""
    repeats = rule.repeat is not None and rule.repeat.at_most is None
    asks = rule.where is not None or rule.when is not None
    return "score_changed" in rule.events and repeats and not asks


def _path(start: str, end: str, outgoing: dict[str, list[_Edge]]) -> list[_Edge] | None:
    """Return the shortest way from ``start`` to ``end``, None when there is none."""
    ways: dict[str, list[_Edge]] = {start: []}
    waiting = [start]
    while waiting:
        fact = waiting.pop(0)
        if fact == end:
            return ways[fact]
        for edge in outgoing.get(fact, ()):
            if edge.target not in ways:
                ways[edge.target] = [*ways[fact], edge]
                waiting.append(edge.target)
    return None


def _report(edge: _Edge, path: list[_Edge], found: Diagnostics) -> None:
    assert edge.source is not None
    assert edge.rule is not None
    words = [edge.origin, edge.through, edge.target]
    for step in path:
        words += [w for w in (step.through, step.target) if w]
    rule = edge.rule.partition(".")[2]
    found.error(
        "rule-cycle",
        f'the rule "{rule}" changes what it reads: {" -> ".join(words)}',
        edge.source,
        rule=rule,
        hint="let it read something that its own points do not change",
    )
