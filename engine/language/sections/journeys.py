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

KINDS: Final = ("send", "do", "task", "wait", "branch", "set", "score", "route", "end")
END: Final = "end"
_OWN: Final = ("id", "enter", "exit", "goal", "reentry")


class JourneysBuilder(Builder):
    """Builds journeys; ``messages`` and ``connections`` are the names they may use."""

    messages: Collection[str] = ()
    connections: Collection[str] = ()

    def build(
        self, parts: Sequence[Part], messages: Collection[str], connections: Collection[str]
    ) -> tuple[Journey, ...]:
        """Return the journeys of all files."""
        self.messages, self.connections = messages, connections
        journeys = [p for whole in parts for p in whole.items("journeys", _OWN, ("steps",))]
        self.unique(journeys, "journey")
        return tuple(self._journey(p) for p in journeys)

    def _journey(self, part: Part) -> Journey:
        id = part.data["id"]
        enter, leave, goal = (part.child(k) for k in ("enter", "exit", "goal"))
        steps = list(part.items("steps"))
        self.unique(steps, "step")
        names = ids(part.get("steps"))
        events = self.events(enter, id)
        if not enter.data:
            self.error("empty-rule", enter, f'nothing leads into "{id}"', id, "add event: or when:")
        return Journey(
            id=id,
            label=part.get("label"),
            when=self.condition(enter, "when", id, events),
            events=events,
            where=self.where(enter, id, events),
            reentry=self._reentry(part, id),
            **self._over("exit", leave, id),
            **self._over("goal", goal, id),
            steps=tuple(s for s in (self._step(p, id, names) for p in steps) if s is not None),
            source=part.source,
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
        with_, wait = self._what(part, kinds[0], journey), self._wait(part, journey, names)
        return Step(
            id=id,
            kind=kinds[0],
            with_=with_,
            next=self._target(part, "next", journey, names),
            source=part.source,
            then=self._target(part, "then", journey, names) or part.get("next"),
            otherwise=self._else(part, kinds[0], journey, names) or part.get("next"),
            cases=self._cases(part, journey, names) if kinds[0] == "branch" else (),
            **wait,
        )

    def _only_waits_fork(self, part: Part, kind: str, journey: str) -> None:
        hears = isinstance(part.get("wait"), dict) and "event" in part.get("wait")
        for key in ("then", "else"):
            if part.get(key) is not None and not hears:
                text = f"{key}: belongs to a wait for an event; this is a {kind}"
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
            return {**value, "due": span(due) if due else None}
        if kind == "set":
            self._check_set(part.child(kind), journey)
            return dict(value)
        if kind == "score":
            dimensions = self.scope.models.get(self.scope.default_model, ())
            place = part.child(kind).child("dimension")
            self.known(place, value["dimension"], dimensions, "dimension", journey)
            return dict(value)
        return {}

    def _check_set(self, part: Part, journey: str) -> None:
        stage = part.get("stage")
        if stage is not None:
            self.known(part.child("stage"), stage, self.scope.stages, "stage", journey)
        fields = part.child("fields")
        for name, value in (fields.data or {}).items():
            place = fields.child(name)
            if self.known(place, name, self.scope.catalogue.fields, "field", journey):
                try:
                    convert(self.scope.catalogue.fields[name], value)
                except BadValue as error:
                    self.error("operand", place, f"{name}: {error}", journey, "give such a value")

    def _wait(self, part: Part, journey: str, names: list[str]) -> dict[str, Any]:
        value = part.get("wait")
        if value is None:
            return {}
        wait = part.child("wait")
        if isinstance(value, str):
            return self._plain_wait(wait, value, journey)
        if "event" in value:
            return self._wait_for_event(wait, journey, names)
        if "until" not in value:
            text = "a wait is for a duration, an event or until something"
            self.error(
                "wait", wait, text, journey, "write 2d, {event: ..., within: 2d} or {until: 2d}"
            )
            return {}
        since = value.get("since")
        if since is not None:
            self.known(wait.child("since"), since, ["enter", *names], "step", journey)
        return {"span": span(value["until"]), "since": since}

    def _plain_wait(self, wait: Part, value: str, journey: str) -> dict[str, Any]:
        try:
            return {"span": span(value)}
        except ValueError as error:
            self.error("duration", wait, str(error), journey, "write such as 2d")
            return {}

    def _wait_for_event(self, wait: Part, journey: str, names: list[str]) -> dict[str, Any]:
        events = self.events(wait, journey)
        within, of = wait.get("within"), wait.get("of")
        if within is None:
            text = "a wait for an event needs a limit, else a lead may wait for ever"
            self.error("missing-key", wait, text, journey, "add within: 7d")
        if of is not None:
            self.known(wait.child("of"), of, names, "step", journey)
        return {
            "events": events,
            "where": self.where(wait, journey, events),
            "of": of,
            "span": span(within) if within else None,
        }
