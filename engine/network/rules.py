"""Rules in the form the machines run: conditions compiled, names resolved."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from engine.language.definitions import (
    Dimension,
    Journey,
    Recycle,
    Route,
    ScoreRule,
    Sla,
    Stage,
    Step,
)
from engine.network.condition import Compiled
from engine.network.wake import Lookup
from engine.network.windows import Take, Window

Check = Callable[[Any], bool]
Hearer = str | tuple[str, str]  # a journey, whatever its step, or a journey and one of its steps


@dataclass(frozen=True, kw_only=True)
class Rule:
    """A scoring rule. ``key`` is MODEL.DIMENSION.ID; ``order`` is its place in the YAML.

    A rule with events scores occurrences; one without gives points while ``when`` holds,
    or, with ``repeat``, each time it comes true. What each firing reads is here at hand;
    the rest of it is in the ``definition``.
    """

    key: str
    order: int
    id: str
    model: str
    dimension: str
    definition: ScoreRule
    where: Check | None  # what the event index has not asked already
    when: Compiled | None
    fact: str  # the score it adds to, such as score.default.fit
    total: str  # and the total
    points: float | int
    points_fact: str | None  # a fact to multiply the definition's points with
    at_most: int | None  # occurrences that score, in any ``per`` milliseconds
    per: int | None
    life: int | None  # how long an occurrence gives points, or half of them
    group: str | None  # MODEL.GROUP of an exclusive rule
    timer: str  # the name of its deadline among a lead's timers
    place: str  # where it is written, for the ledger
    limits: Dimension | None  # its dimension, where that has a floor or a cap
    cap: str  # the name under which a lead remembers what that takes off, or adds
    silence: int | None  # the span of a rule that is nothing but an absence
    plain: bool  # an occurrence gives its points and no more: no expiry
    asks: bool  # there is something to be asked before it fires
    edge: bool  # that has to do with what has just changed


@dataclass(frozen=True)
class Feed:
    """A window that an event type feeds, the rules that held for want of such an event, and
    whether any rule is to look again when it changes.
    """

    window: Window
    silences: tuple[Rule, ...]
    watched: bool


@dataclass(frozen=True, kw_only=True)
class Reaction:
    """What an event type sets in motion: windows it feeds, rules it may fire, later strata."""

    feeds: tuple[Feed, ...] = ()
    rules: Lookup[Rule] | None = None
    moves: bool = False  # stages or journeys hear it
    hearers: frozenset[Hearer] = frozenset()  # what hears it while a lead is there
    # Where nothing looks at what such an event feeds, and nobody but the hearers hears it: the
    # windows, by key (without a function: those that keep the latest instant), and the keys of
    # the rules that hold for want of it. None where something may look.
    counts: tuple[tuple[str, Take | None], ...] | None = ()
    silences: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class StageRule:
    """A stage and what enters it by itself."""

    order: int
    definition: Stage
    where: Check | None
    when: Compiled | None


@dataclass(frozen=True, kw_only=True)
class RouteRule:
    """A routing rule."""

    definition: Route
    when: Compiled | None


@dataclass(frozen=True, kw_only=True)
class SlaRule:
    """Clocks, for whom they run, and when they stand still."""

    order: int
    definition: Sla
    when: Compiled | None
    pause: Compiled | None = None


@dataclass(frozen=True, kw_only=True)
class RecycleRule:
    """What takes a lead back into ``pool``. ``key`` names its truth and its deadline."""

    order: int
    key: str
    pool: str
    definition: Recycle
    when: Compiled | None


@dataclass(frozen=True, kw_only=True)
class StepRule:
    """A journey's step; ``cases`` are the compiled conditions of a branch."""

    definition: Step
    where: Check | None
    cases: tuple[tuple[Compiled, str], ...]
    below: str | None  # the step that follows when nothing else is said


@dataclass(frozen=True, kw_only=True)
class JourneyRule:
    """A journey with everything compiled."""

    id: str
    order: int
    definition: Journey
    where: Check | None
    when: Compiled | None
    exit_when: Compiled | None
    exit_where: Check | None
    goal_when: Compiled | None
    goal_where: Check | None
    end_reads: frozenset[str]  # facts and windows that exit and goal read
    dates: frozenset[str]  # facts that steps wait for the day of
    hears: Mapping[str, frozenset[Hearer]]  # by event type: the journey whole, or its steps
    steps: Mapping[str, StepRule]


def heard_in(journey: Journey) -> dict[str, frozenset[Hearer]]:
    """Return who in a journey hears events of a type: all of it what ends it, a step its own."""
    found: dict[str, set[Hearer]] = {}
    for kind in (*journey.exit_events, *journey.goal_events):
        found.setdefault(kind, set()).add(journey.id)
    for step in journey.steps:
        for kind in step.events:
            found.setdefault(kind, set()).add((journey.id, step.id))
    return {kind: frozenset(hearers) for kind, hearers in found.items()}
