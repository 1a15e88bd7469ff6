"""``journeys.yaml``: journeys and their steps."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any, Final

from engine.language.catalogue import BadValue, convert
from engine.language.handling import Journey, Step
from engine.language.instants import parse_duration
from engine.language.nearest import did_you_mean
from engine.language.rules import Condition
from engine.language.sections.part import Builder, Part, ids, span
from engine.language.sections.splits import SplitBuilder
from engine.language.sections.waits import WaitBuilder
from engine.language.versions import stamped

KINDS: Final = (
    *("send", "do", "task", "wait", "branch", "split"),
    *("set", "score", "route", "enter", "end"),
)
ON_CHANGE: Final = ("finish", "migrate", "restart")
END: Final = "end"
_RESERVED: Final = (END, "enter")  # where `next:` leads to, and `since:` counts from
_OWN: Final = ("id", "enter", "exit", "goal", "reentry")


class JourneysBuilder(Builder):
    """Builds journeys; ``messages`` and ``connections`` are the names they may use."""

    messages: Collection[str] = ()
    connections: Collection[str] = ()
    journeys: Sequence[str] = ()

    def build(
        self, parts: Sequence[Part], messages: Collection[str], connections: Collection[str]
    ) -> tuple[Journey, ...]:
        """Return the journeys of all files."""
        self.messages, self.connections = messages, connections
        journeys = [p for whole in parts for p in whole.items("journeys", _OWN, ("steps",))]
        self.unique(journeys, "journey")
        self.journeys = [n for whole in parts for n in ids(whole.get("journeys"))]
        return tuple(stamped(self._journey(p)) for p in journeys)

    def _journey(self, part: Part) -> Journey:
        id = part.data["id"]
        enter, leave, goal = (part.child(k) for k in ("enter", "exit", "goal"))
        steps = list(part.items("steps"))
        self.unique(steps, "step")
        for step in steps:
            if step.data["id"] in _RESERVED:
                text = f'"{step.data["id"]}" means something else where steps are named'
                self.error("reserved-name", step.child("id"), text, id, "give it another name")
        names = ids(part.get("steps"))
        events = self.events(enter, id)
        if not enter.data:
            self.error("empty-rule", enter, f'nothing leads into "{id}"', id, "add event: or when:")
        return Journey(
            id=id,
            label=part.label(),
            when=self.condition(enter, "when", id, events),
            events=events,
            where=self.where(enter, id, events),
            reentry=self._reentry(part, id),
            **self._over("exit", leave, id),
            **self._over("goal", goal, id),
            steps=tuple(s for s in (self._step(p, id, names) for p in steps) if s is not None),
            source=part.source,
            group=part.get("group"),
            priority=part.get("priority", 0),
            on_change=part.get("on_change", "finish"),
        )

    def _over(self, name: str, part: Part, id: str) -> dict[str, Any]:
        """Return what ends a journey: an event, or a condition, which is not about an event."""
        events = self.events(part, id)
        if part.data == {}:
            text = f'nothing is said about the {name} of "{id}"'
            self.error("empty-rule", part, text, id, "add event: or when:, or remove this line")
        return {
            f"{name}_events": events,
            f"{name}_where": self.where(part, id, events),
            f"{name}_when": self.condition(part, "when", id),
        }

    def _reentry(self, part: Part, id: str) -> int | None:
        value = part.get("reentry", "never")
        if isinstance(value, dict):
            return parse_duration(value["after"])
        if value not in ("never", "always"):
            hint = did_you_mean(value, ("never", "always"))
            self.error("value", part.child("reentry"), f'"{value}" is no reentry; {hint}', id, hint)
        return 0 if value == "always" else None

    def _step(self, part: Part, journey: str, names: list[str]) -> Step | None:
        id = part.data["id"]
        kinds = [k for k in KINDS if k in part.data]
        if len(kinds) != 1:
            said = " and ".join(kinds) if kinds else "nothing"
            text = f'the step "{id}" does {said}; a step does one thing'
            self.error("step-kind", part, text, journey, f"write one of {', '.join(KINDS)}")
            return None
        self._only_waits_fork(part, kinds[0], journey)
        return Step(
            id=id,
            kind=kinds[0],
            with_=self._what(part, kinds[0], journey),
            next=self._target(part, "next", journey, names),
            source=part.source,
            then=self._target(part, "then", journey, names) or part.get("next"),
            otherwise=self._else(part, kinds[0], journey, names) or part.get("next"),
            cases=self._cases(part, journey, names) if kinds[0] == "branch" else (),
            **self._held_up(part, kinds[0], journey, names),
        )

    def _held_up(self, part: Part, kind: str, journey: str, names: list[str]) -> dict[str, Any]:
        """Return what the step waits for, and the ways of a split."""
        if kind == "wait":
            wait = WaitBuilder(self.scope, self.found)
            return wait.build(part.child("wait"), journey, names)
        if kind == "split":
            split = SplitBuilder(self.scope, self.found)
            return {"split": split.build(part.child("split"), journey, [*names, END])}
        return self._outcome(part, journey) if kind == "task" else {}

    def _outcome(self, part: Part, journey: str) -> dict[str, Any]:
        """Return what a to-do that is waited for waits for: that somebody has done it."""
        task = part.child("task")
        within = task.get("within")
        if within is None and part.get("then") is None and part.get("else") is None:
            return {}
        limit = within or task.get("due")
        if limit is None:
            text = (
                "a to-do whose outcome is waited for needs a limit, else a lead may wait for ever"
            )
            self.error("missing-key", task, text, journey, "add within: 3d, or due:")
            return {}
        return {"events": ("task_completed",), "of": part.data["id"], "span": span(limit)}

    def _only_waits_fork(self, part: Part, kind: str, journey: str) -> None:
        wait = part.get("wait")
        forks = isinstance(wait, dict) and ("event" in wait or "date" in wait)
        for key in ("then", "else"):
            fits = kind == "task" or (forks and (key == "else" or "event" in wait))
            if part.get(key) is not None and not fits:
                text = f"{key}: belongs to a wait for an event or a task; this is a {kind}"
                self.error("fork", part.child(key), text, journey, "write next: instead")

    def _target(self, part: Part, key: str, journey: str, names: list[str]) -> str | None:
        target: str | None = part.get(key)
        if target is not None:
            self.known(part.child(key), target, [*names, END], "step", journey)
        return target

    def _else(self, part: Part, kind: str, journey: str, names: list[str]) -> str | None:
        if kind != "branch":
            return self._target(part, "else", journey, names)
        last = part.data["branch"][-1]
        if isinstance(last, dict) and "when" not in last:
            target: str = last["next"]
            return target
        self.error(
            "no-default",
            part.child("branch"),
            f'the branch "{part.data["id"]}" has no way for a lead that fits no case',
            journey,
            "end the list with {next: STEP}, without when",
        )
        return None

    def _cases(
        self, part: Part, journey: str, names: list[str]
    ) -> tuple[tuple[Condition, str], ...]:
        cases: list[tuple[Condition, str]] = []
        for case in part.items("branch"):
            target = self._target(case, "next", journey, names)
            condition = self.condition(case, "when", journey)
            if condition is not None and target is not None:
                cases.append((condition, target))
        return tuple(cases)

    def _what(self, part: Part, kind: str, journey: str) -> dict[str, Any]:
        """Return what the step needs, its names checked."""
        value = part.data[kind]
        if kind == "send":
            self.known(part.child(kind), value, self.messages, "message", journey)
            return {"message": value}
        if kind == "do":
            self.known(part.child(kind), value, self.connections, "connection", journey)
            return {"connection": value, "with": part.get("with", {})}
        if kind == "task":
            due = value.get("due")
            told = {k: v for k, v in value.items() if k != "within"}
            return {**told, "due": span(due) if due else None}
        if kind == "enter":
            self.known(part.child(kind), value, self.journeys, "journey", journey)
            return {"journey": value}
        if kind == "set":
            return self._set(part.child(kind), journey)
        if kind == "score":
            dimensions = self.scope.models.get(self.scope.default_model, ())
            place = part.child(kind).child("dimension")
            self.known(place, value["dimension"], dimensions, "dimension", journey)
            return dict(value)
        return {}

    def _set(self, part: Part, journey: str) -> dict[str, Any]:
        """Return what a step sets, each value as its field stores it."""
        stage = part.get("stage")
        if stage is not None:
            self.known(part.child("stage"), stage, self.scope.stages, "stage", journey)
        fields, found = part.child("fields"), {}
        for name, value in (fields.data or {}).items():
            place = fields.child(name)
            if not self.known(place, name, self.scope.catalogue.fields, "field", journey):
                continue
            if self.scope.catalogue.fields[name].derived:
                text = f"{name} is worked out by the engine"
                self.error("derived-field", place, text, journey, "leave it out")
            else:
                try:
                    found[name] = convert(self.scope.catalogue.fields[name], value)
                except BadValue as error:
                    self.error("operand", place, f"{name}: {error}", journey, "give such a value")
        return {**part.data, **({"fields": found} if found else {})}
