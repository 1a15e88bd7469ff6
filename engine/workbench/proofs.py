"""Proof that a rule did not fire: an expectation that would not hold if it had."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.machines.state import Lead
from engine.network.condition import Compiled
from engine.network.rules import Rule
from engine.network.ruleset import Ruleset
from engine.workbench.cases import FactCheck, FiredCheck
from engine.workbench.clockwork import Moment
from engine.workbench.firing import Firing, automatic
from engine.workbench.points import rests
from engine.workbench.runner import Asked
from engine.workbench.traces import HEARD_AS

_ANSWERS = ("owner", "team", "pool")


class Prover:
    """Finds what the expectations of passed tests prove not to have fired.

    ``not_fired`` proves what it names. An exact score, stage, owner, team or pool, and a
    journey that is null, prove it of the rules that were looked at and would have changed it.
    """

    def __init__(self, ruleset: Ruleset) -> None:
        self.ruleset = ruleset
        self.firing = Firing(ruleset)

    def proven(self, asked: Asked, moments: Sequence[Moment]) -> Iterator[str]:
        """Yield the keys of points; ``moments`` are the lead's up to the expectation."""
        past = _Past(self.firing, asked.lead, moments)
        for check in asked.expectation.checks:
            if isinstance(check, FiredCheck):
                yield from self._named(check, past)
            elif isinstance(check, FactCheck) and _is_exact(check.wanted):
                yield from self._pinned(check.fact, past)

    def _named(self, check: FiredCheck, past: _Past) -> Iterator[str]:
        if not check.wanted:
            yield from map(rests, check.keys)
        elif any(key.startswith("route:") for key in check.keys):
            yield from _passed_over(past.lead)

    def _pinned(self, fact: str, past: _Past) -> Iterator[str]:
        head, _, rest = fact.partition(".")
        if head == "score":
            yield from self._scoring(rest, past)
        elif fact == "stage":
            yield from self._stages(past)
        elif fact in _ANSWERS:
            yield from _passed_over(past.lead)
            yield from self._left_alone(past)
        elif head == "journey":
            journey = self.ruleset.journeys[rest]
            d = journey.definition
            if rest not in past.lead.journeys and past.looked(d.events, journey.when):
                yield rests(f"journey:{rest}")

    def _scoring(self, score: str, past: _Past) -> Iterator[str]:
        model, _, dimension = score.rpartition(".")
        for rule in self.ruleset.rules.values():
            d = rule.definition
            mine = d.model == model and dimension in ("total", d.dimension)
            if mine and rule.points and not _is_capped(rule, past.lead) and _rests(rule, past):
                yield rests(f"rule:{rule.key}")

    def _stages(self, past: _Past) -> Iterator[str]:
        for id, stage in self.ruleset.stages.items():
            d = stage.definition
            if not automatic(stage) or id in past.lead.stages:
                continue
            open_to = d.enter_from is None or not past.lead.stages.keys().isdisjoint(d.enter_from)
            if open_to and past.looked(d.events, stage.when):
                yield rests(f"stage:{id}")

    def _left_alone(self, past: _Past) -> Iterator[str]:
        """Yield the recycle rules that were looked at and left a lead to its owner."""
        if past.lead.facts.get("owner") is None:
            return
        for rule in self.ruleset.recycles:
            if rule.key not in past.fired and past.looked((), rule.when):
                yield rests(rule.key)


def _is_exact(wanted: Any) -> bool:
    """Whether an expected fact is one value, or none at all."""
    if isinstance(wanted, dict):
        return set(wanted) == {"eq"}
    return not isinstance(wanted, list)


def _is_capped(rule: Rule, lead: Lead) -> bool:
    """Whether a cap or floor hides what the rule would have changed."""
    return f"cap:{rule.definition.model}.{rule.definition.dimension}" in lead.holds


def _rests(rule: Rule, past: _Past) -> bool:
    """Whether the rule was looked at and gives nothing: never gave, or gives no more.

    Every lead is silent for a while: that something is nothing but an absence proves nothing.
    """
    if rule.silence is not None or not past.looked(rule.definition.events, rule.when):
        return False
    if rule.definition.events or rule.definition.repeat is not None:
        return f"rule:{rule.key}" not in past.fired
    return rule.key not in past.lead.holds


def _passed_over(lead: Lead) -> Iterator[str]:
    """Yield the routes that were tried and did not decide."""
    if lead.assignment is not None:
        for tried in lead.assignment.tried:
            if tried["rule"] != lead.assignment.rule:
                yield rests(f"route:{tried['rule']}")


class _Past:
    """A lead at an instant and all that has happened to it."""

    def __init__(self, firing: Firing, lead: Lead, moments: Sequence[Moment]) -> None:
        self.lead = lead
        self.fired = set(firing.of(*moments))
        self.types = {m.event.type for m in moments if not m.event.bot}
        happenings = (h for m in moments for h in m.decision.happenings)
        self.types |= {HEARD_AS[h.kind] for h in happenings if h.kind in HEARD_AS}

    def looked(self, events: Sequence[str], when: Compiled | None) -> bool:
        """Whether one of its events came or, without events, something its condition reads."""
        if events:
            return not self.types.isdisjoint(events)
        if when is None:
            return False
        facts: Mapping[str, Any] = self.lead.facts
        return any(facts.get(name) for name in when.reads) or any(
            self.lead.windows.get(key) for key in when.windows
        )
