"""Opportunities (商机) and contracts: what they say of a lead, and the record of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, Final

import msgspec

from engine.machines.people import following
from engine.machines.state import STALE, Event
from engine.machines.work import Work

_FACT: Final = "lead.opportunity."
_SAID: Final = ("amount", "close_on")


class Deal(msgspec.Struct, kw_only=True):
    """One opportunity of a lead: open, won or lost; instants in ms, ``close_on`` a day."""

    opened_at: int
    by: str | None
    amount: Any = None
    close_on: str | None = None
    status: str = "open"
    changed_at: int | None = None
    closed_at: int | None = None
    closed_by: str | None = None
    reason: str | None = None


def record(events: Iterable[Event]) -> list[Deal]:
    """Return a lead's opportunities by its log, the latest first; one at most is open."""
    deals: list[Deal] = []
    for event in events:
        if event.type in _KINDS and STALE not in event.screened:
            if not deals or deals[-1].status != "open":
                deals.append(Deal(opened_at=event.at, by=event.by))
            _note(deals[-1], event)
    return deals[::-1]


def _note(deal: Deal, event: Event) -> None:
    for name in _SAID:
        if event.properties.get(name) is not None:
            setattr(deal, name, event.properties[name])
    status = _KINDS[event.type]
    if status != "open":
        deal.status, deal.closed_at, deal.closed_by = status, event.at, event.by
        deal.reason = event.properties.get("reason")
    elif event.at != deal.opened_at:
        deal.changed_at = event.at


_KINDS: Final = {
    "opportunity_opened": "open",
    "opportunity_changed": "open",
    "opportunity_won": "won",
    "opportunity_lost": "lost",
}


def _said(status: str) -> Callable[[Work, dict[str, Any]], None]:
    """Return what writes the facts of an opportunity that is ``status`` now."""

    def effect(work: Work, properties: dict[str, Any]) -> None:
        facts = work.facts
        if facts.get(f"{_FACT}status") in ("won", "lost") and status == "open":
            for name in (*_SAID, "reason"):
                work.set_fact(_FACT + name, None)  # another one begins
        work.set_fact(f"{_FACT}status", status)
        for name in (*_SAID, "reason"):
            if properties.get(name) is not None:
                work.set_fact(_FACT + name, properties[name])
        if work.event.type == "opportunity_opened":
            following.followed(work, properties)

    return effect


def _signed(work: Work, properties: dict[str, Any]) -> None:
    """Remember when the latest contract ends."""
    if properties.get("ends_on") is not None:
        work.set_fact("lead.contract_ends_on", properties["ends_on"])


EFFECTS: Final = {
    **{kind: _said(status) for kind, status in _KINDS.items()},
    "contract_signed": _signed,
}
