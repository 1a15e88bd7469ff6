"""Which rules fired: read from decisions, named as people name them in tests."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from engine.machines.state import Decision, Happening
from engine.network.rules import Rule, StageRule
from engine.network.ruleset import Ruleset
from engine.workbench.clockwork import Moment

# Kinds whose bare ids mean a rule in tests; a bare id that none of them has means one of the rest.
_FIRST = ("rule", "journey", "route")
_REST = ("sla", "recycle", "stage")


def names_of(ruleset: Ruleset) -> Mapping[str, frozenset[str]]:
    """Return what each name that ``fired`` may hold means, as keys such as ``journey:welcome``.

    A name is an id, or kind and id where several kinds have it: ``stage:mql``. Scoring rules
    of several models may share an id, which then means all of them.
    """
    found: dict[str, set[str]] = {}
    for kind in (*_FIRST, *_REST):
        for id, key in _keys(ruleset, kind):
            found.setdefault(f"{kind}:{id}", set()).add(key)
            if kind in _FIRST or not any(f"{k}:{id}" in found for k in _FIRST):
                found.setdefault(id, set()).add(key)
    return {name: frozenset(keys) for name, keys in found.items()}


def _keys(ruleset: Ruleset, kind: str) -> Iterator[tuple[str, str]]:
    """Yield (id, key) of every rule of a kind."""
    if kind == "rule":
        yield from ((r.definition.id, f"rule:{r.key}") for r in ruleset.rules.values())
        return
    ids: Mapping[str, Iterable[str]] = {
        "journey": ruleset.journeys,
        "route": [route.definition.id for route in ruleset.routes],
        "sla": [sla.definition.id for sla in ruleset.slas],
        "recycle": [rule.definition.id for rule in ruleset.recycles],
        "stage": ruleset.stages,
    }
    yield from ((id, f"{kind}:{id}") for id in ids[kind])


class Firing:
    """Reads what fired in the moments of tests of one ruleset."""

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self._rules: dict[str, list[Rule]] = {}
        for rule in ruleset.rules.values():
            self._rules.setdefault(rule.definition.id, []).append(rule)

    def of(self, *moments: Moment) -> Iterator[str]:
        """Yield the keys of what fired, in order: scoring rules first in each moment.

        A journey fires when it is entered, an SLA when its clocks start, a route when it
        decides, a recycle rule when it takes a lead back and a stage when its own rule enters it,
        or by hand where it has none.
        """
        for moment in moments:
            yield from (f"rule:{rule.key}" for rule in self._scored(moment.decision))
            for happening in moment.decision.happenings:
                key = _happened(self.ruleset, happening)
                if key is not None:
                    yield key
            if moment.event.type == "lead_assigned" and "rule" in moment.event.properties:
                yield f"route:{moment.event.properties['rule']}"

    def _scored(self, decision: Decision) -> Iterator[Rule]:
        """Yield the scoring rules that fired; a shared id is told apart by the ledger."""
        given = {(n.model, n.dimension, n.rule) for n in decision.ledger if not n.reason}
        for id in dict.fromkeys(decision.fired):
            rules = self._rules.get(id, [])
            for rule in rules:
                d = rule.definition
                if len(rules) == 1 or (d.model, d.dimension, id) in given:
                    yield rule


def _happened(ruleset: Ruleset, happening: Happening) -> str | None:
    data = happening.data
    if happening.kind == "journey_entered":
        return f"journey:{data['journey']}"
    if happening.kind == "sla_started":
        return f"sla:{data['sla']}"
    if happening.kind == "recycled":
        return f"recycle:{data['rule']}"
    if happening.kind == "stage" and data["to"] in ruleset.stages:
        stage = ruleset.stages[data["to"]]
        if not automatic(stage) or data.get("rule") == data["to"]:
            return f"stage:{data['to']}"
    return None


def automatic(stage: StageRule) -> bool:
    """Whether a stage has a rule that enters it."""
    return stage.when is not None or bool(stage.definition.events)
