"""One narrow row for each lead: when it came, from where, and which stages it has entered.

Reports count these, also those of people who were forgotten and stand here under another name.
Only what moves a lead rewrites its row: another stage, grade, source or place of that.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping
from typing import Final

from engine.language.taxonomy import PATH
from engine.machines.state import Lead
from engine.store import entries, kinds, rows
from engine.store.bulk import Insert, Target
from engine.store.rows import Row

# In the order of the index the groups that reports count stand together: no sorting.
SCHEMA: Final = f"""
CREATE TABLE arrivals (
    lead TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    source TEXT NOT NULL,
    campaign TEXT NOT NULL,
    stage TEXT NOT NULL,
    entered TEXT NOT NULL,
    grade TEXT NOT NULL
) WITHOUT ROWID;
CREATE INDEX arrivals_groups ON arrivals (source, campaign, stage, entered, grade, created_at);
CREATE INDEX transitions_firsts ON transitions ("to", lead, at);
ALTER TABLE transitions ADD COLUMN stayed INTEGER;
CREATE INDEX events_sales ON events (type, at, lead)
    WHERE type IN ('opportunity_won', 'order_placed', 'contract_signed', 'payment_received');
CREATE INDEX events_contacts ON events (lead, at) WHERE {kinds.CONTACTS};
CREATE INDEX events_answers ON events ("by", at, type, lead)
    WHERE type IN ('lead_accepted', 'lead_declined', 'lead_claimed', 'lead_released');
CREATE INDEX events_messages ON events (
    type, body ->> '$.properties.message', body ->> '$.properties.journey',
    body ->> '$.properties.step', lead, at, bot
) WHERE type IN ('email_sent', 'email_delivered', 'email_opened', 'email_clicked', 'email_bounced',
    'email_complained', 'email_replied', 'unsubscribed', 'sms_sent', 'sms_delivered', 'sms_failed',
    'sms_replied', 'wecom_message_received', 'message_blocked')
"""
FORGOTTEN: Final = """
INSERT INTO arrivals (lead, created_at, source, campaign, stage, entered, grade)
SELECT lead, created_at, coalesce(source, ''), '', coalesce(stage, ''),
    (SELECT json_group_array(value) FROM (SELECT value FROM json_each(stages) ORDER BY value)), ''
FROM forgotten
"""
# Where in the tree of sources a lead came from: ``online/sem/baidu``, '' where nobody said.
PLACED: Final = """
ALTER TABLE arrivals ADD COLUMN placed TEXT NOT NULL DEFAULT '';
DROP INDEX arrivals_groups;
CREATE INDEX arrivals_groups ON arrivals (
    source, campaign, placed, stage, entered, grade, created_at);
"""
# The rows as the step that made the table wrote them, before there was ``placed``.
OLD_ROWS: Final = """
INSERT INTO arrivals (lead, created_at, source, campaign, stage, entered, grade)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
# How long a lead was in the stage that it left, by the row before; for rows behind a number. Of
# people who were forgotten the stays are no figures of theirs any more.
STAYS: Final = """
UPDATE transitions SET stayed = at - (
    SELECT p.at FROM transitions p WHERE p.lead = transitions.lead
    AND p.number < transitions.number ORDER BY p.number DESC LIMIT 1
) WHERE number > ?
"""
_NEWEST_STAYS: Final = STAYS.replace("> ?", "> (SELECT max(number) FROM transitions) - ?")
# Since when a lead has been in its stage, NULL where nothing tells; who waits the longest is first.
WAITING: Final = """
ALTER TABLE arrivals ADD COLUMN since INTEGER;
DROP INDEX arrivals_stage;
UPDATE transitions SET stayed = NULL WHERE lead BETWEEN 'forgotten:' AND 'forgotten;'
"""
WAITING_INDEX: Final = """
CREATE INDEX arrivals_waiting ON arrivals (stage, since, created_at)
"""
_ENTERED: Final = """
(SELECT max(t.at) FROM transitions t INDEXED BY transitions_lead
    WHERE t.lead = arrivals.lead AND t."to" = arrivals.stage)
"""
FILL_SINCE: Final = f"UPDATE arrivals SET since = {_ENTERED}"
_WRONG: Final = f"""
SELECT lead FROM arrivals WHERE lead IN (SELECT value FROM json_each(?)) AND since IS NOT {_ENTERED}
"""
_SINCE: Final = """
(SELECT max(t.at) FROM transitions t INDEXED BY transitions_lead WHERE t.lead = ? AND t."to" = ?)
"""
_ARRIVAL: Final = Insert(
    "arrivals (lead, created_at, source, campaign, stage, entered, grade, placed, since)",
    9,
    """
ON CONFLICT (lead) DO UPDATE SET created_at = excluded.created_at, source = excluded.source,
    campaign = excluded.campaign, stage = excluded.stage, entered = excluded.entered,
    grade = excluded.grade, placed = excluded.placed, since = excluded.since
""",
    f"(?,?,?,?,?,?,?,?,{_SINCE})",
)
_STAGE: Final = 4  # the place of the stage in a row
_PLACED: Final = tuple(f"lead.{name}" for name in PATH)
READ: Final = (*("stage", "grade", "lead.source.name", "lead.source.utm_campaign"), *_PLACED)


def refresh(target: Target, leads: Iterable[Lead], stored: Mapping[str, Lead]) -> None:
    """Bring the rows of these leads up to date; ``stored`` has them as they were.

    After their transitions are written.
    """
    changed = [row(lead) for lead in leads if not _same(stored.get(lead.id), lead)]
    if not changed:
        return
    _ARRIVAL.write(target, [(*each, each[0], each[_STAGE]) for each in changed])
    entries.refresh(target, [each[0] for each in changed])


def wrong(connection: sqlite3.Connection, leads: str) -> list[str]:
    """Return those of ``leads``, a JSON list, that came into their stage at another time."""
    return [row[0] for row in connection.execute(_WRONG, (leads,))]


def measure(target: Target, newest: int) -> None:
    """Note of the ``newest`` transitions how long the stage was held that they left."""
    target.execute(_NEWEST_STAYS, (newest,))


def row(lead: Lead) -> Row:
    """Return the row of a lead, without ``since``."""
    get = lead.facts.get
    entered = rows.to_json(sorted(lead.stages))
    source, campaign = get("lead.source.name"), get("lead.source.utm_campaign")
    stands = get("stage") or "", entered, get("grade") or ""
    placed = "/".join(part for name in _PLACED if (part := get(name)))
    return lead.id, lead.created_at, source or "", campaign or "", *stands, placed


def _same(before: Lead | None, lead: Lead) -> bool:
    if before is None or before.created_at != lead.created_at:
        return False
    if before.stages is not lead.stages and before.stages != lead.stages:
        return False  # another stage, or the same one once more
    return rows.same_facts(before, lead, READ)
