"""The same rules and events through both networks: ours, and durable-rules in its process."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Sequence
from functools import cache
from typing import Any

import msgspec

from engine.host.durable import DurableProcess
from engine.language.definitions import Definitions, ScoreRule
from engine.language.diagnostic import Diagnostics
from engine.language.load import load_folder
from engine.language.reader import read_document
from engine.language.scope import Scope
from engine.language.sections.part import Part
from engine.language.sections.scoring import ScoringBuilder
from engine.machines.lead import decide, new_lead
from engine.machines.state import Event
from engine.network.durable import DurableRules, compile_durable, message
from engine.network.ruleset import Ruleset
from tests.play import BASE

FILE = "scoring.yaml"
DIMENSIONS = {"d": {}}
Fired = list[list[str]]


@cache
def _base() -> Definitions:
    loaded = load_folder(BASE)
    assert loaded.definitions is not None, loaded.diagnostics
    return loaded.definitions


def rules_of(text: str) -> Definitions:
    """Return the sound base configuration with this text as its scoring.yaml."""
    base, found = _base(), Diagnostics()
    document = read_document(text.encode(), FILE, found)
    assert document is not None, found.sorted()
    scope = Scope(
        catalogue=base.catalogue,
        models={"default": list(DIMENSIONS)},
        grades={"default": ["A", "B"]},
        stages=tuple(s.id for s in base.lifecycle.stages),
        journeys=frozenset(j.id for j in base.journeys),
        named={},
        calendars=frozenset(base.calendars),
    )
    models = ScoringBuilder(scope, found).build([Part(document, document.data)])
    assert not found.items, found.sorted()
    return msgspec.structs.replace(base, models=models)


def model(rules: Sequence[Any]) -> str:
    """Return a scoring.yaml of these rules, each as data without its dimension."""
    whole = [{"dimension": "d", "points": 1, **rule} for rule in rules]
    grades = [{"grade": "A", "from": 1000}, {"grade": "B", "from": -1000}]
    said = {"models": {"default": {"dimensions": DIMENSIONS, "rules": whole, "grades": grades}}}
    return json.dumps(said, ensure_ascii=False)


def ours(definitions: Definitions, events: Iterable[Event]) -> Fired:
    """Return the rules that each event of one lead fires in our network."""
    ruleset, fired = Ruleset(definitions), []
    lead = None
    for event in events:
        lead = lead or new_lead(ruleset, "lead-1", event.at)
        decision = decide(ruleset, lead, event, event.at)
        lead = decision.lead
        fired.append(sorted(decision.fired))
    return fired


class Durable:
    """Durable-rules over one ruleset; ``compiled`` says what it carries and what it refuses."""

    def __init__(self, definitions: Definitions) -> None:
        self.compiled: DurableRules = compile_durable(definitions)
        carried = set(self.compiled.rules.values())
        self.carried = {
            key: rule
            for m in definitions.models
            for rule in m.rules
            if (key := f"{m.id}.{rule.dimension}.{rule.id}") in carried
        }

    @property
    def ids(self) -> set[str]:
        """The ids of the rules it carries."""
        return {rule.id for rule in self.carried.values()}

    def fired(self, process: DurableProcess, events: Sequence[Event]) -> Fired:
        """Return the rules that each event of one lead fires, as durable-rules matched them."""
        facts: dict[str, Any] = {}
        messages = []
        for event in events:
            facts |= {f"lead.{name}": value for name, value in event.lead.items()}
            messages.append(message(self.compiled, event.type, event.properties, facts))
        fold = _Fold(self.carried)
        matched = process.matches(messages)
        return [fold.take(keys, event) for keys, event in zip(matched, events, strict=True)]


class _Fold:
    """What makes firings of matches, whatever network matched: truth kept, and ``repeat``."""

    def __init__(self, rules: dict[str, ScoreRule]) -> None:
        self.rules = rules
        self.held: set[str] = set()
        self.scored: dict[str, list[int]] = {}

    def take(self, matched: Collection[str], event: Event) -> list[str]:
        fresh = [
            key
            for key, rule in self.rules.items()
            if key in matched and (rule.events or key not in self.held)
        ]
        self.held = set(matched)
        return sorted(self.rules[key].id for key in fresh if self._may(key, event.at))

    def _may(self, key: str, at: int) -> bool:
        repeat = self.rules[key].repeat
        if repeat is None or repeat.at_most is None:
            return True
        scored = self.scored.setdefault(key, [])
        near = [t for t in scored if repeat.per is None or at - t < repeat.per]
        if len(near) >= repeat.at_most:
            return False
        scored.append(at)
        return True
