"""Which leads are of one company: a link between them, never a reason to merge them."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Any, Final

from engine.machines.company import company_keys
from engine.machines.state import Lead
from engine.store import rows
from engine.store.bulk import Insert

SCHEMA: Final = """
CREATE TABLE companies (
    key TEXT NOT NULL,
    lead TEXT NOT NULL,
    PRIMARY KEY (key, lead)
) WITHOUT ROWID;
CREATE INDEX companies_lead ON companies (lead)
"""
_READ: Final = ("lead.company", "lead.email.domain", "lead.email.kind")
_GONE: Final = "DELETE FROM companies WHERE lead IN (SELECT value FROM json_each(?))"
_LINK: Final = Insert("companies (key, lead)", 2, "ON CONFLICT DO NOTHING")
_COLLEAGUES: Final = """
SELECT l.id, l.state, c.found FROM (
    SELECT other.lead AS lead, json_group_array(other.key) AS found
    FROM companies own JOIN companies other ON other.key = own.key AND other.lead <> own.lead
    WHERE own.lead = ?1 AND other.lead > ?2 GROUP BY other.lead ORDER BY other.lead LIMIT ?3
) c CROSS JOIN leads l ON l.id = c.lead ORDER BY l.id
"""


def refresh(
    connection: sqlite3.Connection, leads: Iterable[Lead], stored: Mapping[str, Lead]
) -> None:
    """Bring the links of these leads up to date; ``stored`` has them as they were."""
    changed = [lead for lead in leads if not _same(stored.get(lead.id), lead)]
    known = [lead.id for lead in changed if lead.id in stored]
    found = [(key, lead.id) for lead in changed for key in company_keys(lead)]
    if known:
        connection.execute(_GONE, (rows.to_json(known),))
    _LINK.write(connection, found)


def _same(before: Lead | None, lead: Lead) -> bool:
    if before is None:
        return all(lead.facts.get(name) is None for name in _READ)
    return rows.same_facts(before, lead, _READ)


def colleagues(
    connection: sqlite3.Connection, lead: str, limit: int, after: str = ""
) -> list[tuple[str, bytes, list[str]]]:
    """Return (id, state, keys in common) of others of the same company, in order of their ids."""
    found: list[Any] = connection.execute(_COLLEAGUES, (lead, after, limit)).fetchall()
    return [(row[0], row[1], rows.from_json(row[2])) for row in found]
