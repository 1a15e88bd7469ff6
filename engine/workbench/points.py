"""What tests of a configuration have to show: each rule fired and not, each branch taken."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Final

import msgspec

from engine.language.definitions import All, AnyOf, Condition, Step
from engine.language.diagnostic import Source
from engine.language.wording import write
from engine.network.rules import JourneyRule, RecycleRule, Rule, SlaRule, StageRule
from engine.network.ruleset import Ruleset
from engine.workbench.firing import automatic

ASPECTS: Final = ("fired", "not fired", "branch")
CLOCK_ENDS: Final = ("met", "breached")


class Point(msgspec.Struct, frozen=True):
    """One thing to show. ``kind`` and ``rule`` name whose it is, ``aspect`` is one of ASPECTS.

    ``text`` says in words what has not happened as long as no test shows it; ``key`` is what
    a run of tests calls it.
    """

    key: str
    kind: str
    rule: str
    aspect: str
    text: str
    source: Source


def fires(key: str) -> str:
    """Return the key of a rule's firing."""
    return f"{key} fires"


def rests(key: str) -> str:
    """Return the key of a rule's not firing, proven."""
    return f"{key} rests"


def alternative(source: Source) -> str:
    """Return the key of one alternative of an ``any``; named conditions stand in one place."""
    return f"any {source}"


def points(ruleset: Ruleset) -> list[Point]:
    """Return everything that tests of a configuration have to show, each thing once.

    What comes from elsewhere, such as the stages of the default lifecycle, is tested there.
    """
    folder = PurePosixPath(ruleset.definitions.folder)
    every = [
        *(p for rule in ruleset.rules.values() for p in _scoring(ruleset, rule)),
        *_grades(ruleset),
        *(p for stage in ruleset.stages.values() for p in _stage(ruleset, stage)),
        *_routes(ruleset),
        *(p for sla in ruleset.slas for p in _sla(sla)),
        *(p for rule in ruleset.recycles for p in _recycle(rule)),
        *(p for journey in ruleset.journeys.values() for p in _journey(journey)),
    ]
    mine = [point for point in every if PurePosixPath(point.source.file).is_relative_to(folder)]
    return list({point.key: point for point in reversed(mine)}.values())[::-1]


def any_items(condition: Condition | None) -> Iterator[Condition]:
    """Yield the alternatives of every ``any`` of a condition, those below ``not`` left out."""
    if isinstance(condition, AnyOf) and len(condition.items) > 1:
        yield from condition.items
    if isinstance(condition, All | AnyOf):
        for item in condition.items:
            yield from any_items(item)


def _alternatives(kind: str, id: str, *conditions: tuple[str, Condition | None]) -> Iterator[Point]:
    for prefix, condition in conditions:
        for item in any_items(condition):
            text = f"never fires by this alternative: {write(item, prefix)}"
            yield Point(alternative(item.source), kind, id, "branch", text, item.source)


def _both(
    key: str, kind: str, id: str, source: Source, words: tuple[str, str], may_rest: bool
) -> Iterator[Point]:
    """Yield that a rule fires and, where something may keep it from that, that it does not."""
    yield Point(fires(key), kind, id, "fired", words[0], source)
    if may_rest:
        yield Point(rests(key), kind, id, "not fired", words[1], source)


def _scoring(ruleset: Ruleset, rule: Rule) -> Iterator[Point]:
    d = rule.definition
    shared = sum(other.definition.id == d.id for other in ruleset.rules.values()) > 1
    name = rule.key if shared else d.id
    words = ("never fires", "never proven not to fire")
    conditional = d.where is not None or d.when is not None
    yield from _both(f"rule:{rule.key}", "rule", name, d.source, words, conditional)
    yield from _alternatives("rule", name, ("event.", d.where), ("", d.when))


