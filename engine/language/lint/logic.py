"""What follows from conditions: whether one can hold, always holds, or implies another.

Sound, not complete: "can never hold", "always holds" and "implies" are said only where they
are certain, whatever the lead; where nothing can be decided the answer is that all is well.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec
import re2

from engine.language.definitions import Definitions
from engine.language.lint.literals import (
    Alternatives,
    Bound,
    Exists,
    Literal,
    Opaque,
    TooMany,
    Word,
    alternatives,
    join,
)
from engine.language.lint.values import Names, Numbers, anything, names, numbers
from engine.language.rules import Condition

Way = tuple[Literal, ...]  # literals that hold together

_ALWAYS_THERE: Final = ("stage", "score.", "count ", "sum ", "absent ")
_NEVER_NEGATIVE: Final = ("count ", "last ", "absent ")


class Domain(msgspec.Struct, frozen=True):
    """What a fact may be: missing or not, and which values it may have."""

    optional: bool = True
    values: Names | Numbers | None = None
    whole: bool = False


class Logic:
    """Decides about the conditions of one configuration."""

    def __init__(self, definitions: Definitions) -> None:
        self._enums = _enums(definitions)
        # By identity, for hashing a tree costs as much as taking it apart; each is kept alive.
        self._apart: dict[tuple[int, bool], tuple[Condition, Alternatives]] = {}
        self._alone: dict[tuple[int, bool], tuple[Condition, bool]] = {}
        self._whole = frozenset(
            f"lead.{f.name}" for f in definitions.catalogue.fields.values() if f.type == "integer"
        )

    def possible(self, *conditions: Condition | None) -> bool:
        """Whether all conditions may hold at once; None always holds."""
        return self._any([(c, True) for c in conditions if c is not None])

    def always(self, condition: Condition | None) -> bool:
        """Whether the condition holds for every lead at every instant."""
        return condition is None or not self._any([(condition, False)])

    def implies(self, condition: Condition | None, other: Condition | None) -> bool:
        """Whether ``other`` holds wherever ``condition`` does."""
        if other is None:
            return True
        given = [] if condition is None else [(condition, True)]
        return not self._any([*given, (other, False)])

    def same(self, condition: Condition | None, other: Condition | None) -> bool:
        """Whether the two hold for the same leads."""
        return self.implies(condition, other) and self.implies(other, condition)

    def optional(self, fact: str) -> bool:
        """Whether a lead may be without this fact."""
        return self._domain(fact).optional

    def ways(self, condition: Condition | None, wanted: bool) -> list[Way] | None:
        """Return the ways in which a condition may hold or, not ``wanted``, fail.

        None where there are too many to say. A condition that is None always holds.
        """
        if condition is None:
            return [()] if wanted else []
        try:
            return [way for way in self._alternatives(condition, wanted) if self._agree(way)]
        except TooMany:
            return None

    def _any(self, conditions: Sequence[tuple[Condition, bool]]) -> bool:
        """Whether all may hold or fail as wanted; of one alone the answer is kept."""
        if len(conditions) != 1:
            return self._joined(conditions)
        key = (id(conditions[0][0]), conditions[0][1])
        if key not in self._alone:
            self._alone[key] = (conditions[0][0], self._joined(conditions))
        return self._alone[key][1]

    def _joined(self, conditions: Sequence[tuple[Condition, bool]]) -> bool:
        try:
            found: Alternatives = join([self._alternatives(c, wanted) for c, wanted in conditions])
        except TooMany:
            return True
        return any(self._agree(literals) for literals in found)

    def _alternatives(self, condition: Condition, wanted: bool) -> Alternatives:
        key = (id(condition), wanted)
        if key not in self._apart:
            self._apart[key] = (condition, alternatives(condition, wanted))
        return self._apart[key][1]

    def _agree(self, literals: Sequence[Literal]) -> bool:
        """Whether literals can hold together."""
        opaque = {(x.key, x.positive) for x in literals if isinstance(x, Opaque)}
        if any((key, not positive) in opaque for key, positive in opaque):
            return False
        about: dict[str, list[Literal]] = defaultdict(list)
        for literal in literals:
            if not isinstance(literal, Opaque):
                about[literal.fact].append(literal)
            elif literal.positive:
                for fact in literal.facts:
                    about[fact].append(Exists(fact, True))
        return all(self._fits(fact, group) for fact, group in about.items())

    def _fits(self, fact: str, literals: Sequence[Literal]) -> bool:
        domain = self._domain(fact)
        if domain.optional and not any(_needs_value(x) for x in literals):
            return True  # a lead without the fact does
        if any(isinstance(x, Exists) and not x.positive for x in literals):
            return False
        values = _narrowed(domain, [x for x in literals if isinstance(x, Bound)])
        words = [x for x in literals if isinstance(x, Word)]
        if words and isinstance(values, Names) and not values.negated:
            values = Names(frozenset(v for v in values.values if all(_passes(v, w) for w in words)))
        if values is not None and values.empty(domain.whole):
            return False
        return not any(_clash(a, b) for a in words for b in words if a.positive and not b.positive)

    def _domain(self, fact: str) -> Domain:
        optional = not fact.startswith(_ALWAYS_THERE)
        if fact.startswith(_NEVER_NEGATIVE):
            return Domain(optional, numbers(low=0), whole=fact.startswith("count "))
        values = self._enums.get(fact)
        if values is None and fact.startswith("lead.consent."):
            values = names("given", "withdrawn")
        return Domain(optional, values, fact in self._whole)


def _enums(definitions: Definitions) -> Mapping[str, Names]:
    """Return the values of facts that have few: enums, booleans, stages and grades."""
    found: dict[str, Names] = {}
    for field in definitions.catalogue.fields.values():
        if field.type == "enum":
            found[f"lead.{field.name}"] = names(*field.values)
        elif field.type == "boolean":
            found[f"lead.{field.name}"] = names(True, False)
    found["stage"] = names(*(s.id for s in definitions.lifecycle.stages))
    for model in definitions.models:
        grades = names(*(g.grade for g in model.grades))
        found[f"grade.{model.id}"] = grades
        if model is definitions.default_model:
            found["grade"] = grades
    return found


def _needs_value(literal: Literal) -> bool:
    return not isinstance(literal, Opaque) and literal.positive


def _narrowed(domain: Domain, bounds: Iterable[Bound]) -> Names | Numbers | None:
    """Return the values that remain, None when nothing is known about them."""
    found = domain.values
    for bound in bounds:
        values = bound.values if bound.positive else bound.values.complement()
        if found is None:
            found = numbers(-math.inf, math.inf) if isinstance(values, Numbers) else anything()
        found = _meet(found, values)
    return found


def _meet(one: Names | Numbers, other: Names | Numbers) -> Names | Numbers:
    """Return what is in both; nothing is known where they are not of one kind."""
    if isinstance(one, Numbers):
        return one.meet(other) if isinstance(other, Numbers) else one
    return one.meet(other) if isinstance(other, Names) else one


def _passes(value: Any, word: Word) -> bool:
    """Whether a value passes a test of its text."""
    return _text_test(str(value), word.op, word.operand) is word.positive


def _text_test(text: str, op: str, operand: Any) -> bool:
    if op == "starts_with":
        return text.startswith(operand)
    if op == "ends_with":
        return text.endswith(operand)
    if op == "matches":
        return re2.search(operand, text) is not None
    return operand in text


def _clash(holds: Word, fails: Word) -> bool:
    """Whether the test that holds implies the one that fails."""
    if holds.op == fails.op and holds.operand == fails.operand:
        return True
    if "matches" in (holds.op, fails.op) or "includes" in (holds.op, fails.op):
        return False
    if fails.op == "contains":
        return fails.operand in holds.operand
    return holds.op == fails.op and _text_test(holds.operand, fails.op, fails.operand)
