"""The SQL of tables and indexes, step by step as they came. Instants are INTEGER ms, UTC.

What was released never changes; tables that a module of their own looks after stand there.
"""

from __future__ import annotations

from typing import Final

FIRST: Final = """
CREATE TABLE events (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    lead TEXT NOT NULL,
    type TEXT NOT NULL,
    at INTEGER NOT NULL,
    decided_at INTEGER NOT NULL,
    channel TEXT NOT NULL,
    history INTEGER NOT NULL,
    "by" TEXT,
    bot INTEGER NOT NULL,
    body TEXT NOT NULL,
    ruleset TEXT NOT NULL
);
CREATE INDEX events_lead ON events (lead, seq);

CREATE TABLE leads (
    id TEXT PRIMARY KEY,
    created_at INTEGER NOT NULL,
    updated_at INTEGER NOT NULL,
    name TEXT,
    company TEXT,
    score REAL,
    grade TEXT,
    stage TEXT,
    owner TEXT,
    team TEXT,
    pool TEXT,
    source TEXT,
    wake_at INTEGER,
    state BLOB NOT NULL
);
CREATE INDEX leads_updated ON leads (updated_at, id);
CREATE INDEX leads_owner ON leads (owner);
CREATE INDEX leads_wake ON leads (wake_at, id) WHERE wake_at IS NOT NULL;

CREATE TABLE identities (
    kind TEXT NOT NULL,
    value TEXT NOT NULL,
    lead TEXT NOT NULL,
    PRIMARY KEY (kind, value)
) WITHOUT ROWID;
CREATE INDEX identities_lead ON identities (lead);
CREATE INDEX identities_value ON identities (value);

CREATE TABLE ledger (
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    model TEXT NOT NULL,
    dimension TEXT NOT NULL,
    rule TEXT NOT NULL,
    points NUMERIC NOT NULL,
    event TEXT,
    source TEXT NOT NULL,
    ruleset TEXT NOT NULL,
    reason TEXT NOT NULL
);
CREATE INDEX ledger_lead ON ledger (lead);

CREATE TABLE happenings (
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    kind TEXT NOT NULL,
    event TEXT,
    data TEXT NOT NULL
);
CREATE INDEX happenings_lead ON happenings (lead);

CREATE TABLE deliveries (
    key TEXT PRIMARY KEY,
    lead TEXT NOT NULL,
    connection TEXT NOT NULL,
    message TEXT,
    audience TEXT NOT NULL,
    to_address TEXT,
    journey TEXT,
    step TEXT,
    params TEXT NOT NULL,
    status TEXT NOT NULL,
    reason TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    due INTEGER NOT NULL,
    leased_until INTEGER,
    created_at INTEGER NOT NULL,
    finished_at INTEGER,
    provider_id TEXT,
    subject TEXT,
    body TEXT
);
CREATE INDEX deliveries_open ON deliveries (status, due) WHERE status IN ('queued', 'leased');
CREATE INDEX deliveries_status ON deliveries (status);
CREATE INDEX deliveries_lead ON deliveries (lead);

CREATE TABLE tasks (
    id TEXT PRIMARY KEY,
    lead TEXT NOT NULL,
    title TEXT NOT NULL,
    owner TEXT,
    due INTEGER,
    priority TEXT NOT NULL,
    status TEXT NOT NULL DEFAULT 'open',
    outcome TEXT,
    created_at INTEGER NOT NULL,
    completed_at INTEGER,
    journey TEXT,
    step TEXT
);
CREATE INDEX tasks_status ON tasks (status, due);
CREATE INDEX tasks_lead ON tasks (lead);

CREATE TABLE teams (id TEXT PRIMARY KEY, state TEXT NOT NULL);
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT);
"""


