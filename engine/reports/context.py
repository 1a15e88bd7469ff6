"""What a report is made from: figures of the store, the rules in use, and the question."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from fractions import Fraction
from functools import cached_property
from typing import Final

from engine.language.definitions import Definitions
from engine.language.label import Text
from engine.reports.asking import Given, Question
from engine.reports.shape import SMALL_BELOW, Column, Figure, Row, Value, Words
from engine.reports.statistics import part, wilson
from engine.store.figures import Figures
from engine.store.rows import from_json

ALWAYS: Final = (-(2**53), 2**53)


class Context:
    """One question to one database, and what the rules call things."""

    def __init__(self, figures: Figures, definitions: Definitions, question: Question) -> None:
        self.figures = figures
        self.definitions = definitions
        self.question = question
        self.reporting = definitions.reporting

    @property
    def when(self) -> tuple[int, int, tuple[str, ...] | None]:
        """The period and whose leads: what the store is asked with."""
        question = self.question
        since = ALWAYS[0] if question.since is None else question.since
        return since, ALWAYS[1] if question.until is None else question.until, question.owners

    def asking(self, question: Question) -> Context:
        """Return the same for another question."""
        return Context(self.figures, self.definitions, question)

    @property
    def by_creation(self) -> bool:
        """Whether the leads made in the period count, rather than what happened in it."""
        return self.question.cohort == "created"

    @cached_property
    def labels(self) -> dict[str, Text]:
        """What people call each stage."""
        return {stage.id: stage.label or stage.id for stage in self.definitions.lifecycle.stages}

    @cached_property
    def way(self) -> list[str]:
        """The stages up to the first final one, in order."""
        stages = self.definitions.lifecycle.stages
        finals = [i for i, stage in enumerate(stages) if stage.final]
        return [stage.id for stage in stages[: finals[0] + 1 if finals else None]]

    @cached_property
    def ends(self) -> list[str]:
        """The stages beside the way."""
        return [s.id for s in self.definitions.lifecycle.stages if s.id not in self.way]

    @property
    def milestones(self) -> dict[str, str]:
        """The stages that stand for mql, sql, opportunity and won, in the order of the way."""
        named = self.reporting.milestones
        wanted = ("mql", "sql", "opportunity", "won")
        return {name: named[name] for name in wanted if named.get(name) in self.way}

    def reached(self, stage: str, entered: str) -> list[str]:
        """Return the stages passed by a lead in ``stage`` that entered those in a JSON list."""
        known = {stage, *from_json(entered)}
        furthest = max((i for i, each in enumerate(self.way) if each in known), default=0)
        return [*self.way[: furthest + 1], *(end for end in self.ends if end == stage)]

    def onwards(self, stage: str) -> list[str]:
        """Return ``stage`` and those after it on the way."""
        return self.way[self.way.index(stage) :] if stage in self.way else [stage]

    def reaching(self, stage: str) -> dict[str, Given]:
        """Return the filter of leads that came to a stage or farther; every lead has the first."""
        return {} if stage == self.way[0] else {"reached": self.onwards(stage)}

    def reached_link(self, stage: str, **more: Given) -> str:
        """Return the query of the leads that reached a stage, as the cohort has it."""
        if self.by_creation:
            return self.question.link(**more, **self.reaching(stage))
        return self.entered_link(stage, **more)

    def entered_link(self, stage: str, **more: Given) -> str:
        """Return the query of the leads that entered a stage in the period for the first time."""
        if stage == self.way[0]:
            return self.question.link(**more)
        return self.question.bare_link(**self.question.entering(stage), **more)

    def bought_link(self, **more: Given) -> str:
        """Return the query of the leads behind sales, as the cohort has them."""
        ask = self.question.link if self.by_creation else self.question.then
        return ask(bought=self.reporting.revenue, **more)


def total(amounts: Sequence[int | float | None]) -> Decimal:
    """Return the exact sum of amounts as they were written; None counts nothing."""
    return sum((Decimal(str(each)) for each in amounts if each is not None), Decimal(0))


def money(amount: Decimal | Fraction | None) -> int | float | None:
    """Return an amount to the cent, whole ones as whole numbers."""
    if amount is None:
        return None
    cents = round(Fraction(amount) * 100)
    return cents // 100 if cents % 100 == 0 else cents / 100


def ratio(some: Decimal | Fraction, whole: Decimal | Fraction | int) -> Fraction | None:
    """Return the exact quotient, None where there is nothing to divide by."""
    return Fraction(some) / Fraction(whole) if whole else None


def line(
    cells: Mapping[str, Value],
    shares: Mapping[str, tuple[int, int]] | None = None,
    leads: Mapping[str, str] | None = None,
) -> Row:
    """Return a row; each of ``shares`` is (hits, cases), and gets its interval."""
    shares = shares or {}
    intervals = {key: bounds for key, (hits, n) in shares.items() if (bounds := wilson(hits, n))}
    cells = {**cells, **{key: part(hits, cases) for key, (hits, cases) in shares.items()}}
    return Row(
        cells,
        intervals=intervals,
        small=[key for key, (_, cases) in shares.items() if cases < SMALL_BELOW],
        leads={key: query for key, query in (leads or {}).items() if cells.get(key)},
    )


def figure(column: Column, value: Value, leads: str | None = None, *, now: bool = False) -> Figure:
    """Return a single number that is called as its column."""
    said = column.key, column.label, column.kind, column.unit, column.formula
    return Figure(*said, value=value, leads=leads, now=now)


def share_figure(column: Column, hits: int, cases: int, leads: str | None = None) -> Figure:
    """Return a share by itself, with its interval; ``leads`` are those that hit."""
    low, high = wilson(hits, cases) or (None, None)
    said = column.key, column.label, column.kind, column.unit, column.formula
    few = cases < SMALL_BELOW
    return Figure(*said, value=part(hits, cases), low=low, high=high, small=few, leads=leads)


def text(key: str, zh: str, en: str) -> Column:
    """Return a column of texts."""
    return Column(key, Words(zh, en), "text")


def number(
    key: str, kind: str, label: tuple[str, str], formula: tuple[str, str], *, now: bool = False
) -> Column:
    """Return a column of figures with its formula in both languages."""
    units = {"share": "%", "duration": "ms"}
    return Column(key, Words(*label), kind, units.get(kind), Words(*formula), now)


def in_currency(column: Column, currency: str) -> Column:
    """Return a column of money with its unit."""
    return Column(column.key, column.label, "money", currency, column.formula)
