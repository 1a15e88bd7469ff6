"""Compile definitions to an immutable ruleset: the network that the machines run on."""

from __future__ import annotations

from collections.abc import Iterable

from engine.language.catalogue import Catalogue
from engine.language.definitions import Absence, Definitions, Journey, Model, ScoreRule, Step
from engine.network.condition import Compiled, ConditionCompiler
from engine.network.rules import Check, JourneyRule, RouteRule, Rule, SlaRule, StageRule, StepRule
from engine.network.wake import EventIndex, FactIndex
from engine.network.windows import Window


class Ruleset:
    """A compiled configuration. Never changed after it is built; a reload builds another.

    ``windows_of`` lists the windows that each event type feeds; ``listened`` holds the
    event types that anything reacts to and ``watched`` the facts and windows that anything
    reads, so that nobody pays for what nobody wants.
    """

    def __init__(self, definitions: Definitions) -> None:
        compiler = ConditionCompiler(definitions.calendars)
        self.definitions = definitions
        self.version = definitions.version
        self.calendars = definitions.calendars
        self.default_model = definitions.default_model.id
        self.models = {m.id: m for m in definitions.models}
        # Facts that were made from another one and are gone when that one changes.
        self.derived_from = _derived(definitions.catalogue)
        self.graded = tuple((f"score.{m.id}.total", m) for m in definitions.models if m.grades)
        self._compile_scoring(definitions, compiler)
        self._compile_lifecycle(definitions, compiler)
        self._compile_routing(definitions, compiler)
        self._compile_journeys(definitions, compiler)
        self.windows: dict[str, Window] = compiler.windows
        self.conditions = compiler.shared  # by their canonical text, for explanations
        self.windows_of = _by_event(compiler.windows.values())
        self.listened = self._listened()
        self.watched = self._watched()
        # What the strata after scoring react to: most events need not go there.
        self.moving_types = self._moving_types()
        self.moving_facts = self._moving_facts()

    @property
    def catalogue(self) -> Catalogue:
        """The fields and events that rules and input share."""
        return self.definitions.catalogue

    def _compile_scoring(self, definitions: Definitions, compiler: ConditionCompiler) -> None:
        rules = [
            _rule(order, model, rule, compiler, definitions.place(rule.source))
            for order, (model, rule) in enumerate(_scoring(definitions.models))
        ]
        self.rules = {rule.key: rule for rule in rules}
        self.event_rules = EventIndex(
            (r, r.definition.events, r.definition.where) for r in rules if r.definition.events
        )
        self.state_rules = FactIndex(
            (r, _wakers(r.when, r.definition.points_fact))
            for r in rules
            if not r.definition.events and r.silence is None
        )
        # An absence that does not hold cannot come true by an event, only by the clock.
        self.silences = FactIndex(
            (r, r.when.windows) for r in rules if r.silence is not None and r.when is not None
        )
        # What a new lead is judged by: rules that may hold although nothing they read changed.
        self.initial_rules = tuple(r for r in rules if not r.definition.events)
        self.exclusive = _groups(rules)

    def _compile_lifecycle(self, definitions: Definitions, compiler: ConditionCompiler) -> None:
        stages = [
            StageRule(
                order=order,
                definition=stage,
                where=_check(compiler.optional(stage.where)),
                when=compiler.optional(stage.when),
            )
            for order, stage in enumerate(definitions.lifecycle.stages)
        ]
        self.stages = {s.definition.id: s for s in stages}
        self.initial_stage = stages[0].definition.id
        self.state_stages = FactIndex(
            (s, _wakers(s.when)) for s in stages if s.when and not s.definition.events
        )
        self.event_stages = EventIndex(
            (s, s.definition.events, s.definition.where) for s in stages if s.definition.events
        )

    def _compile_routing(self, definitions: Definitions, compiler: ConditionCompiler) -> None:
        routing = definitions.routing
        self.teams = routing.teams
        self.pools = routing.pools
        self.routes = tuple(
            RouteRule(definition=r, when=compiler.optional(r.when)) for r in routing.rules
        )
        self.slas = tuple(
            SlaRule(definition=s, when=compiler.optional(s.when)) for s in routing.slas
        )

    def _compile_journeys(self, definitions: Definitions, compiler: ConditionCompiler) -> None:
        journeys = [_journey(o, j, compiler) for o, j in enumerate(definitions.journeys)]
        self.journeys = {j.id: j for j in journeys}
        self.state_journeys = FactIndex(
            (j, _wakers(j.when)) for j in journeys if j.when and not j.definition.events
        )
        self.event_journeys = EventIndex(
            (j, j.definition.events, j.definition.where) for j in journeys if j.definition.events
        )

    def _watched(self) -> frozenset[str]:
        return frozenset(self.state_rules.by_name) | self._moving_facts()

    def _moving_facts(self) -> frozenset[str]:
        names = {*self.state_stages.by_name, *self.state_journeys.by_name}
        for journey in self.journeys.values():
            names |= journey.end_reads
        return frozenset(names)

    def _listened(self) -> frozenset[str]:
        return self.event_rules.types | self._moving_types()

    def _moving_types(self) -> frozenset[str]:
        types = {*self.event_stages.types, *self.event_journeys.types}
        for journey in self.journeys.values():
            types.update(journey.definition.exit_events, journey.definition.goal_events)
            for step in journey.steps.values():
                types.update(step.definition.events)
        return frozenset(types)


