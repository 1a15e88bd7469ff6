"""Touches (触点): the first and the latest time that a source brought a lead, each as a whole.

A touch is an event that intake found a place for among the sources; the log keeps every one.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.language.instants import format_instant, parse_instant
from engine.language.taxonomy import PLACED, SAID
from engine.machines.state import Event
from engine.machines.work import Work

MARK: Final = PLACED[0]  # an event that has it is a touch
_SOURCE: Final = "source."
_HEADS: Final = ("lead.first_touch", "lead.last_touch")


def take(work: Work, event: Event, fills: bool) -> None:
    """Keep a touch: as the latest, as the first, and where it places the lead's source.

    With ``fills`` the event is older than what is known, and places only who is nowhere yet; so
    does one that names no source itself.
    """
    names_source = not event.lead.keys().isdisjoint(SAID)
    if f"lead.{MARK}" not in work.facts or (names_source and not fills):
        for name in PLACED:
            work.set_fact(f"lead.{name}", event.lead.get(name))
    told = _told(event)
    first, last = (_at(work, touch) for touch in ("first_touch", "last_touch"))
    if first is None or event.at < first:
        _write(work, "first_touch", told)
    if last is None or event.at >= last:
        _write(work, "last_touch", told)


def is_settled(facts: Mapping[str, Any], name: str) -> bool:
    """Whether a fact is part of a touch, or of a place among the sources, that ``facts`` have."""
    head, _, last = name.rpartition(".")
    if head in _HEADS:
        return f"{head}.at" in facts
    return f"{_SOURCE}{last}" in PLACED and head == "lead.source" and f"lead.{MARK}" in facts


def _told(event: Event) -> dict[str, Any]:
    """Return what is kept of a touch, by the names of its fields."""
    said = {
        name.removeprefix(_SOURCE): value
        for name, value in event.lead.items()
        if name.startswith(_SOURCE)
    }
    form = event.properties.get("form")
    whole = {"at": format_instant(event.at), "via": event.channel, "form": form, **said}
    return {name: value for name, value in whole.items() if value is not None}


def _at(work: Work, touch: str) -> int | None:
    at = work.facts.get(f"lead.{touch}.at")
    return None if at is None else parse_instant(at)


def _write(work: Work, touch: str, told: dict[str, Any]) -> None:
    head = f"lead.{touch}."
    for name in [name for name in work.facts if name.startswith(head)]:
        if name.removeprefix(head) not in told:
            work.set_fact(name, None)
    for name, value in told.items():
        work.set_fact(f"{head}{name}", value)
