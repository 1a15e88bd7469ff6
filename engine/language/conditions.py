"""Parse conditions: YAML maps to typed trees, every name and operand checked."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

from engine.language.aggregates import parse_absence, parse_aggregate, parse_guard
from engine.language.catalogue import UNHEARD, BadValue, Field
from engine.language.diagnostic import Diagnostics
from engine.language.instants import BadTime, parse_duration
from engine.language.nearest import did_you_mean, nearest
from engine.language.operators import (
    COMPARING,
    EDGES,
    MANY,
    OPERATORS,
    check_operand,
    operator_meant,
)
from engine.language.places import nearest_place
from engine.language.reader import Document, Path
from engine.language.rules import All, AnyOf, Condition, FieldRef, Not, Test
from engine.language.scope import ANY, Resolved, Scope

AGGREGATES: Final = ("count", "sum", "max", "last")
_WORDS: Final = {"or": "any", "and": "all"}
_JOINING: Final = ("all", "any", "not", "use")
_OF_LEADS: Final = (*AGGREGATES, "absent", "time")  # what only a condition about a lead may have
# What the operators take whose operand is not of the field's type.
# `500,000` in a map of operators is 500, and a key 000.
_NO_COMMA: Final = "a number has no commas: write 500000"
_FORMS: Final = {
    "exists": "exists: true, or exists: false",
    "matches": "a regular expression in quotes",
    "between": "two numbers in a list, the smaller one first",
    **dict.fromkeys(("before", "after"), "a day such as 2026-03-02"),
    **dict.fromkeys(("older_than", "newer_than"), "a duration such as 30d"),
    **dict.fromkeys(("at_least", "at_most"), "one of its values, if it is declared ordered: true"),
}


class ConditionParser:
    """Parses the conditions of one document for one rule.

    ``events`` are the event types whose properties ``event.`` may read. Findings go to
    ``found``; a part with an error is left out of the result, which is then never used.
    """

    def __init__(
        self,
        scope: Scope,
        document: Document,
        found: Diagnostics,
        rule: str | None = None,
        events: Sequence[str] = (),
        using: tuple[str, ...] = (),
    ) -> None:
        self.scope = scope
        self.document = document
        self.found = found
        self.rule = rule
        self.events = tuple(events)
        self.using = using

    def parse(self, data: Any, path: Path, prefix: str = "") -> Condition | None:
        """Return the condition at ``path``; ``prefix`` is ``event.`` inside a ``where``."""
        if not isinstance(data, dict):
            what, hint = repr(data), "write FIELD: value"
            if isinstance(data, list):
                what, hint = "a list", "write any: [{...}, {...}], or all: [{...}, {...}]"
            self.error("condition", path, f"a condition is a map, not {what}", hint)
            return None
        if not data:
            self.error(
                "condition", path, "a condition needs at least one entry", "write FIELD: value"
            )
            return None
        items = [self._entry(k, data[k], (*path, k), prefix) for k in data]
        return _all([i for i in items if i is not None], self.document.at(path))

    def _entry(self, key: str, data: Any, path: Path, prefix: str) -> Condition | None:
        if key in ("all", "any"):
            return self._group(key, data, path, prefix)
        if key == "not":
            return self._not(data, path, prefix)
        if key == "use":
            return self._use(data, path)
        if not prefix and key in AGGREGATES:
            return parse_aggregate(self, key, data, path)
        if not prefix and key == "absent":
            return parse_absence(self, data, path)
        if not prefix and key == "time":
            return parse_guard(self, data, path)
        return self._predicate(key, data, path, prefix)

    def _group(self, key: str, data: Any, path: Path, prefix: str) -> Condition | None:
        if not isinstance(data, list) or not data:
            self.error(
                "condition", path, f"{key} takes a list of conditions", f"{key}: [{{...}}, {{...}}]"
            )
            return None
        items = [self.parse(each, (*path, i), prefix) for i, each in enumerate(data)]
        good = tuple(i for i in items if i is not None)
        span = self.document.at(path)
        if key == "all":
            return All(items=good, source=span)
        self._refuse_mixed_edges(good, path)
        return AnyOf(items=good, source=span)

    def _refuse_mixed_edges(self, items: Sequence[Condition], path: Path) -> None:
        edges = [has_edge(i) for i in items]
        if any(edges) and not all(edges):
            self.error(
                "edge-beside-level",
                path,
                "rises_to and falls_below happen at an instant; they cannot stand beside "
                "lasting conditions in any",
                hint="write two rules, or gte instead of rises_to",
            )

    def _not(self, data: Any, path: Path, prefix: str) -> Condition | None:
        item = self.parse(data, path, prefix)
        if item is None:
            return None
        if has_edge(item):
            self.error(
                "edge-under-not",
                path,
                "rises_to and falls_below happen at an instant; they cannot be negated",
                hint="write lt instead of not rises_to",
            )
        return Not(item=item, source=self.document.at(path))

    def _use(self, data: Any, path: Path) -> Condition | None:
        if not isinstance(data, str) or data not in self.scope.named:
            if self.scope.unseen("condition", str(data)):
                return None
            hint = did_you_mean(str(data), self.scope.named)
            self.error("unknown-condition", path, f'there is no condition "{data}"', hint=hint)
            return None
        if data in self.using:
            trail = " -> ".join((*self.using, data))
            self.error("condition-cycle", path, f"it uses itself: {trail}", "remove one use: of it")
            return None
        document, at = self.scope.named[data]
        parser = ConditionParser(
            self.scope, document, self.found, data, self.events, (*self.using, data)
        )
        return parser.parse(document.value(at), at)

    def _predicate(self, key: str, data: Any, path: Path, prefix: str) -> Condition | None:
        resolved = self.scope.resolve(prefix + key, self.events)
        if resolved is None:
            self._unknown(key, path, prefix)
            return None
        tests = data
        if data == {}:
            hint = f"write {key}: value, or {key}: {{operator: value}}"
            self.error("condition", path, f'"{key}" is compared with nothing', hint)
        if isinstance(data, list):
            tests = {"includes_any" if resolved.field.family == "list" else "in": data}
        elif not isinstance(data, dict):
            tests = {"includes" if resolved.field.family == "list" else "eq": data}
        items = [
            self._test(resolved, op, tests[op], (*path, op) if tests is data else path)
            for op in tests
        ]
        return _all([i for i in items if i is not None], self.document.at(path))

    def _unknown(self, key: str, path: Path, prefix: str) -> None:
        head, _, rest = (prefix + key).partition(".")
        if self.scope.unseen(head) or self.scope.unseen("field", rest):
            return
        known = self.scope.paths(self.events)
        if prefix:
            known = [p.removeprefix(prefix) for p in known if p.startswith(prefix)]
        known = [*known, *_JOINING, *(() if prefix else _OF_LEADS)]
        what = f"property of {' or '.join(self.events)}" if prefix else "field"
        hint = did_you_mean(key, known)
        hint = self._otherwise(key, prefix) or hint
        self.found.error(
            "unknown-property" if prefix else "unknown-field",
            f'"{key}" is not a known {what}; {hint}',
            self.document.key(path),
            rule=self.rule,
            hint=hint,
        )

    def _otherwise(self, key: str, prefix: str) -> str | None:
        """Say how to write what is no field and is often taken for one."""
        if key.lower() in _WORDS:
            word = _WORDS[key.lower()]
            return f"write {word}: [{{...}}, {{...}}]"
        if key == "lead.consent":
            return "consent is asked for by topic, such as lead.consent.marketing: given"
        if key.startswith("event.") and not self.events:
            return "properties of an event are known only where the rule names an event"
        if not prefix and key in self.scope.catalogue.events:
            return f"it is an event; write such as count: {{event: {key}, within: 30d, gte: 1}}"
        return None

    def _test(self, resolved: Resolved, op: str, operand: Any, path: Path) -> Condition | None:
        field = resolved.field
        allowed = _operators(resolved)
        if op not in allowed:
            meant = operator_meant(op, allowed) or nearest(op, allowed)
            told = f"of type {field.type}" + (f'; did you mean "{meant}"?' if meant else "")
            self.found.error(
                "unknown-operator",
                f'"{op}" is not an operator of {resolved.fact}, which is {told}',
                self.document.key(path),
                rule=self.rule,
                hint=_NO_COMMA if op.isdecimal() else f"it takes {', '.join(allowed)}",
            )
            return None
        value = self._operand(op, resolved, operand, path)
        if value is None:
            return None
        return Test(
            fact=resolved.fact,
            op=op,
            operand=value,
            family=field.family,
            ranks=field.values if field.ordered else (),
            source=self.document.at(path),
        )

    def _operand(self, op: str, resolved: Resolved, operand: Any, path: Path) -> Any:
        if isinstance(operand, dict):
            return self._reference(op, resolved, operand, path)
        if operand is None:
            hint = f"write a value, or {resolved.fact}: {{exists: false}} for a lead without one"
            self.error("operand", path, f"{resolved.fact} {op}: there is no value", hint)
            return None
        try:
            return check_operand(op, resolved.field, operand)
        except BadValue as error:
            if resolved.fact == "stage" and self.scope.unseen("stage"):
                return None
            text = f"{resolved.fact} {op}: {error}"
            self.error("operand", path, text, self._fitting(op, resolved, operand))
            return None

    def _fitting(self, op: str, resolved: Resolved, operand: Any) -> str:
        """Say what operand would do instead."""
        field = resolved.field
        if op in _FORMS and not field.ordered:
            return f"write {_FORMS[op]}"
        if field.family == "enum" and isinstance(operand, str):
            return did_you_mean(operand, field.values)
        if field.type == "geo" and isinstance(operand, str) and nearest_place(operand):
            return f'did you mean "{nearest_place(operand)}"?'
        many = " in a list" if op in MANY else ""
        if field.family == "number":
            return f"write digits alone{many}, such as 500000"
        return f"{resolved.fact} is of type {field.type}; give such a value{many}"

    def _reference(self, op: str, resolved: Resolved, data: Any, path: Path) -> FieldRef | None:
        name = data.get("field")
        if list(data) != ["field"]:
            text = f"{data!r} is no value; a map names another field"
            self.error("operand", path, text, hint="write {field: NAME}, or a value")
            return None
        other = self.scope.resolve(name, self.events) if isinstance(name, str) else None
        if other is None:
            hint = did_you_mean(str(name), self.scope.paths(self.events))
            self.error("unknown-field", path, f"{data!r} names no known field; {hint}", hint=hint)
            return None
        if not _alike(resolved.field, other.field) or op not in COMPARING:
            self.error(
                "operand",
                path,
                f"{resolved.fact} {op} cannot be compared with {other.fact}: "
                f"{_told(resolved.field)} and {_told(other.field)}",
                hint="compare fields of one type, currency or enum, by eq, ne, gt, gte, lt, lte, "
                "at_least or at_most",
            )
            return None
        return FieldRef(fact=other.fact)

    def event_types(self, data: Any, path: Path) -> tuple[str, ...]:
        """Return the event types that ``data`` names; ``any`` is every behaviour."""
        if data == ANY:
            return tuple(sorted(self.scope.catalogue.behaviour))
        names = data if isinstance(data, list) else [data]
        for index, name in enumerate(names):
            self._event_type(str(name), (*path, index) if isinstance(data, list) else path)
        return tuple(n for n in names if isinstance(n, str) and n in self.scope.catalogue.events)

    def _event_type(self, name: str, path: Path) -> None:
        """Write a finding on an event that there is not, or that no rule hears."""
        if name in UNHEARD:
            text = f'no rule ever hears "{name}"; {UNHEARD[name]}'
            self.error("unheard-event", path, text, hint=UNHEARD[name])
        elif name not in self.scope.catalogue.events and not self.scope.unseen("event", name):
            hint = did_you_mean(name, self.scope.catalogue.heard)
            self.error("unknown-event", path, f'"{name}" is not a known event; {hint}', hint=hint)

    def where(self, data: Any, path: Path, events: Sequence[str]) -> Condition | None:
        """Return the condition on an event's own properties."""
        inner = ConditionParser(self.scope, self.document, self.found, self.rule, events)
        return inner.parse(data, path, prefix="event.")

    def keys(self, data: Any, path: Path, known: set[str], required: Sequence[str]) -> bool:
        """Whether a map has the required keys and none but the known ones; writes findings."""
        if not isinstance(data, dict):
            form = ", ".join(f"{key}: ..." for key in required or sorted(known))
            hint = f"write {path[-1]}: {{{form}}}"
            self.error("condition", path, f"{path[-1]} takes a map, not {data!r}", hint)
            return False
        for key in data:
            if key not in known:
                hint = did_you_mean(key, known)
                self.found.error(
                    "unknown-key",
                    f'"{key}" is not known here; {hint}',
                    self.document.key((*path, key)),
                    rule=self.rule,
                    hint=hint,
                )
        for key in required:
            if key not in data:
                self.error("missing-key", path, f"{path[-1]} needs {key}", hint=f"add {key}:")
        return all(k in data for k in required) and all(k in known for k in data)

    def duration(self, data: dict[str, Any], key: str, path: Path) -> int | None:
        """Return the milliseconds under ``key``, None when absent or wrong."""
        if key not in data:
            return None
        try:
            return parse_duration(str(data[key]))
        except BadTime as error:
            self.error("duration", (*path, key), str(error), hint="write such as 30d")
            return None

    def error(self, code: str, path: Path, message: str, hint: str) -> None:
        """Write an error at ``path``."""
        self.found.error(code, message, self.document.at(path), rule=self.rule, hint=hint)


