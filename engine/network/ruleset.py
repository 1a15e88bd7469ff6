"""Compile definitions to an immutable ruleset: the network that the machines run on."""

from __future__ import annotations

import hashlib
from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from engine.language.catalogue import Catalogue
from engine.language.definitions import Absence, Definitions, Journey, Model, ScoreRule, Sla, Step
from engine.language.versions import runnable
from engine.network.condition import Compiled, ConditionCompiler
from engine.network.direct import direct
from engine.network.pivot import is_pivot
from engine.network.rules import (
    Check,
    Feed,
    JourneyRule,
    Reaction,
    RecycleRule,
    RouteRule,
    Rule,
    SlaRule,
    StageRule,
    StepRule,
    heard_in,
)
from engine.network.screening import Screen
from engine.network.turns import Turns
from engine.network.unprompted import unprompted
from engine.network.wake import EventIndex, FactIndex, Watch
from engine.network.windows import Take, Window

Entered = TypeVar("Entered", StageRule, JourneyRule)


class Ruleset:
    """A compiled configuration. Never changed after it is built; a reload builds another.

    ``windows_of`` lists the windows that each event type feeds; ``listened`` holds the
    event types that anything reacts to and ``watched`` the facts and windows that anything
    reads, so that nobody pays for what nobody wants. ``elders`` are older definitions of
    journeys that leads may still be in, by (id, version); ``winners`` the variants that splits
    decided for, by (journey, step).
    """

    def __init__(
        self,
        definitions: Definitions,
        elders: Iterable[Journey] = (),
        winners: Mapping[tuple[str, str], str] | None = None,
    ) -> None:
        compiler = ConditionCompiler(definitions.calendars)
        self.definitions = definitions
        # What else was handed in decides as the configuration does, so it is in the version.
        present = {(j.id, j.version) for j in definitions.journeys}
        older = tuple(e for e in elders if (e.id, e.version) not in present)
        self.winners = dict(winners or {})
        self.version = _version(definitions, older, self.winners)
        self.calendars = definitions.calendars
        self.default_model = definitions.default_model.id
        self.models = {m.id: m for m in definitions.models}
        # Facts that were made from another one and are gone when that one changes.
        self.derived_from = _derived(definitions.catalogue)
        self.graded = tuple((f"score.{m.id}.total", m) for m in definitions.models if m.grades)
        self.scores = tuple(
            f"score.{m.id}.{name}"
            for m in definitions.models
            for name in (*(d.id for d in m.dimensions), "total")
        )
        self.bands = {m.id: _bands(m) for m in definitions.models}
        self.screen = Screen(definitions.intake, ConditionCompiler(definitions.calendars))
        self._compile_scoring(definitions, compiler)
        self._compile_lifecycle(definitions, compiler)
        self._compile_routing(definitions, compiler)
        self._compile_journeys(definitions, older, compiler)
        self.windows: dict[str, Window] = compiler.windows
        self.conditions = compiler.shared  # by their canonical text, for explanations
        self.windows_of = _by_event(compiler.windows.values())
        # What the strata after scoring react to: most events need not go there.
        entering = self.event_stages.types | self.event_journeys.types
        self.moving_types = entering.union(*(journey.hears for journey in self.running))
        self.listened = self.event_rules.types | self.moving_types
        self.moving_facts = self._moving_facts()
        self.watched = self.state_rules.names | self.moving_facts
        self.unprompted = unprompted(self.moving_conditions())
        self.reactions = {k: self._reaction(k) for k in {*self.windows_of, *self.listened}}
        self.turns = self._turns()
        self.ways: dict[str, Any] = {}  # what the lead machine makes of it, by event type
        self.direct = direct(self)

    def journey_of(self, id: str, version: str) -> JourneyRule | None:
        """Return a journey as a lead in it runs it: the definition it entered, else the present."""
        return self.elders.get((id, version)) or self.journeys.get(id)

    @property
    def catalogue(self) -> Catalogue:
        """The fields and events that rules and input share."""
        return self.definitions.catalogue

    def grade(self, model: str, total: float) -> str | None:
        """Return the grade of a total in a model; None below the lowest band."""
        floors, grades = self.bands[model]
        place = bisect_right(floors, total)
        return grades[place - 1] if place else None

    def _compile_scoring(self, definitions: Definitions, compiler: ConditionCompiler) -> None:
        rules = [
            _rule(order, model, rule, compiler, definitions.place(rule.source))
            for order, (model, rule) in enumerate(_scoring(definitions.models))
        ]
        self.rules = {rule.key: rule for rule in rules}
        self.event_rules = EventIndex(
            (r, r.definition.events, r.definition.where) for r in rules if r.definition.events
        )
        states = [r for r in rules if not r.definition.events]
        self.state_rules = FactIndex(_state_rule(r) for r in states if r.silence is None)
        # An absence that does not hold cannot come true by an event, only by the clock.
        self.silences = _silences(states)
        # What a new lead, or one that comes from another ruleset, is judged by.
        self.held_rules = FactIndex(map(_state_rule, states))
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
            _entry(s, f"stage:{s.definition.id}", s.when)
            for s in stages
            if s.when and not s.definition.events
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
        self.slas = tuple(_sla(order, sla, compiler) for order, sla in enumerate(routing.slas))
        self.state_pauses = FactIndex(
            Watch(s, f"pause:{s.definition.id}", s.definition.pause, _wakers(s.pause))
            for s in self.slas
            if s.pause
        )
        recycling = [(p, r) for p in routing.pools.values() for r in p.recycle]
        self.recycles = tuple(
            RecycleRule(
                order=order,
                key=f"recycle:{rule.id}",
                pool=pool.id,
                definition=rule,
                when=compiler.optional(rule.when),
            )
            for order, (pool, rule) in enumerate(recycling)
        )
        self.state_recycles = FactIndex(
            Watch(r, r.key, r.definition.when, _wakers(r.when)) for r in self.recycles if r.when
        )

    def _compile_journeys(
        self, definitions: Definitions, older: Iterable[Journey], compiler: ConditionCompiler
    ) -> None:
        # Of those that come true together the more important one goes first.
        important = sorted(definitions.journeys, key=lambda journey: -journey.priority)
        journeys = [_journey(rank, j, compiler) for rank, j in enumerate(important)]
        ranked = {j.id: j for j in journeys}
        self.journeys = {j.id: ranked[j.id] for j in definitions.journeys}
        self.elders = {
            (j.id, j.version): _journey(len(ranked) + order, j, compiler)
            for order, j in enumerate(runnable(older, definitions))
        }
        self.running = (*journeys, *self.elders.values())  # those that leads may be in
        self.dates = frozenset[str]().union(*(j.dates for j in self.running))
        self.state_journeys = FactIndex(
            _entry(j, f"enter:{j.id}", j.when)
            for j in journeys
            if j.when and not j.definition.events
        )
        self.event_journeys = EventIndex(
            (j, j.definition.events, j.definition.where) for j in journeys if j.definition.events
        )

    def _moving_facts(self) -> frozenset[str]:
        names = {*self.state_stages.names, *self.state_journeys.names}
        names |= self.state_recycles.names | self.state_pauses.names
        for journey in self.running:
            names |= journey.end_reads | journey.dates
        return frozenset(names)

    def _reaction(self, kind: str) -> Reaction:
        feeds = tuple(map(self._feed, self.windows_of.get(kind, ())))
        enters = kind in self.event_stages.types or kind in self.event_journeys.types
        plain = not enters and not any(f.watched or f.window.where for f in feeds)
        return Reaction(
            feeds=feeds,
            rules=self.event_rules.by_type.get(kind),
            moves=kind in self.moving_types,
            hearers=frozenset().union(*(j.hears.get(kind, ()) for j in self.running)),
            counts=tuple(_count(f.window) for f in feeds) if plain else None,
            silences=tuple(rule.key for f in feeds for rule in f.silences),
        )

    def _feed(self, window: Window) -> Feed:
        return Feed(window, self.silences.get(window.key, ()), window.key in self.watched)

    def _turns(self) -> Turns:
        """Return at which numbers rules, stages, journeys or grades look at a fact again."""
        rules = [r for r in self.rules.values() if not r.definition.events]
        judged = (rule.when for rule in rules if rule.when is not None)
        conditions = (*judged, *self.moving_conditions())
        loud = {*self.dates, *(rule.points_fact for rule in rules)}
        # History has graded already: what the clock took since then is graded again.
        loud.update(f"grade.{model.id}" for _, model in self.graded)
        if "score_changed" in self.listened or "score_changed" in self.windows_of:
            loud.update(fact for fact, _ in self.graded)
        floors = {fact: [grade.floor for grade in model.grades] for fact, model in self.graded}
        return Turns(conditions, floors, (fact for fact in loud if fact), self.unprompted)

    def moving_conditions(self) -> Sequence[Compiled]:
        """Return what facts alone may turn after scoring: stages, journeys, recycling, pauses."""
        conditions = (
            *(s.when for s in self.stages.values() if not s.definition.events),
            *(when for j in self.running for when in (j.when, j.exit_when, j.goal_when)),
            *(rule.when for rule in self.recycles),
            *(rule.pause for rule in self.slas),
        )
        return [condition for condition in conditions if condition is not None]


