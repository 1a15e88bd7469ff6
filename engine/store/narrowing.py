"""Filters of leads by what reports count: when they came, from where, which stages they entered."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from engine.store.rows import to_json

Term = tuple[str, tuple[Any, ...]]
# Instants are milliseconds as text; ``reached`` and ``without`` are stages with commas between.
NAMES: Final = (
    *("campaign", "created_from", "created_to", "reached", "without"),
    *("entered", "entered_from", "entered_to"),
)
_ARRIVED: Final = "EXISTS (SELECT 1 FROM arrivals a WHERE a.lead = l.id AND ({}))"
_ARRIVALS: Final = "SELECT a.lead FROM arrivals a WHERE {}"
_CAMPAIGN: Final = "a.campaign = ?"
_REACHED: Final = "instr(a.entered, ?)"  # `entered` is a JSON list, the stage as it stands there
_WITHOUT: Final = "(l.stage IS NULL OR l.stage NOT IN (SELECT value FROM json_each(?)))"
_ENTERED: Final = "e.stage = ? AND e.at BETWEEN ? AND ?"
_FIRST_ENTRY: Final = f"EXISTS (SELECT 1 FROM entries e WHERE e.lead = l.id AND {_ENTERED})"
_ENTRANTS: Final = f"SELECT e.lead FROM entries e WHERE {_ENTERED}"
_FIRST: Final = -(2**53)
_LAST: Final = 2**53


def terms(filters: Mapping[str, str | None]) -> list[Term]:
    """Return the conditions of those of `NAMES` that are among the filters."""
    found: list[Term] = []
    if filters.get("created_from"):
        found.append(("l.created_at >= ?", (int(filters["created_from"] or 0),)))
    if filters.get("created_to"):
        found.append(("l.created_at < ?", (int(filters["created_to"] or 0),)))
    if filters.get("without"):
        found.append((_WITHOUT, (to_json((filters["without"] or "").split(",")),)))
    found += [(_ARRIVED.format(term), values) for term, values in _arrival(filters)]
    if filters.get("entered"):
        found.append((_FIRST_ENTRY, _entry(filters)))
    return found


def lookups(filters: Mapping[str, str | None]) -> list[Term]:
    """Return SELECTs of leads, outside of which there is none that those of `terms` leave."""
    found = [(_ARRIVALS.format(term), values) for term, values in _arrival(filters)]
    if filters.get("entered"):
        found.append((_ENTRANTS, _entry(filters)))
    return found


def _arrival(filters: Mapping[str, str | None]) -> Iterator[Term]:
    """Yield the conditions on a row ``a`` of arrivals."""
    if "campaign" in filters:
        yield _CAMPAIGN, (filters["campaign"] or "",)
    if filters.get("reached"):
        stages = [to_json(stage) for stage in (filters["reached"] or "").split(",")]
        yield " OR ".join([_REACHED] * len(stages)), tuple(stages)


def _entry(filters: Mapping[str, str | None]) -> tuple[Any, ...]:
    """Return the stage entered, from when and until when, both inclusive."""
    since = int(filters.get("entered_from") or _FIRST)
    until = int(filters.get("entered_to") or _LAST) - 1
    return filters["entered"], since, until
