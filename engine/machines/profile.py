"""What an event says of a lead: its fields, consent by topic, and the flags of screening."""

from __future__ import annotations

from typing import Any, Final

from engine.language.catalogue import BadValue, convert
from engine.language.instants import parse_instant
from engine.language.taxonomy import PLACED
from engine.machines import touches
from engine.machines.state import Event
from engine.machines.steps import add_tags
from engine.machines.work import Work

CONSENT: Final = "consent."
ENRICHED: Final = "lead_enriched"


def take_fields(work: Work, event: Event) -> None:
    """Write the fields an event brings: the latest value wins, an older one only fills gaps.

    What an enricher found fills gaps too, save in the fields that its event names.
    """
    fills = event.at < work.lead.profile_at or event.type == ENRICHED
    fields = event.lead
    if touches.MARK in fields and not event.bot:
        touches.take(work, event, fills)
        fields = {name: value for name, value in fields.items() if name not in PLACED}
    stronger = event.properties.get("overwrite", ()) if event.type == ENRICHED else ()
    if fields and event.type != ENRICHED:
        work.lead.profile_at = max(event.at, work.lead.profile_at)
    for name, value in fields.items():
        if name == "tags":
            add_tags(work, value)
        elif name.startswith(CONSENT):
            take_consent(work, event, name.removeprefix(CONSENT), value)
        elif not fills or name in stronger or f"lead.{name}" not in work.facts:
            work.set_fact(f"lead.{name}", value)
            if name in work.ruleset.derived_from:
                _outdate(work, event, name)


def _outdate(work: Work, event: Event, name: str) -> None:
    """Remove what was derived from a field's old value and does not come with the new one."""
    for derived in work.ruleset.derived_from[name]:
        if derived not in event.lead:
            work.set_fact(f"lead.{derived}", None)


def take_consent(work: Work, event: Event, topic: str, status: str) -> None:
    """Keep the latest word on a topic with its evidence; at one instant a withdrawal wins."""
    evidence = _evidence(event, topic)
    at = parse_instant(evidence["at"]) if "at" in evidence else event.at
    known = work.lead.consents.get(topic)
    if known is not None:
        later = at > known["at"]
        if not later and not (at == known["at"] and status == "withdrawn"):
            return
    told = {key: evidence[key] for key in ("source", "text") if key in evidence}
    source = told.pop("source", event.channel)
    work.writable("consents")[topic] = {
        "status": status, "at": at, "source": source, **told, "event": event.id,
    }  # fmt: skip
    work.set_fact(f"lead.{CONSENT}{topic}", status)


def _evidence(event: Event, topic: str) -> dict[str, Any]:
    told = event.properties.get("consent")
    found = told.get(topic) if isinstance(told, dict) else None
    return found if isinstance(found, dict) else {}


def set_aside(work: Work) -> None:
    """Remove values that no longer have their field's type, as after a field's type was changed.

    Rules would fail on them. The log keeps what was sent; the timeline says what was removed.
    """
    fields = work.ruleset.catalogue.fields
    for fact, value in list(work.facts.items()):
        field = fields.get(fact.removeprefix("lead.")) if fact.startswith("lead.") else None
        if field is None:
            continue
        try:
            convert(field, value)
        except BadValue as error:
            work.set_fact(fact, None)
            work.before[fact] = None  # what cannot be compared with is as if it had not been
            work.happen("value_set_aside", fact=fact, type=field.type, reason=str(error))


def take_flags(work: Work, event: Event) -> None:
    """Add the flags that screening gave the event; they stay until a person clears them."""
    flags = list(work.facts.get("lead.flags", ()))
    flags += [flag for flag in event.screened.get("flags", ()) if flag not in flags]
    work.set_fact("lead.flags", flags or None)