# What the API and reports read, beside the state that it is derived from.
PROJECTIONS: Final = """
CREATE TABLE enrolments (
    lead TEXT NOT NULL,
    journey TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    entered_by TEXT NOT NULL,
    step TEXT,
    arrived_at INTEGER NOT NULL,
    left_at INTEGER,
    reason TEXT,
    PRIMARY KEY (lead, journey, entered_at, entered_by)
) WITHOUT ROWID;
CREATE INDEX enrolments_journey ON enrolments (journey, entered_at);
CREATE INDEX enrolments_step ON enrolments (journey, step) WHERE left_at IS NULL;

CREATE TABLE journey_steps (
    number INTEGER PRIMARY KEY,
    lead TEXT NOT NULL,
    journey TEXT NOT NULL,
    step TEXT NOT NULL,
    arrived_at INTEGER NOT NULL,
    left_at INTEGER,
    outcome TEXT
);
CREATE INDEX journey_steps_lead ON journey_steps (lead, journey);
CREATE INDEX journey_steps_step ON journey_steps (journey, step, arrived_at);

CREATE TABLE assignments (
    number INTEGER PRIMARY KEY,
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    type TEXT NOT NULL,
    owner TEXT,
    team TEXT,
    pool TEXT,
    rule TEXT,
    reason TEXT NOT NULL,
    tried TEXT NOT NULL,
    considered TEXT NOT NULL,
    "by" TEXT
);
CREATE INDEX assignments_lead ON assignments (lead, number);
CREATE INDEX assignments_owner ON assignments (owner, at);

CREATE TABLE transitions (
    number INTEGER PRIMARY KEY,
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    "from" TEXT,
    "to" TEXT NOT NULL,
    reason TEXT,
    rule TEXT,
    event TEXT,
    "by" TEXT
);
CREATE INDEX transitions_lead ON transitions (lead, number);
CREATE INDEX transitions_to ON transitions ("to", at);

CREATE TABLE grade_changes (
    number INTEGER PRIMARY KEY,
    lead TEXT NOT NULL,
    at INTEGER NOT NULL,
    model TEXT,
    "from" TEXT,
    "to" TEXT,
    score REAL,
    reason TEXT,
    event TEXT,
    "by" TEXT
);
CREATE INDEX grade_changes_lead ON grade_changes (lead, number);

CREATE TABLE clocks (
    lead TEXT NOT NULL,
    clock TEXT NOT NULL,
    started_at INTEGER NOT NULL,
    sla TEXT NOT NULL,
    due INTEGER NOT NULL,
    status TEXT NOT NULL,
    ended_at INTEGER,
    PRIMARY KEY (lead, started_at, clock)
) WITHOUT ROWID;
CREATE INDEX clocks_running ON clocks (due) WHERE status = 'running';

CREATE TABLE timers (
    lead TEXT NOT NULL,
    name TEXT NOT NULL,
    due INTEGER NOT NULL,
    PRIMARY KEY (lead, name)
) WITHOUT ROWID;
"""
# `searched` is what the index is made of; the triggers keep both in step.
SEARCH: Final = """
CREATE TABLE searched (
    number INTEGER PRIMARY KEY,
    lead TEXT NOT NULL UNIQUE,
    words TEXT NOT NULL,
    contacts TEXT NOT NULL
);
CREATE VIRTUAL TABLE search USING fts5 (
    words, contacts, content = 'searched', content_rowid = 'number', tokenize = 'ascii'
);
CREATE TRIGGER searched_insert AFTER INSERT ON searched BEGIN
    INSERT INTO search (rowid, words, contacts) VALUES (new.number, new.words, new.contacts);
END;
CREATE TRIGGER searched_delete AFTER DELETE ON searched BEGIN
    INSERT INTO search (search, rowid, words, contacts)
    VALUES ('delete', old.number, old.words, old.contacts);
END;
CREATE TRIGGER searched_update AFTER UPDATE ON searched BEGIN
    INSERT INTO search (search, rowid, words, contacts)
    VALUES ('delete', old.number, old.words, old.contacts);
    INSERT INTO search (rowid, words, contacts) VALUES (new.number, new.words, new.contacts);
END;
"""
LISTS: Final = """
CREATE INDEX leads_score ON leads (coalesce(score, 0.0), id);
CREATE INDEX leads_created ON leads (created_at, id);
CREATE INDEX tasks_due ON tasks (coalesce(due, 9223372036854775807), id);
CREATE INDEX tasks_open ON tasks (status, coalesce(due, 9223372036854775807), id);
CREATE INDEX tasks_owner ON tasks (owner);
DROP INDEX tasks_status;
"""
RETENTION: Final = """
CREATE TABLE snapshots (
    lead TEXT PRIMARY KEY,
    seq INTEGER NOT NULL,
    at INTEGER NOT NULL,
    state BLOB NOT NULL
);
CREATE TABLE removed_events (
    id TEXT PRIMARY KEY,
    lead TEXT NOT NULL
) WITHOUT ROWID;
ALTER TABLE deliveries ADD COLUMN receipted INTEGER NOT NULL DEFAULT 0;
"""
# The statuses stand in the indexes' conditions word for word as in the statements that use them.
LANES: Final = """
ALTER TABLE deliveries ADD COLUMN queued_at INTEGER;
ALTER TABLE deliveries ADD COLUMN deadline_at INTEGER;
ALTER TABLE deliveries ADD COLUMN retries INTEGER NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN retried_by TEXT;
UPDATE deliveries SET queued_at = unixepoch() * 1000;
DROP INDEX deliveries_open;
CREATE INDEX deliveries_queued ON deliveries (connection, due) WHERE status = 'queued';
CREATE INDEX deliveries_urgent ON deliveries (connection, deadline_at)
    WHERE status = 'queued' AND deadline_at IS NOT NULL;
CREATE INDEX deliveries_leased ON deliveries (connection, leased_until) WHERE status = 'leased';
"""
MERGING: Final = """
ALTER TABLE events ADD COLUMN first TEXT;
ALTER TABLE ledger ADD COLUMN first TEXT;
ALTER TABLE happenings ADD COLUMN first TEXT;
ALTER TABLE deliveries ADD COLUMN first TEXT;
ALTER TABLE tasks ADD COLUMN first TEXT;
ALTER TABLE enrolments ADD COLUMN first TEXT;
ALTER TABLE clocks ADD COLUMN first TEXT;
CREATE TABLE merges (
    number INTEGER PRIMARY KEY,
    absorbed TEXT NOT NULL,
    survivor TEXT NOT NULL,
    at INTEGER NOT NULL,
    event TEXT NOT NULL,
    reason TEXT NOT NULL,
    "by" TEXT,
    seq INTEGER NOT NULL,
    undone_at INTEGER,
    undone_by TEXT,
    undone_reason TEXT,
    identities TEXT NOT NULL,
    absorbed_state BLOB NOT NULL,
    survivor_state BLOB NOT NULL
);
CREATE UNIQUE INDEX merges_absorbed ON merges (absorbed) WHERE undone_at IS NULL;
CREATE INDEX merges_survivor ON merges (survivor);
CREATE INDEX merges_pair ON merges (absorbed, survivor)
"""
# The turn of a lead's owner goes on at the lead that it was merged into.
MOVED_TURNS: Final = """
ALTER TABLE assignments ADD COLUMN first TEXT
"""
# A provider's receipt names a delivery by the provider's own id.
PROVIDER_IDS: Final = """
CREATE INDEX deliveries_provider ON deliveries (provider_id) WHERE provider_id > '';
"""
# What reports and pages read without the tables: stays, who had a lead when, pools in order.
FOR_REPORTS: Final = """
CREATE INDEX transitions_stays ON transitions ("from", at, stayed, lead) WHERE stayed IS NOT NULL;
CREATE INDEX assignments_turns ON assignments (lead, number, at, owner, team);
DROP INDEX assignments_lead;
CREATE INDEX leads_pool ON leads (pool, updated_at, id) WHERE pool IS NOT NULL;
CREATE INDEX arrivals_stage ON arrivals (stage)
"""
# Lists of leads walk these in their order and look at filters without the leads' rows, which are
# far away and wide. Who is in a journey stands in the order of waiting, who left it by the reason:
# with the column of the condition, too, or SQLite looks it up in the table.
FOR_PAGES: Final = """
DROP INDEX leads_updated;
CREATE INDEX leads_updated ON leads (
    updated_at, id, created_at, stage, grade, owner, team, pool, source);
DROP INDEX leads_created;
CREATE INDEX leads_created ON leads (created_at, id, stage, grade, owner, team, pool, source);
DROP INDEX leads_score;
CREATE INDEX leads_score ON leads (
    coalesce(score, 0.0), id, created_at, stage, grade, owner, team, pool, source);
DROP INDEX leads_pool;
CREATE INDEX leads_pool ON leads (pool, owner, id, stage) WHERE pool IS NOT NULL;
DROP INDEX leads_owner;
CREATE INDEX leads_owner ON leads (owner, id);
DROP INDEX tasks_owner;
CREATE INDEX tasks_owner ON tasks (owner, status, id);
CREATE INDEX tasks_unowned ON tasks (lead, status) WHERE owner IS NULL;
DROP INDEX enrolments_step;
CREATE INDEX enrolments_inside ON enrolments (journey, arrived_at, step, left_at)
    WHERE left_at IS NULL;
CREATE INDEX enrolments_left ON enrolments (journey, reason, left_at) WHERE left_at IS NOT NULL;
"""
# Whose to-dos were made when, and what became of them: counted without their rows.
MADE_TASKS: Final = """
CREATE INDEX tasks_made ON tasks (owner, created_at, status, due, completed_at)
    WHERE owner IS NOT NULL
"""
# For which leads a rule fired: rules that seldom do are found without looking through all hits.
FOR_HITS: Final = """
CREATE INDEX ledger_rule ON ledger (rule, at);
CREATE INDEX assignments_rule ON assignments (rule, at) WHERE rule IS NOT NULL;
CREATE INDEX clocks_sla ON clocks (sla, started_at)
"""
