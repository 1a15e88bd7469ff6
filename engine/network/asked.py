"""Scoring rules whose conditions somebody else answers, in place of our own closures.

A ruleset made of such definitions wakes, repeats, expires and adds up as ever; only whether a
condition holds is asked outside. So whatever another network answers, everything else is ours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from engine.language.definitions import (
    All,
    AnyOf,
    Condition,
    Definitions,
    FieldRef,
    Not,
    ScoreRule,
    Test,
)
from engine.network.durable import rule_key

Answer = Callable[[ScoreRule, Any], bool]  # does the rule hold, given what a condition reads?


class Question(Struct, frozen=True):
    """The operand of the operator ``asks``: called with the facts, as a compiled test is.

    Without ``answer`` it always holds; so a rule that reads several fields asks once.
    """

    key: str
    rule: ScoreRule
    answer: Answer | None

    def __call__(self, facts: Any) -> bool:
        return self.answer is None or self.answer(self.rule, facts)

    def __repr__(self) -> str:
        """Equal for equal questions: conditions are shared by their text."""
        return f"asks({self.key}, {self.answer is not None})"


def asking(definitions: Definitions, answer: Answer) -> Definitions:
    """Return the same definitions, with every condition of a scoring rule left to ``answer``.

    It is called with the rule as it was written and a `engine.network.condition.Facts`, for
    an event that the rule names, or when a field that it reads has changed. The rules must be
    carried by `engine.network.durable`: what remembers events or reads a clock is not asked.
    """
    models = tuple(
        replace(model, rules=tuple(_asking(rule, answer) for rule in model.rules))
        for model in definitions.models
    )
    return replace(definitions, models=models)


def _asking(rule: ScoreRule, answer: Answer) -> ScoreRule:
    """Every field that the rule reads is named by one test, so that its change wakes the rule."""
    key = rule_key(rule)
    names = sorted({*_reads(rule.where), *_reads(rule.when)}) or ["event."]
    tests = tuple(
        Test(
            fact=name,
            op="asks",
            operand=Question(key, rule, None if index else answer),
            family="",
            source=rule.source,
        )
        for index, name in enumerate(names)
    )
    return replace(rule, where=None, when=All(items=tests, source=rule.source))


def _reads(condition: Condition | None) -> Iterator[str]:
    """Yield the facts that a condition reads."""
    if isinstance(condition, All | AnyOf):
        for item in condition.items:
            yield from _reads(item)
    elif isinstance(condition, Not):
        yield from _reads(condition.item)
    elif isinstance(condition, Test):
        yield condition.fact
        if isinstance(condition.operand, FieldRef):
            yield condition.operand.fact
