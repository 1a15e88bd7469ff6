"""Filters of leads by what reports count: when they came, from where, which stages they entered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from engine.store.rows import to_json

Term = tuple[str, tuple[Any, ...]]
# Instants are milliseconds as text; ``reached`` are stages with commas between them.
NAMES: Final = (
    *("campaign", "created_from", "created_to", "reached"),
    *("entered", "entered_from", "entered_to"),
)
_ENTERED_ANY: Final = """
EXISTS (SELECT 1 FROM arrivals a, json_each(a.entered) j WHERE a.lead = l.id
    AND j.value IN (SELECT value FROM json_each(?)))
"""
_CAMPAIGN: Final = "EXISTS (SELECT 1 FROM arrivals a WHERE a.lead = l.id AND a.campaign = ?)"
# Of a lead with others merged into it, the earliest entry of all of them.
_FIRST_ENTRY: Final = """
(SELECT min(t.at) FROM transitions t WHERE t."to" = ? AND t.lead IN (
    WITH RECURSIVE below (id) AS (
        SELECT l.id UNION SELECT m.absorbed FROM merges m, below b
        WHERE m.survivor = b.id AND m.undone_at IS NULL
    ) SELECT id FROM below)) BETWEEN ? AND ?
"""
_FIRST: Final = -(2**53)
_LAST: Final = 2**53


def terms(filters: Mapping[str, str | None]) -> list[Term]:
    """Return the conditions of those of `NAMES` that are among the filters."""
    found: list[Term] = []
    if filters.get("created_from"):
        found.append(("l.created_at >= ?", (int(filters["created_from"] or 0),)))
    if filters.get("created_to"):
        found.append(("l.created_at < ?", (int(filters["created_to"] or 0),)))
    if "campaign" in filters:
        found.append((_CAMPAIGN, (filters["campaign"] or "",)))
    if filters.get("reached"):
        found.append((_ENTERED_ANY, (to_json((filters["reached"] or "").split(",")),)))
    if filters.get("entered"):
        since = int(filters.get("entered_from") or _FIRST)
        until = int(filters.get("entered_to") or _LAST) - 1
        found.append((_FIRST_ENTRY, (filters["entered"], since, until)))
    return found
