"""The SELECTs behind `Reader`."""

from __future__ import annotations

from typing import Final

from engine.store.rows import LOG_COLUMNS

FIND: Final = """
SELECT id FROM leads WHERE id = ?1
UNION ALL SELECT * FROM (
    WITH RECURSIVE now (id) AS (
        SELECT ?1 UNION SELECT m.survivor FROM merges m, now n
        WHERE m.absorbed = n.id AND m.undone_at IS NULL
    ) SELECT n.id FROM now n JOIN leads l ON l.id = n.id
)
UNION ALL SELECT lead FROM identities WHERE value IN (?1, ?2, ?3)
UNION ALL SELECT lead FROM events WHERE id = ?1
LIMIT 1
"""
STATE: Final = "SELECT state FROM leads WHERE id = ?"
HISTORY: Final = f"SELECT {LOG_COLUMNS} FROM events WHERE lead = ? ORDER BY seq"
HAPPENINGS: Final = "SELECT at, kind, data FROM happenings WHERE lead = ? ORDER BY rowid"
LEDGER: Final = """
SELECT at, model, dimension, rule, points, event, source, ruleset, reason
FROM ledger WHERE lead = ? ORDER BY rowid
"""

# Newest first; at one instant what an event did stands above the event. The clock's own
# events are left out: what they did is listed.
TIMELINE: Final = """
SELECT * FROM (
    SELECT at, 0 AS rank, seq AS line, 'event' AS kind, id, type, json_patch(body, json_object(
        'channel', channel, 'by', "by",
        'history', json(iif(history, 'true', 'false')), 'bot', json(iif(bot, 'true', 'false'))
    )) AS details
    FROM events WHERE lead = ?1 AND type <> 'timer_due'
    UNION ALL
    SELECT at, 1, rowid, 'score', 'score:' || rowid, rule, json_object('model', model,
        'dimension', dimension, 'rule', rule, 'points', points, 'event', event,
        'source', source, 'reason', reason, 'ruleset', ruleset)
    FROM ledger WHERE lead = ?1
    UNION ALL
    SELECT at, 2, rowid, 'happening', 'happening:' || rowid, kind,
        json_object('event', event, 'data', json(data))
    FROM happenings WHERE lead = ?1
    UNION ALL
    SELECT created_at, 3, rowid, 'task', id, 'task', json_object('title', title,
        'owner', owner, 'due', due, 'priority', priority, 'status', status,
        'outcome', outcome, 'journey', journey, 'step', step)
    FROM tasks WHERE lead = ?1
    UNION ALL
    SELECT created_at, 4, rowid, 'delivery', key, coalesce(message, connection), json_object(
        'connection', connection, 'message', message, 'audience', audience, 'to', to_address,
        'status', status, 'reason', reason, 'attempts', attempts, 'subject', subject,
        'journey', journey, 'step', step)
    FROM deliveries WHERE lead = ?1
)
WHERE (at, rank, line) < (?2, ?3, ?4)
ORDER BY at DESC, rank DESC, line DESC LIMIT ?5
"""

# A to-do without an owner is for whoever has the lead.
TASKS: Final = """
SELECT t.id, t.lead, t.title, coalesce(t.owner, l.owner) AS owner, t.due, t.priority,
    t.status, t.outcome, t.created_at, t.completed_at, t.journey, t.step, l.name, l.company,
    coalesce(t.due, 9223372036854775807) AS due_key
FROM tasks t LEFT JOIN leads l ON l.id = t.lead
WHERE {where} ORDER BY coalesce(t.due, 9223372036854775807), t.id LIMIT ?
"""
TASKS_AFTER: Final = "(coalesce(t.due, 9223372036854775807), t.id) > (?, ?)"
TASKS_OF: Final = """
t.id IN (SELECT id FROM tasks WHERE owner = ? {status} UNION ALL SELECT w.id FROM leads o
    CROSS JOIN tasks w ON w.lead = o.id WHERE o.owner = ? AND w.owner IS NULL {status})
"""

DELIVERIES: Final = """
SELECT rowid AS line, key, lead, connection, message, audience, to_address, journey, step, params,
    status, reason, attempts, due, created_at, finished_at, provider_id, subject, body,
    deadline_at, retries, retried_by
FROM deliveries WHERE {where} ORDER BY rowid DESC LIMIT ?
"""
DELIVERIES_AFTER: Final = "rowid < ?"
DELIVERIES_MANY: Final = """
SELECT count(*) > 10000 FROM (SELECT 1 FROM deliveries WHERE status = ? LIMIT 10001)
"""

LOG: Final = f"SELECT {LOG_COLUMNS} FROM events WHERE seq > ? ORDER BY seq LIMIT ?"
COUNTS: Final = """
SELECT (SELECT coalesce(max(seq), 0) FROM events) AS events, (SELECT count(*) FROM leads) AS leads,
    (SELECT count(*) FROM tasks WHERE status = 'open') AS open_tasks,
    (SELECT min(wake_at) FROM leads WHERE wake_at IS NOT NULL) AS next_wake
"""
OVERDUE: Final = "SELECT count(*), min(wake_at) FROM leads WHERE wake_at < ?"
DELIVERY_COUNTS: Final = "SELECT status, count(*) FROM deliveries GROUP BY status"
