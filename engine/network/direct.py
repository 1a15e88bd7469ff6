"""What of a ruleset the first round of an event may write directly, without a working copy.

Most rulesets score by fields, events and silence, and let stages and journeys look at the
result. Then a new lead, or new fields, are judged in one pass in the order of the
configuration; a rule that reads scores, fades or is capped takes the working copy.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from engine.language.taxonomy import PLACED
from engine.network.rules import Rule
from engine.network.turns import Turns

if TYPE_CHECKING:
    from engine.network.ruleset import Ruleset

OVERHEARD = frozenset({"score_changed", "grade_changed"})
_CONSENTS: Final = "consent."  # also where a catalogue declares a topic as a field
_MORE: Final = frozenset({"tags", PLACED[0]})
OF_NEW_LEADS = frozenset({"stage_changed", "lead_created"})


@dataclass(frozen=True)
class Graded:
    """A model with grades: the facts of its total and its grade, and whether it is the default.

    ``floors`` are where its ``grades`` begin, lowest first.
    """

    total: str
    fact: str
    model: str
    default: bool
    floors: list[float]
    grades: list[str]


@dataclass(frozen=True)
class Direct:
    """``silences`` by the name of their deadline; ``fresh`` are a new lead's facts, None where
    rules hear that it was created, and ``awaited`` what rules look at when it comes, each as it
    was before: missing; ``moving`` tells whether stages or journeys may turn.
    ``fields`` has the facts of those that are written and nothing more: tags are added, consents
    kept with their evidence, and a place among the sources makes a touch.
    """

    graded: tuple[Graded, ...]
    silences: Mapping[str, Rule]
    fresh: Mapping[str, object] | None
    awaited: Mapping[str, None]
    moving: Turns
    fields: Mapping[str, str]


def direct(ruleset: Ruleset) -> Direct | None:
    """Return what may be written directly, None if nothing of this ruleset."""
    heard = ruleset.reactions.keys()
    states = [rule for rule in ruleset.rules.values() if not rule.definition.events]
    if not OVERHEARD.isdisjoint(heard) or not all(map(_is_direct, states)):
        return None
    fresh = {"stage": ruleset.initial_stage, **dict.fromkeys(ruleset.scores, 0)}
    return Direct(
        graded=tuple(
            Graded(
                fact,
                f"grade.{model.id}",
                model.id,
                model.id == ruleset.default_model,
                *ruleset.bands[model.id],
            )
            for fact, model in ruleset.graded
        ),
        silences={rule.timer: rule for rule in states if rule.silence is not None},
        fresh=fresh if OF_NEW_LEADS.isdisjoint(heard) else None,
        awaited=dict.fromkeys((*fresh, *ruleset.unprompted)),
        moving=Turns(ruleset.moving_conditions(), {}, ruleset.dates, ruleset.unprompted),
        fields={
            field.name: f"lead.{field.name}"
            for field in ruleset.definitions.catalogue.fields.values()
            if field.name not in _MORE and not field.name.startswith(_CONSENTS)
        },
    )


def _is_direct(rule: Rule) -> bool:
    definition, when = rule.definition, rule.when
    if rule.points_fact or rule.limits or rule.life:
        return False
    if rule.silence is not None:
        return definition.repeat is not None and rule.at_most is None and rule.group is None
    if definition.repeat is not None:
        return False
    return when is None or not (when.deadline or when.edge or any(map(_is_given, when.reads)))


def _is_given(fact: str) -> bool:
    """Whether a fact is what scoring gives."""
    return fact.startswith(("score.", "grade"))