def _rule(
    order: int, model: Model, rule: ScoreRule, compiler: ConditionCompiler, place: str
) -> Rule:
    dimension = next(d for d in model.dimensions if d.id == rule.dimension)
    key = f"{model.id}.{rule.dimension}.{rule.id}"
    silent = isinstance(rule.when, Absence) and not rule.events
    return Rule(
        key=key,
        order=order,
        definition=rule,
        where=_check(compiler.optional(rule.where)),
        when=compiler.optional(rule.when),
        fact=f"score.{model.id}.{rule.dimension}",
        total=f"score.{model.id}.total",
        points=tidy(rule.points),
        timer=f"rule:{key}",
        place=place,
        limits=dimension if dimension.max is not None or dimension.min is not None else None,
        silence=rule.when.span if silent and isinstance(rule.when, Absence) else None,
    )


def tidy(number: float) -> float | int:
    """Round to 4 decimals, whole numbers to int, so that sums of ledger lines are exact."""
    if isinstance(number, int):
        return number
    rounded = round(number, 4)
    return int(rounded) if rounded.is_integer() else rounded


def _journey(order: int, journey: Journey, compiler: ConditionCompiler) -> JourneyRule:
    exit_when, goal_when = (compiler.optional(c) for c in (journey.exit_when, journey.goal_when))
    return JourneyRule(
        order=order,
        definition=journey,
        where=_check(compiler.optional(journey.where)),
        when=compiler.optional(journey.when),
        exit_when=exit_when,
        goal_when=goal_when,
        end_reads=frozenset(_wakers(exit_when) | _wakers(goal_when)),
        steps={s.id: _step(journey, s, compiler) for s in journey.steps},
    )


def _step(journey: Journey, step: Step, compiler: ConditionCompiler) -> StepRule:
    below = journey.after(step)
    return StepRule(
        definition=step,
        where=_check(compiler.optional(step.where)),
        cases=tuple((compiler.compile(c), target) for c, target in step.cases),
        below=below.id if below else None,
    )


def _scoring(models: Iterable[Model]) -> Iterable[tuple[Model, ScoreRule]]:
    return ((model, rule) for model in models for rule in model.rules)


def _check(compiled: Compiled | None) -> Check | None:
    return compiled.holds if compiled else None


def _wakers(when: Compiled | None, *facts: str | None) -> set[str]:
    names = {fact for fact in facts if fact}
    return names | when.reads | when.windows if when else names


def _derived(catalogue: Catalogue) -> dict[str, tuple[str, ...]]:
    """Return the derived fields of each field, such as email -> email.kind, email.domain."""
    found: dict[str, list[str]] = {}
    for field in catalogue.fields.values():
        origin = field.name.partition(".")[0]
        if field.derived and origin in catalogue.fields:
            found.setdefault(origin, []).append(field.name)
    return {origin: tuple(names) for origin, names in found.items()}


def _groups(rules: list[Rule]) -> dict[str, tuple[Rule, ...]]:
    """Return the members of each exclusive group, by ``model.group``."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.definition.exclusive:
            name = f"{rule.definition.model}.{rule.definition.exclusive}"
            found.setdefault(name, []).append(rule)
    return {name: tuple(members) for name, members in found.items()}


def _by_event(windows: Iterable[Window]) -> dict[str, tuple[Window, ...]]:
    found: dict[str, list[Window]] = {}
    for window in windows:
        for kind in window.events:
            found.setdefault(kind, []).append(window)
    return {kind: tuple(items) for kind, items in found.items()}