def has_edge(condition: Condition) -> bool:
    """Whether the condition happens at an instant instead of lasting."""
    if isinstance(condition, Test):
        return condition.op in EDGES
    if isinstance(condition, All | AnyOf):
        return any(has_edge(i) for i in condition.items)
    return isinstance(condition, Not) and has_edge(condition.item)


def _all(items: list[Condition], source: Any) -> Condition | None:
    if len(items) == 1:
        return items[0]
    return All(items=tuple(items), source=source) if items else None


def _operators(resolved: Resolved) -> tuple[str, ...]:
    """Return the operators that fit; an event's property was nothing before, so it has no edges."""
    every = OPERATORS[resolved.field.family]
    if not resolved.fact.startswith("event."):
        return every
    return tuple(op for op in every if op not in EDGES)


def _alike(one: Field, other: Field) -> bool:
    """Whether the values of two fields may be compared: not those of two currencies or enums."""
    currencies = {one.currency, other.currency} - {None}
    return (
        one.family == other.family
        and len(currencies) <= 1
        and (one.family != "enum" or one.values == other.values)
    )


def _told(field: Field) -> str:
    """Say of what type a field is, and what its values are values of."""
    more = field.currency or ", ".join(field.values)
    return f"{field.type} ({more})" if more else field.type
