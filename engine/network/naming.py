"""Find a rule by the id that people wrote, whatever kind of rule it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec

from engine.errors import LeadrulesError, NotFound
from engine.language.diagnostic import Source
from engine.language.label import Text
from engine.language.nearest import did_you_mean
from engine.network.rules import JourneyRule, RecycleRule, RouteRule, Rule, SlaRule, StageRule
from engine.network.ruleset import Ruleset

AnyRule = Rule | StageRule | RouteRule | SlaRule | RecycleRule | JourneyRule
KINDS: Final = ("rule", "stage", "route", "sla", "recycle", "journey")


class Ambiguous(LeadrulesError):
    """Several rules have this id."""

    code = "ambiguous"


class Named(msgspec.Struct, frozen=True):
    """A rule that was asked for; ``kind`` is one of KINDS, ``name`` means it and no other."""

    kind: str
    name: str
    rule: AnyRule

    @property
    def id(self) -> str:
        """The id in YAML."""
        return self.rule.definition.id

    @property
    def label(self) -> Text | None:
        """What people call it, if it has a label."""
        return getattr(self.rule.definition, "label", None)

    @property
    def source(self) -> Source:
        """Where it stands."""
        return self.rule.definition.source


def find_rule(ruleset: Ruleset, name: str) -> Named:
    """Return the rule called ``name``: an id, or kind and id such as ``journey:welcome``.

    Raises NotFound, which names the nearest id, and Ambiguous, which lists all that fit.
    """
    every = list(_named(ruleset))
    found = [each for each in every if each.name == name] or [
        each for each in every if name in (each.id, f"{each.kind}:{each.id}")
    ]
    if not found:
        hint = did_you_mean(name, [each.id for each in every], all_at="the rules' files have them")
        raise NotFound(f'there is no rule, stage, route, SLA or journey "{name[:200]}"; {hint}')
    if len(found) > 1:
        names = ", ".join(each.name for each in found)
        raise Ambiguous(f'"{name}" names {len(found)} things; write one of {names}')
    return found[0]


def _named(ruleset: Ruleset) -> Iterator[Named]:
    for rule in ruleset.rules.values():
        yield Named("rule", f"rule:{rule.key}", rule)
    for stage in ruleset.stages.values():
        yield Named("stage", f"stage:{stage.definition.id}", stage)
    for route in ruleset.routes:
        yield Named("route", f"route:{route.definition.id}", route)
    for sla in ruleset.slas:
        yield Named("sla", f"sla:{sla.definition.id}", sla)
    for recycle in ruleset.recycles:
        yield Named("recycle", recycle.key, recycle)
    for journey in ruleset.journeys.values():
        yield Named("journey", f"journey:{journey.id}", journey)