def _sla(order: int, sla: Sla, compiler: ConditionCompiler) -> SlaRule:
    when, pause = compiler.optional(sla.when), compiler.optional(sla.pause)
    return SlaRule(order=order, definition=sla, when=when, pause=pause)


def _count(window: Window) -> tuple[str, Take | None]:
    is_latest = window.kind == "last" and window.within is None
    return window.key, None if is_latest else window.take


def _rule(
    order: int, model: Model, rule: ScoreRule, compiler: ConditionCompiler, place: str
) -> Rule:
    dimension = next(d for d in model.dimensions if d.id == rule.dimension)
    key = f"{model.id}.{rule.dimension}.{rule.id}"
    silent = isinstance(rule.when, Absence) and not rule.events and rule.points_fact is None
    where = compiler.optional(rule.where)  # compiled in any case: explanations ask for it
    when, life = compiler.optional(rule.when), rule.expires or rule.half_life
    limited = dimension.max is not None or dimension.min is not None
    return Rule(
        key=key,
        order=order,
        id=rule.id,
        model=model.id,
        dimension=rule.dimension,
        definition=rule,
        where=None if is_pivot(rule.where) else _check(where),
        when=when,
        fact=f"score.{model.id}.{rule.dimension}",
        total=f"score.{model.id}.total",
        points=tidy(rule.points),
        points_fact=rule.points_fact,
        at_most=rule.repeat.at_most if rule.repeat else None,
        per=rule.repeat.per if rule.repeat else None,
        life=life,
        group=f"{model.id}.{rule.exclusive}" if rule.exclusive else None,
        timer=f"rule:{key}",
        place=place,
        limits=dimension if limited else None,
        cap=f"cap:{model.id}.{rule.dimension}",
        silence=rule.when.span if silent and isinstance(rule.when, Absence) else None,
        plain=not (life or rule.points_fact),
        asks=when is not None or not (where is None or is_pivot(rule.where)),
        edge=any(c.edge for c in (where, when) if c is not None),
    )


