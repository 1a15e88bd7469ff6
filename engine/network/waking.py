"""What wakes a rule, said for people: the events, the fields, the clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from engine.language.definitions import Condition
from engine.language.instants import format_duration
from engine.language.wording import fact_name, write, write_span
from engine.network.condition import Compiled
from engine.network.naming import Named
from engine.network.rules import JourneyRule, RecycleRule, Rule, SlaRule, StageRule
from engine.network.ruleset import Ruleset


class Wake(msgspec.Struct, frozen=True, kw_only=True):
    """What makes the engine look at one condition of a rule.

    ``role`` says which: when, enter, exit, goal or pause. ``clock`` has the parts that time alone
    may change; ``note`` what else there is to know. Time guards are never among them.
    """

    role: str
    events: tuple[str, ...] = ()
    fields: tuple[str, ...] = ()
    clock: tuple[str, ...] = ()
    note: str = ""


def wakes(ruleset: Ruleset, named: Named) -> tuple[Wake, ...]:
    """Return what wakes a rule, one entry for each of its conditions that is looked at."""
    rule = named.rule
    if isinstance(rule, Rule):
        return (_scoring(ruleset, rule),)
    if isinstance(rule, StageRule):
        definition = rule.definition
        if not definition.events and rule.when is None:
            return (Wake(role="when", note="a person moves the lead; nothing enters it by itself"),)
        return (_woken(ruleset, "when", definition.events, rule.when),)
    if isinstance(rule, JourneyRule):
        return tuple(_journey(ruleset, rule))
    if isinstance(rule, RecycleRule):
        return (_recycling(ruleset, rule),)
    if named.kind == "route":
        note = "it is asked in its turn whenever the lead is sent to routing"
    else:
        note = "it is asked in its turn whenever the lead is given to somebody"
    asked = Wake(role="when", note=note)
    if isinstance(rule, SlaRule) and rule.pause is not None:
        return asked, _woken(ruleset, "pause", (), rule.pause)
    return (asked,)


def _scoring(ruleset: Ruleset, rule: Rule) -> Wake:
    definition = rule.definition
    wake = _woken(ruleset, "when", definition.events, rule.when)
    if definition.events:
        life = definition.expires or definition.half_life
        after = () if life is None else (f"{format_duration(life)} after each occurrence",)
        return msgspec.structs.replace(wake, clock=after)
    more = (fact_name(definition.points_fact),) if definition.points_fact else ()
    return msgspec.structs.replace(wake, fields=tuple(sorted({*wake.fields, *more})))


def _recycling(ruleset: Ruleset, rule: RecycleRule) -> Wake:
    wake = _woken(ruleset, "when", (), rule.when)
    idle = rule.definition.idle
    if idle is None:
        return wake
    after = f"{write_span(idle)} after the assignment or the latest follow-up"
    note = "asked when nobody has followed up for so long" if rule.when else ""
    return msgspec.structs.replace(wake, clock=(after, *wake.clock), note=note)


def _journey(ruleset: Ruleset, rule: JourneyRule) -> Iterator[Wake]:
    definition = rule.definition
    yield _woken(ruleset, "enter", definition.events, rule.when)
    for role, events, when in (
        ("exit", definition.exit_events, rule.exit_when),
        ("goal", definition.goal_events, rule.goal_when),
    ):
        if events or when:
            wake = _woken(ruleset, role, (), when)
            told = tuple(sorted({*wake.events, *events}))
            note = "looked at while the lead is in the journey"
            yield msgspec.structs.replace(wake, events=told, note=note)


def _woken(ruleset: Ruleset, role: str, events: tuple[str, ...], when: Compiled | None) -> Wake:
    """A rule that names events is woken by these alone; its condition is then asked."""
    if events:
        asked = f"then asked: {write(when.definition)}" if when else ""
        return Wake(role=role, events=_short(ruleset, events), note=asked)
    if when is None:  # events alone end a journey
        return Wake(role=role)
    fed = {kind for key in when.windows for kind in ruleset.windows[key].events}
    return Wake(
        role=role,
        events=_short(ruleset, fed),
        fields=tuple(sorted(map(fact_name, when.reads))),
        clock=tuple(dict.fromkeys(write(part) for part in _timed(when))),
    )


def _short(ruleset: Ruleset, events: Iterable[str]) -> tuple[str, ...]:
    """Return the events, with ``any`` for all behaviour together."""
    found, behaviour = set(events), ruleset.catalogue.behaviour
    if len(behaviour) > 1 and found >= behaviour:
        return ("any", *sorted(found - behaviour))
    return tuple(sorted(found))


def _timed(compiled: Compiled) -> Iterator[Condition]:
    if compiled.parts:
        for part in compiled.parts:
            yield from _timed(part)
    elif compiled.deadline is not None:
        yield compiled.definition