def _grades(ruleset: Ruleset) -> Iterator[Point]:
    for model in ruleset.models.values():
        for band in model.grades:
            key = f"grade:{model.id}.{band.grade}"
            yield Point(key, "grade", band.grade, "branch", "no lead gets it", band.source)


def _stage(ruleset: Ruleset, stage: StageRule) -> Iterator[Point]:
    d = stage.definition
    if d.id == ruleset.initial_stage:  # every lead begins there
        return
    words = ("never entered", "never proven not to be entered")
    may_rest = automatic(stage) and (d.when is not None or d.where is not None)
    yield from _both(f"stage:{d.id}", "stage", d.id, d.source, words, may_rest)
    yield from _alternatives("stage", d.id, ("event.", d.where), ("", d.when))


def _routes(ruleset: Ruleset) -> Iterator[Point]:
    words = ("never decides", "never proven to be passed over")
    for route in ruleset.routes:
        d = route.definition
        yield from _both(f"route:{d.id}", "route", d.id, d.source, words, d.when is not None)
        yield from _alternatives("route", d.id, ("", d.when))


def _sla(sla: SlaRule) -> Iterator[Point]:
    d = sla.definition
    key = f"sla:{d.id}"
    words = ("its clocks never start", "never proven not to start")
    yield from _both(key, "sla", d.id, d.source, words, d.when is not None)
    yield from _alternatives("sla", d.id, ("", d.when))
    for name, _ in d.clocks:
        for end in CLOCK_ENDS:
            text = f"the clock {name} is never {end}"
            yield Point(f"{key} {name} {end}", "sla", d.id, "branch", text, d.source)
    if d.pause is not None:
        text = "its clocks never stand still"
        yield Point(f"{key} paused", "sla", d.id, "branch", text, d.pause.source)
    for index, rung in enumerate(d.rungs):
        text = f"the rung {rung.do} is never reached"
        yield Point(f"{key} rung {index}", "sla", d.id, "branch", text, rung.source)


def _recycle(rule: RecycleRule) -> Iterator[Point]:
    d = rule.definition
    words = ("never takes a lead back", "never proven to leave a lead to its owner")
    yield from _both(rule.key, "recycle", d.id, d.source, words, True)
    yield from _alternatives("recycle", d.id, ("", d.when))


def _journey(rule: JourneyRule) -> Iterator[Point]:
    d = rule.definition
    key = f"journey:{d.id}"
    words = ("never entered", "never proven not to be entered")
    conditional = d.where is not None or d.when is not None
    yield from _both(key, "journey", d.id, d.source, words, conditional)
    yield from _alternatives("journey", d.id, ("event.", d.where), ("", d.when))
    if d.exit_when is not None or d.exit_events:
        text = "its exit never ends it or keeps a lead out"
        yield Point(f"{key} exit", "journey", d.id, "branch", text, d.source)
    if d.goal_when is not None or d.goal_events:
        yield Point(f"{key} goal", "journey", d.id, "branch", "its goal never ends it", d.source)
    for step in d.steps:
        yield from _step(key, d.id, step)


def _step(key: str, journey: str, step: Step) -> Iterator[Point]:
    def branch(what: str, text: str, source: Source) -> Point:
        name = f"{key}.{step.id} {what}"
        return Point(name, "journey", journey, "branch", f"step {step.id} {text}", source)

    yield branch("reached", "is never reached", step.source)
    if step.events:
        yield branch("heard", "is never answered", step.source)
        yield branch("over", "never runs out", step.source)
    for index, (condition, target) in enumerate(step.cases):
        text = f"never goes to {target}: {write(condition)}"
        yield branch(f"case {index}", text, condition.source)
    for variant in step.split.variants if step.split else ():
        text = f"never deals out the variant {variant.name}"
        yield branch(f"variant {variant.name}", text, step.source)
    if step.kind == "branch":
        text = f"never goes its last way, to {step.otherwise}"
        yield branch(f"case {len(step.cases)}", text, step.source)
