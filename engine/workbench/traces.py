"""What a run of a test showed: rules fired and branches taken, read from its decisions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from engine.language.definitions import Condition
from engine.machines.state import Happening, Lead
from engine.network.condition import ConditionCompiler, canonical
from engine.network.rules import JourneyRule, StepRule
from engine.network.ruleset import Ruleset
from engine.workbench.clockwork import Moment
from engine.workbench.firing import Firing
from engine.workbench.points import alternative, any_items, fires
from engine.workbench.world import View

# Happenings that rules hear as events of the engine's own, and under which name.
HEARD_AS: Final = {
    "stage": "stage_changed",
    "grade": "grade_changed",
    **{kind: kind for kind in ("journey_entered", "journey_left", "sla_breached")},
}


class Tracer:
    """Reads the moments of one run, oldest first; ``shown`` holds the keys of points."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.shown: set[str] = set()
        self._leads: dict[str, Lead] = {}
        self._steps: dict[tuple[str, str], StepRule | None] = {}  # by lead and journey: not left
        self._rungs: dict[tuple[str, str], list[int]] = {}  # by lead and SLA: still to climb
        self._firing = Firing(ruleset)
        self._compiler = ConditionCompiler(ruleset.calendars)
        self._rules = {f"rule:{rule.key}": rule for rule in ruleset.rules.values()}

    def read(self, moments: Sequence[Moment]) -> None:
        """Take in what each moment shows."""
        for moment in moments:
            for key in self._firing.of(moment):
                self.shown.add(fires(key))
                self._alternatives(key, moment)
            for happening in moment.decision.happenings:
                self._happening(moment, happening)
            self._leads[moment.lead] = moment.decision.lead

    # --- alternatives ---------------------------------------------------------------------------

    def _alternatives(self, key: str, moment: Moment) -> None:
        definition = self._definition(key)
        if definition is None:
            return
        views = list(self._views(key, moment, getattr(definition, "events", ())))
        for condition in (getattr(definition, "where", None), definition.when):
            items = list(any_items(condition))
            for view in views:
                held = [item for item in items if self._holds(item, view)]
                self.shown.update(alternative(item.source) for item in held)
                if held:
                    break

    def _definition(self, key: str) -> Any:
        kind, _, id = key.partition(":")
        if kind == "rule":
            return self._rules[key].definition
        if kind in ("stage", "journey"):
            found = self.ruleset.stages if kind == "stage" else self.ruleset.journeys
            rule: Any = found.get(id)
            return rule.definition if rule else None
        kinds: dict[str, Any] = {"route": self.ruleset.routes, "recycle": self.ruleset.recycles}
        rules = kinds.get(kind, self.ruleset.slas)
        return next((r.definition for r in rules if r.definition.id == id), None)

    def _views(self, key: str, moment: Moment, events: Sequence[str]) -> Iterator[View]:
        """Yield the lead as a rule may have seen it: after the moment, else before it.

        Routing is asked before it answers, so for a route only the lead before tells.
        """
        before = self._leads.get(moment.lead)
        after = moment.decision.lead
        properties = _properties(moment, events)
        if not key.startswith("route:"):
            old = before.facts if before else {}
            changed = {k: old.get(k) for k, v in after.facts.items() if old.get(k) != v}
            yield View(after.facts, after.windows, after.created_at, moment.at, properties, changed)
        if before is not None:
            yield View(before.facts, before.windows, before.created_at, moment.at, properties)

    def _holds(self, condition: Condition, view: View) -> bool:
        """Judge a condition by what the rules run, or, where no rule needs it whole, anew."""
        shared = self.ruleset.conditions.get(canonical(condition))
        compiled = self._compiler.compile(condition) if shared is None else shared
        return bool(compiled.holds(view))

    # --- branches -------------------------------------------------------------------------------

    def _happening(self, moment: Moment, happening: Happening) -> None:
        data = happening.data
        if happening.kind == "grade":
            self.shown.add(f"grade:{data['model']}.{data.get('to')}")
        elif happening.kind.startswith("sla_"):
            self._sla(moment, happening.kind, data)
        elif happening.kind.startswith("journey_") and data["journey"] in self.ruleset.journeys:
            rule = self.ruleset.journeys[data["journey"]]
            self._journey(moment, rule, happening.kind, data)

    def _sla(self, moment: Moment, kind: str, data: Mapping[str, Any]) -> None:
        if kind in ("sla_stopped", "sla_resumed"):
            return
        sla = next(s.definition for s in self.ruleset.slas if s.definition.id == data["sla"])
        at = (moment.lead, sla.id)
        if kind == "sla_started":
            self._rungs[at] = list(range(len(sla.rungs)))
        elif kind == "sla_paused":
            self.shown.add(f"sla:{sla.id} paused")
        elif kind == "sla_met":
            self.shown.add(f"sla:{sla.id} {data['clock']} met")
        elif data["rung"] in dict(sla.clocks):
            self.shown.add(f"sla:{sla.id} {data['rung']} breached")
        else:
            left = self._rungs.get(at, [])
            for index in [i for i in left if sla.rungs[i].do == data["rung"]][:1]:
                left.remove(index)
                self.shown.add(f"sla:{sla.id} rung {index}")

    def _journey(
        self, moment: Moment, rule: JourneyRule, kind: str, data: Mapping[str, Any]
    ) -> None:
        at = (moment.lead, rule.id)
        key = f"journey:{rule.id}"
        if kind == "journey_step":
            self._passed(moment, rule, at, data["step"])
            self._steps[at] = rule.steps[data["step"]]
            self.shown.add(f"{key}.{data['step']} reached")
        elif kind in ("journey_heard", "journey_wait_over"):
            way = "heard" if kind == "journey_heard" else "over"
            self.shown.add(f"{key}.{data['step']} {way}")
            self._steps[at] = None
        elif kind == "journey_split":
            self.shown.add(f"{key}.{data['step']} variant {data['variant']}")
        elif kind == "journey_left":
            self._left(moment, rule, at, data["reason"])
        elif kind == "journey_not_entered" and data["reason"].startswith("its exit"):
            self.shown.add(f"{key} exit")

    def _left(self, moment: Moment, rule: JourneyRule, at: tuple[str, str], reason: str) -> None:
        end = reason.partition(":")[0]
        if end in ("exit", "goal"):
            self.shown.add(f"journey:{rule.id} {end}")
        elif reason == "completed":
            self._passed(moment, rule, at, "end")
        self._steps[at] = None

    def _passed(self, moment: Moment, rule: JourneyRule, at: tuple[str, str], target: str) -> None:
        """Say which way a lead left the step where it was, if that is a branch."""
        step = self._steps.get(at)
        if step is not None and step.definition.kind == "branch":
            way = self._case(moment, step, target)
            self.shown.add(f"journey:{rule.id}.{step.definition.id} case {way}")

    def _case(self, moment: Moment, step: StepRule, target: str) -> int:
        """Return which case led to ``target``; where several may have, the first that holds."""
        lead = moment.decision.lead
        view = View(lead.facts, lead.windows, lead.created_at, moment.at, _properties(moment, ()))
        ways = [way for _, way in step.cases]
        fitting = [i for i, way in enumerate(ways) if way == target]
        default = [len(ways)] if step.definition.otherwise == target else []
        if len(fitting) + len(default) == 1:
            return (fitting + default)[0]
        holding = (i for i in fitting if step.cases[i][0].holds(view))
        return next(holding, len(ways))


def _properties(moment: Moment, events: Sequence[str]) -> dict[str, Any]:
    """Return the properties of the event that a rule heard, the engine's own included."""
    if events and moment.event.type not in events:
        for happening in moment.decision.happenings:
            if HEARD_AS.get(happening.kind) in events:
                return happening.data
    return moment.event.properties
