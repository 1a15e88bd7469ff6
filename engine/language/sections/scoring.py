"""``scoring.yaml``: models with their dimensions, rules, grades and thresholds."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from engine.language.conditions import has_edge
from engine.language.instants import parse_duration
from engine.language.nearest import did_you_mean
from engine.language.rules import Condition, Dimension, Grade, Model, Repeat, ScoreRule
from engine.language.sections.part import Builder, Part

_INNER = ("dimensions", "rules", "grades", "thresholds")


class ScoringBuilder(Builder):
    """Builds scoring models."""

    def build(self, parts: Sequence[Part]) -> tuple[Model, ...]:
        """Return the models of all files; one may be written in several."""
        found: dict[str, list[Part]] = {}
        for whole in parts:
            for name, part in whole.entries("models", inner=_INNER):
                found.setdefault(name, []).append(part)
        return tuple(self._model(name, each) for name, each in found.items())

    def _model(self, name: str, parts: Sequence[Part]) -> Model:
        written = [each for part in parts for each in part.entries("dimensions")]
        self.once(written, "dimension")
        dimensions = tuple(self._dimension(n, p) for n, p in written)
        rules = [rule for part in parts for rule in part.items("rules")]
        self.unique(rules, "rule")
        # Names, not what was found sound: one broken dimension is not also an unknown one.
        weights = {n: 1.0 for part in parts for n in part.get("dimensions", {})}
        weights |= {d.id: d.weight for d in dimensions}
        return Model(
            id=name,
            dimensions=dimensions,
            rules=tuple(r for r in (self._rule(name, weights, p) for p in rules) if r is not None),
            grades=self._grades([each for part in parts for each in part.items("grades")]),
            thresholds={n: p.data for part in parts for n, p in part.entries("thresholds")},
            source=parts[0].key_source,
            label=next((label for part in parts if (label := part.label()) is not None), None),
        )

    def _dimension(self, name: str, part: Part) -> Dimension:
        least, most = part.get("min"), part.get("max")
        if least is not None and most is not None and least > most:
            text = f'"{name}" is to be at least {least:g} and at most {most:g}'
            self.error("value", part.child("min"), text, None, "swap min and max")
        return Dimension(
            id=name,
            label=part.label(),
            weight=part.get("weight", 1),
            max=most,
            min=least,
            source=part.key_source,
        )

    def _rule(self, model: str, weights: dict[str, float], part: Part) -> ScoreRule | None:
        id = part.data["id"]
        dimension = part.data["dimension"]
        if not self.known(part.child("dimension"), dimension, weights, "dimension", id):
            return None
        events = self.events(part, id)
        repeat = self._repeat(part, id)
        if not events and part.get("event") is None and part.get("when") is None:
            self.error(
                "empty-rule", part, f'the rule "{id}" has neither event nor when', id, "add when:"
            )
        points, fact = self._points(part, id, events)
        expires, half_life = self._fading(part, id)
        when = self.condition(part, "when", id, events)
        self._check_kind(part, id, when)
        return ScoreRule(
            id=id,
            model=model,
            dimension=dimension,
            label=part.label(),
            events=events,
            where=self.where(part, id, events),
            when=when,
            points=points * weights[dimension],
            points_fact=fact,
            repeat=repeat,
            expires=expires,
            half_life=half_life,
            exclusive=part.get("exclusive"),
            source=part.source,
        )

    def _check_kind(self, part: Part, id: str, when: Condition | None) -> None:
        """What makes sense only for rules with an event, and only for those without."""
        counted = part.get("event") is not None or part.get("repeat") is not None
        if counted and part.get("exclusive") is not None:
            text = f'"{id}" scores occurrences; exclusive is for rules that hold'
            hint = "write repeat: once" if part.get("event") is not None else "remove repeat:"
            self.error("exclusive-event", part.child("exclusive"), text, id, hint)
        if not counted and when is not None and has_edge(when):
            text = f'"{id}" would give points at the crossing and take them back at the next change'
            self.error(
                "edge-needs-repeat", part.child("when"), text, id, "add repeat: each or once"
            )

    def _fading(self, part: Part, id: str) -> tuple[int | None, int | None]:
        """Return when points expire and how fast they decay; a rule has one of the two."""
        expires, decay = part.get("expires"), part.get("decay")
        if (expires or decay) and part.get("repeat") is None:
            text = f'"{id}" gives points while its condition holds; they do not fade'
            key = "expires" if expires else "decay"
            self.error("fading-state", part.child(key), text, id, "add event: or remove this line")
        if expires and decay:
            text = f'the points of "{id}" expire or decay, not both'
            self.error("fading-twice", part.child("decay"), text, id, "remove expires: or decay:")
        return (
            parse_duration(expires) if expires else None,
            parse_duration(decay["half_life"]) if decay else None,
        )

    def _points(self, part: Part, id: str, events: Sequence[str]) -> tuple[float, str | None]:
        points = part.data["points"]
        if not isinstance(points, dict):
            return points, None
        resolved = self.scope.resolve(points["field"], events)
        if resolved is None or resolved.field.family != "number":
            hint = did_you_mean(points["field"], self.scope.numbers(events))
            text = f'points need a number field, not "{points["field"]}"; {hint}'
            self.error("unknown-field", part.child("points"), text, id, hint)
            return 0, None
        return points.get("times", 1), resolved.fact

    def _repeat(self, part: Part, id: str) -> Repeat | None:
        value = part.get("repeat")
        if value is None:
            if part.get("event") is not None:
                self.error(
                    "repeat-missing",
                    part,
                    f'the rule "{id}" does not say how often its event scores',
                    id,
                    "add repeat: once, repeat: each or repeat: {at_most: 1, per: 1d}",
                )
            return None
        return self._how_often(value, part.child("repeat"), id)

    def _how_often(self, value: Any, part: Part, id: str) -> Repeat | None:
        if isinstance(value, dict):
            per = value.get("per")
            return Repeat(at_most=value["at_most"], per=parse_duration(per) if per else None)
        if value not in ("once", "each"):
            hint = did_you_mean(value, ("once", "each"))
            self.error("value", part, f'"{value}" is neither once nor each; {hint}', id, hint)
            return None
        return Repeat(at_most=1 if value == "once" else None)

    def _grades(self, parts: Sequence[Part]) -> tuple[Grade, ...]:
        """Return the bands, highest first; they are half-open: [from, next)."""
        grades = [
            Grade(grade=p.data["grade"], floor=p.data["from"], source=p.source, label=p.label())
            for p in parts
        ]
        floors: dict[float, str] = {}
        for band, where in zip(grades, parts, strict=True):
            if band.grade in floors.values():
                text = f'there are two grades "{band.grade}"'
                self.error("duplicate-id", where.child("grade"), text, None, "rename one of them")
            if band.floor in floors:
                text = f"grades {floors[band.floor]} and {band.grade} both begin at {band.floor}"
                self.error("grade-overlap", where.child("from"), text, None, "change one from:")
            floors[band.floor] = band.grade
        return tuple(sorted(grades, key=lambda g: -g.floor))
