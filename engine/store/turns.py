"""What became of each assignment: the turn of a salesperson with a lead, until the next one.

``took`` is the ms until the first call or visit in it, NULL without any; ``met`` and ``breached``
count the SLA clocks that it started; ``claimed`` says whether it was a claim from a pool. They
stand in the assignment's row and follow from other tables alone.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Final

from engine.store import kinds
from engine.store.bulk import Target
from engine.store.rows import to_json

CONTACTS: Final = ("call_logged", "visit_logged")
SCHEMA: Final = """
ALTER TABLE assignments ADD COLUMN claimed INTEGER;
ALTER TABLE assignments ADD COLUMN took INTEGER;
ALTER TABLE assignments ADD COLUMN met INTEGER;
ALTER TABLE assignments ADD COLUMN breached INTEGER;
DROP INDEX assignments_owner;
"""
INDEX: Final = """
CREATE INDEX assignments_work ON assignments (owner, team, at, claimed, took, met, breached)
"""
# Of the turn in which an event happened: what came with a lead that was absorbed, in that one's.
_DURING: Final = """
(SELECT {what} FROM assignments s WHERE s.lead IN ({event}.lead, {event}.first)
    AND s.at <= {event}.at AND ({event}.first IS NULL OR {event}.first IN (s.lead, s.first))
    ORDER BY s.number DESC LIMIT 1)
"""


def holder(event: str) -> str:
    """Return the SELECT of who had the lead of ``event``, a row of the log, at its time."""
    return _DURING.format(what="s.owner", event=event)


def answered(event: str) -> str:
    """Return the SELECT of the turn that ``event`` answers; NULL where somebody else had it."""
    return _DURING.format(what=f'iif(s.owner = {event}."by", s.number, NULL)', event=event)


# Clocks run from when it was told who has the lead, which may be later.
_CLOCKS: Final = """
(SELECT count(*) FROM clocks c WHERE c.lead = s.lead AND c.status = '{}' AND c.started_at =
    coalesce((SELECT d.decided_at FROM events d WHERE d.id = s.event), s.at))
"""
_TOLD: Final = f"""
SELECT s.number, s.event GLOB '*:claim:*' AS claimed, (
    SELECT min(e.at) FROM events e WHERE {kinds.CONTACTS}
    AND e.lead = s.lead AND e.at >= s.at AND e.at < coalesce((SELECT min(n.at)
        FROM assignments n WHERE n.lead = s.lead AND n.number > s.number), 9e18)
) - s.at AS took, {_CLOCKS.format("met")} AS met, {_CLOCKS.format("breached")} AS breached
FROM {{whose}} WHERE s.owner IS NOT NULL
"""
_DIFFERS: Final = """
(a.claimed, a.took, a.met, a.breached) IS NOT (f.claimed, f.took, f.met, f.breached)
"""
_OUTCOMES: Final = f"""
UPDATE assignments AS a SET claimed = f.claimed, took = f.took, met = f.met, breached = f.breached
FROM (WITH found AS MATERIALIZED ({_TOLD}) SELECT * FROM found) f
WHERE a.number = f.number AND {_DIFFERS}
"""
_SOME: Final = "json_each(?) j CROSS JOIN assignments s ON s.lead = j.value"
FILL: Final = _OUTCOMES.format(whose="assignments s")
_REFRESH: Final = _OUTCOMES.format(whose=_SOME)
_WRONG: Final = f"""
SELECT a.lead FROM ({_TOLD.format(whose=_SOME)}) f JOIN assignments a ON a.number = f.number
WHERE {_DIFFERS}
"""


def refresh(target: Target, leads: Iterable[str]) -> None:
    """Bring the assignments of leads up to date whose contacts, clocks or assignments changed."""
    target.execute(_REFRESH, (to_json(list(leads)),))


def wrong(connection: sqlite3.Connection, leads: str) -> list[str]:
    """Return those of ``leads``, a JSON list, whose assignments say what other rows do not."""
    return [row[0] for row in connection.execute(_WRONG, (leads,))]
