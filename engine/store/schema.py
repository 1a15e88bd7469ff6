"""Tables and indexes, and how they came to be. Instants are INTEGER milliseconds, UTC."""

from __future__ import annotations

from typing import Final

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

_FIRST: Final = """
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


def migrations() -> Migrations:
    """Return all steps from an empty file to the present schema, in order.

    A released step never changes; a new one is added below it.
    """
    steps = Migrations("leadrules")

    @steps()
    def first(db: Database) -> None:
        for statement in _FIRST.split(";\n"):
            if statement.strip():
                db.execute(statement)

    return steps
