"""Which leads are of one company: a link between them, never a reason to merge them."""

from __future__ import annotations

import sqlite3
from typing import Any, Final

from engine.machines.company import company_keys
from engine.store import rows
from engine.store.links import Links

SCHEMA: Final = """
CREATE TABLE companies (
    key TEXT NOT NULL,
    lead TEXT NOT NULL,
    PRIMARY KEY (key, lead)
) WITHOUT ROWID;
CREATE INDEX companies_lead ON companies (lead)
"""
_READ: Final = ("lead.company", "lead.email.domain", "lead.email.kind")
LINKS: Final = Links("companies", "key", _READ, company_keys)
_COLLEAGUES: Final = """
SELECT l.id, l.state, c.found FROM (
    SELECT other.lead AS lead, json_group_array(other.key) AS found
    FROM companies own JOIN companies other ON other.key = own.key AND other.lead <> own.lead
    WHERE own.lead = ?1 AND other.lead > ?2 GROUP BY other.lead ORDER BY other.lead LIMIT ?3
) c CROSS JOIN leads l ON l.id = c.lead ORDER BY l.id
"""


def colleagues(
    connection: sqlite3.Connection, lead: str, limit: int, after: str = ""
) -> list[tuple[str, bytes, list[str]]]:
    """Return (id, state, keys in common) of others of the same company, in order of their ids."""
    found: list[Any] = connection.execute(_COLLEAGUES, (lead, after, limit)).fetchall()
    return [(row[0], row[1], rows.from_json(row[2])) for row in found]
