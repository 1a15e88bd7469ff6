"""What became of each lead that a split dealt to a variant: was it sent to, did it open, click?

Of the mails of that journey since then, suspected scanners aside. It stands in the split's row and
follows from the log alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from engine.store.bulk import Target
from engine.store.rows import to_json

OUTCOMES: Final = {"sent": "email_sent", "opened": "email_opened", "clicked": "email_clicked"}
HEARD: Final = frozenset(OUTCOMES.values())
SCHEMA: Final = "".join(
    f"ALTER TABLE splits ADD COLUMN {name} INTEGER NOT NULL DEFAULT 0;\n" for name in OUTCOMES
)
INDEX: Final = f"""
CREATE INDEX splits_outcomes ON splits (journey, step, variant, at, {", ".join(OUTCOMES)})
"""
_HEARD: Final = """
EXISTS (SELECT 1 FROM events e WHERE e.lead = s.lead AND e.type = '{type}' AND e.at >= s.at
    AND e.bot = 0 AND e.body ->> '$.properties.journey' = s.journey) AS {name}
"""
_TOLD: Final = f"""
SELECT s.journey, s.step, s.lead,
    {", ".join(_HEARD.format(type=type, name=name) for name, type in OUTCOMES.items())}
FROM {{whose}}
"""
_SAME: Final = "(a.journey, a.step, a.lead) = (f.journey, f.step, f.lead)"
_DIFFERS: Final = " OR ".join(f"a.{name} <> f.{name}" for name in OUTCOMES)
_OUTCOMES: Final = f"""
UPDATE splits AS a SET {", ".join(f"{name} = f.{name}" for name in OUTCOMES)}
FROM (WITH found AS MATERIALIZED ({_TOLD}) SELECT * FROM found) f WHERE {_SAME} AND ({_DIFFERS})
"""
_SOME: Final = "json_each(?) j CROSS JOIN splits s ON s.lead = j.value"
FILL: Final = _OUTCOMES.format(whose="splits s")
_REFRESH: Final = _OUTCOMES.format(whose=_SOME)
_WRONG: Final = f"""
SELECT a.lead FROM ({_TOLD.format(whose=_SOME)}) f JOIN splits a ON {_SAME} WHERE {_DIFFERS}
"""


def refresh(target: Target, leads: Iterable[str]) -> None:
    """Bring the splits of leads up to date that were dealt to, or whose mails were heard of."""
    target.execute(_REFRESH, (to_json(list(leads)),))


def wrong(connection: sqlite3.Connection, leads: str) -> list[str]:
    """Return those of ``leads``, a JSON list, whose splits say what the log does not."""
    return [row[0] for row in connection.execute(_WRONG, (leads,))]
