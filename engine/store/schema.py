"""How the database came to be what it is: migrations, in their order."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from sqlite_utils import Database
from sqlite_utils.migrations import Migrations

from engine.store import (
    accounts,
    arrivals,
    audit,
    backfill,
    companies,
    configurations,
    holding,
    inbox,
    tables,
    versions,
)

# What reports and pages read without the tables: stays, who had a lead when, pools in order.
_FOR_REPORTS: Final = """
CREATE INDEX transitions_stays ON transitions ("from", at, stayed, lead) WHERE stayed IS NOT NULL;
CREATE INDEX assignments_turns ON assignments (lead, number, at, owner, team);
DROP INDEX assignments_lead;
CREATE INDEX leads_pool ON leads (pool, updated_at, id) WHERE pool IS NOT NULL;
CREATE INDEX arrivals_stage ON arrivals (stage)
"""
_END_OF_STATEMENT: Final = re.compile(r";\n(?=\n*(?:CREATE|ALTER|DROP|UPDATE|\Z))")


def migrations() -> Migrations:
    """Return all steps from an empty file to the present schema, in order.

    A released step never changes; a new one is added below it.
    """
    steps = Migrations("leadrules")

    @steps()
    def first(db: Database) -> None:
        _run(db, tables.FIRST)

    @steps()
    def projections(db: Database) -> None:
        _run(db, tables.PROJECTIONS)
        backfill.projections(db.conn)

    @steps()
    def search(db: Database) -> None:
        _run(db, tables.SEARCH)
        backfill.search(db.conn)

    @steps()
    def lists(db: Database) -> None:
        _run(db, tables.LISTS)

    @steps()
    def retention(db: Database) -> None:
        _run(db, tables.RETENTION)

    @steps()
    def delivery_lanes(db: Database) -> None:
        _run(db, tables.LANES)

    @steps()
    def intake(db: Database) -> None:
        _run(db, holding.SCHEMA)

    @steps()
    def accountability(db: Database) -> None:
        _run(db, audit.SCHEMA)

    @steps()
    def merging(db: Database) -> None:
        _run(db, tables.MERGING)

    @steps()
    def company_links(db: Database) -> None:
        _run(db, companies.SCHEMA)
        backfill.companies(db.conn)

    @steps()
    def journey_versions(db: Database) -> None:
        _run(db, versions.SCHEMA)

    @steps()
    def figures(db: Database) -> None:
        _run(db, arrivals.SCHEMA)
        backfill.arrivals(db.conn)

    for name, script in (
        ("provider_ids", tables.PROVIDER_IDS),
        ("sign_in", accounts.SCHEMA),
        ("placed_sources", arrivals.PLACED),
        ("inboxes", inbox.SCHEMA),
        ("configuration_texts", configurations.SCHEMA),
        ("report_indexes", _FOR_REPORTS),
    ):
        steps(name=name)(_step(script))

    return steps


def _step(script: str) -> Callable[[Database], None]:
    return lambda db: _run(db, script)


def _run(db: Database, script: str) -> None:
    for statement in _END_OF_STATEMENT.split(script):
        if statement.strip():
            db.execute(statement)