def _bands(model: Model) -> tuple[list[float], list[str]]:
    """Return the floors of the grades, lowest first, and the grades."""
    bands = sorted(model.grades, key=lambda grade: grade.floor)
    return [band.floor for band in bands], [band.grade for band in bands]


def _state_rule(rule: Rule) -> Watch[Rule]:
    definition = rule.definition
    return Watch(rule, rule.key, definition.when, _wakers(rule.when, definition.points_fact))


def _entry(item: Entered, key: str, when: Compiled) -> Watch[Entered]:
    """A stage or journey; of an edge, which is over at once, the lead remembers nothing."""
    return Watch(item, None if when.edge else key, when.definition, _wakers(when))


def _silences(rules: Iterable[Rule]) -> dict[str, tuple[Rule, ...]]:
    """Return the rules that hold for want of an event, by the window that hears of it."""
    found: dict[str, list[Rule]] = {}
    for rule in rules:
        if rule.silence is not None and rule.when is not None:
            for window in rule.when.windows:
                found.setdefault(window, []).append(rule)
    return {window: tuple(each) for window, each in found.items()}


def tidy(number: float) -> float | int:
    """Round to 4 decimals, whole numbers to int, so that sums of ledger lines are exact."""
    if isinstance(number, int):
        return number
    rounded = round(number, 4)
    return int(rounded) if rounded.is_integer() else rounded


def _journey(order: int, journey: Journey, compiler: ConditionCompiler) -> JourneyRule:
    exit_when, goal_when = (compiler.optional(c) for c in (journey.exit_when, journey.goal_when))
    return JourneyRule(
        id=journey.id,
        order=order,
        definition=journey,
        where=_check(compiler.optional(journey.where)),
        when=compiler.optional(journey.when),
        exit_when=exit_when,
        exit_where=_check(compiler.optional(journey.exit_where)),
        goal_when=goal_when,
        goal_where=_check(compiler.optional(journey.goal_where)),
        end_reads=frozenset(_wakers(exit_when) | _wakers(goal_when)),
        dates=frozenset(s.date.fact for s in journey.steps if s.date is not None),
        hears=heard_in(journey),
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


def _version(
    definitions: Definitions, older: Iterable[Journey], winners: Mapping[tuple[str, str], str]
) -> str:
    """Return the configuration's own version if nothing else is in the ruleset."""
    beside = [sorted((j.id, j.version) for j in older), sorted(winners.items())]
    if not any(beside):
        return definitions.version
    return hashlib.sha256(f"{definitions.version} {beside!r}".encode()).hexdigest()


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
        if rule.group:
            found.setdefault(rule.group, []).append(rule)
    return {name: tuple(members) for name, members in found.items()}


def _by_event(windows: Iterable[Window]) -> dict[str, tuple[Window, ...]]:
    found: dict[str, list[Window]] = {}
    for window in windows:
        for kind in window.events:
            found.setdefault(kind, []).append(window)
    return {kind: tuple(items) for kind, items in found.items()}
