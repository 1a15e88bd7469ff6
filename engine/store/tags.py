"""Which leads have a tag."""

from __future__ import annotations

from typing import Final

from engine.machines.state import Lead
from engine.store.links import Links

SCHEMA: Final = """
CREATE TABLE tags (
    tag TEXT NOT NULL,
    lead TEXT NOT NULL,
    PRIMARY KEY (tag, lead)
) WITHOUT ROWID;
CREATE INDEX tags_lead ON tags (lead)
"""


def of_lead(lead: Lead) -> list[str]:
    """Return the tags of a lead."""
    found: list[str] = lead.facts.get("lead.tags", [])
    return found


LINKS: Final = Links("tags", "tag", ("lead.tags",), of_lead)
