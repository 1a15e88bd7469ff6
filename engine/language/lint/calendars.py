"""Which working calendars a configuration uses, and where."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from engine.language.diagnostic import Source
from engine.language.lint.context import Context
from engine.language.lint.sites import walk
from engine.language.rules import Guard

_NOTICES: Final = ("notify",)
STEPS: Final = "cn"  # the calendar by which waits and to-dos count working time


def uses(context: Context) -> Iterator[tuple[str, Source, str]]:
    """Yield (calendar, place, rule) where SLAs, guards and steps count working time."""
    for sla in context.definitions.routing.slas:
        spans = [s for _, s in sla.clocks] + [r.after for r in sla.rungs]
        if any(s.is_working for s in spans):
            yield sla.calendar, context.below(sla.source, "calendar"), sla.id
    yield from _of_people(context)
    for journey in context.definitions.journeys:
        for step in journey.steps:
            named = step.moment.calendar if step.moment is not None else None
            if named is not None:
                yield named, context.below(step.source, "wait", "calendar"), journey.id
            worked = [None if named else step.span, step.with_.get("due")]
            if any(s is not None and s.is_working for s in worked):
                yield STEPS, context.below(step.source, "id"), journey.id
    for site in context.sites:
        for part in walk(site.condition):
            if isinstance(part, Guard) and part.calendar is not None:
                yield part.calendar, context.below(part.source, "calendar"), site.rule


def _of_people(context: Context) -> Iterator[tuple[str, Source, str]]:
    """Yield the calendars of shifts, of what people are told, and of leads that are taken back."""
    routing = context.definitions.routing
    for document in context.of_kind("routing"):
        if (own := document.values.get((*_NOTICES, "calendar"))) is not None:
            yield routing.notices.calendar, own, _NOTICES[0]
    for team in routing.teams.values():
        for member in team.members:
            if member.calendar is not None:
                yield member.calendar, context.below(member.source, "calendar"), member.id
            place = context.below(member.source, *_NOTICES, "calendar")
            if place != member.source:
                yield member.notices.calendar, place, member.id
    for pool in routing.pools.values():
        for rule in pool.recycle:
            if rule.idle is not None and rule.idle.is_working:
                yield rule.calendar, context.below(rule.source, "calendar"), rule.id
