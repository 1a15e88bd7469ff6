"""What judges a lead, typed: conditions, scoring models and the lifecycle."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from engine.language.diagnostic import Source
from engine.language.label import Text


class Struct(msgspec.Struct, frozen=True, kw_only=True):
    """Base of all definitions: frozen, built by keyword."""


# --- durations -------------------------------------------------------------------------------


class Span(Struct, frozen=True, kw_only=True):
    """A length of time: plain milliseconds, or working hours or days of a calendar."""

    ms: int = 0
    working: int = 0
    unit: str = ""  # "hours" or "days" when working

    @property
    def is_working(self) -> bool:
        """Whether it is counted in the working time of a calendar."""
        return bool(self.unit)


# --- conditions ------------------------------------------------------------------------------


class FieldRef(Struct, frozen=True, kw_only=True, tag=True):
    """An operand read from another fact of the same lead."""

    fact: str


class Test(Struct, frozen=True, kw_only=True, tag=True):
    """One predicate on one fact, such as ``lead.employees gte 500``.

    ``fact`` is canonical: ``lead.X``, ``event.X``, ``score.MODEL.DIMENSION``, ``grade``,
    ``stage``, ``owner``, ``team`` or ``journey.ID``. ``ranks`` orders an ordered enum.
    """

    fact: str
    op: str
    operand: Any
    family: str
    source: Source
    ranks: tuple[str, ...] = ()


class All(Struct, frozen=True, kw_only=True, tag=True):
    """Holds while every item holds; empty holds always."""

    items: tuple[Condition, ...]
    source: Source


class AnyOf(Struct, frozen=True, kw_only=True, tag=True):
    """Holds while at least one item holds."""

    items: tuple[Condition, ...]
    source: Source


class Not(Struct, frozen=True, kw_only=True, tag=True):
    """Holds while its item does not."""

    item: Condition
    source: Source


class Aggregate(Struct, frozen=True, kw_only=True, tag=True):
    """A count, sum, max or last over matching events, compared with a number.

    ``window`` names the state on the lead that equal aggregates share.
    """

    kind: str
    events: tuple[str, ...]
    where: Condition | None
    of: str | None
    within: int | None
    tests: tuple[tuple[str, Any], ...]
    window: str
    source: Source


class Absence(Struct, frozen=True, kw_only=True, tag=True):
    """Holds from ``span`` after the last matching event on; anchored at creation without any."""

    events: tuple[str, ...]
    where: Condition | None
    span: int
    window: str
    source: Source


class Guard(Struct, frozen=True, kw_only=True, tag=True):
    """Holds at certain times of day and days of the week; never wakes a rule by itself."""

    start: int | None  # minutes since midnight
    end: int | None
    days: tuple[int, ...]  # 0 = Monday; empty: every day
    calendar: str | None
    zone: str
    source: Source


Condition = Test | All | AnyOf | Not | Aggregate | Absence | Guard


# --- scoring ---------------------------------------------------------------------------------


class Repeat(Struct, frozen=True, kw_only=True):
    """How often an event rule scores: once, each, or at most n per duration."""

    at_most: int | None = None  # None: each
    per: int | None = None  # None with at_most 1: once


class Dimension(Struct, frozen=True, kw_only=True):
    """A part of a score; its total is kept between ``min`` and ``max``."""

    id: str
    label: Text | None
    weight: float
    max: float | None
    min: float | None
    source: Source


class ScoreRule(Struct, frozen=True, kw_only=True):
    """Gives points while a condition holds, or for each occurrence of an event."""

    id: str
    model: str
    dimension: str
    label: Text | None
    events: tuple[str, ...]
    where: Condition | None
    when: Condition | None
    points: float  # already weighted
    points_fact: str | None  # a fact to multiply `points` with
    repeat: Repeat | None
    expires: int | None
    half_life: int | None
    exclusive: str | None
    source: Source


class Grade(Struct, frozen=True, kw_only=True):
    """A band of the total, from ``floor`` (inclusive) up to the next band."""

    grade: str
    floor: float
    source: Source
    label: Text | None = None


class Model(Struct, frozen=True, kw_only=True):
    """A scoring model; ``thresholds`` names totals such as mql."""

    id: str
    dimensions: tuple[Dimension, ...]
    rules: tuple[ScoreRule, ...]
    grades: tuple[Grade, ...]  # highest first
    thresholds: Mapping[str, float]
    source: Source
    label: Text | None = None


# --- lifecycle -------------------------------------------------------------------------------


class Stage(Struct, frozen=True, kw_only=True):
    """A stage of the funnel: from where it is entered, by what, and what it requires."""

    id: str
    label: Text | None
    enter_from: tuple[str, ...] | None  # None: from any stage that is not final
    when: Condition | None
    events: tuple[str, ...]
    where: Condition | None
    requires: tuple[str, ...]
    final: bool
    source: Source


class Lifecycle(Struct, frozen=True, kw_only=True):
    """The stages in order; a lead starts in the first."""

    stages: tuple[Stage, ...]

    @property
    def ends(self) -> tuple[str, ...]:
        """The stages at which a lead is done: won, lost."""
        return tuple(stage.id for stage in self.stages if stage.final)
