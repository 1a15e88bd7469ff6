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
    entries,
    holding,
    inbox,
    kinds,
    splits,
    tables,
    tags,
    turns,
    versions,
)

_END_OF_STATEMENT: Final = re.compile(r";\n(?=\n*(?:CREATE|ALTER|DROP|UPDATE|\Z))")


def migrations() -> Migrations:
    """Return all steps from an empty file to the present schema, in order.

    A released step never changes; a new one is added below it.
    """
    steps = Migrations("leadrules")
    for name, script, fill in (
        ("first", tables.FIRST, None),
        ("projections", tables.PROJECTIONS, backfill.projections),
        ("search", tables.SEARCH, backfill.search),
        ("lists", tables.LISTS, None),
        ("retention", tables.RETENTION, None),
        ("delivery_lanes", tables.LANES, None),
        ("intake", holding.SCHEMA, None),
        ("accountability", audit.SCHEMA, None),
        ("merging", tables.MERGING, None),
        ("company_links", companies.SCHEMA, backfill.companies),
        ("journey_versions", versions.SCHEMA, None),
        ("figures", arrivals.SCHEMA, backfill.arrivals),
        ("provider_ids", tables.PROVIDER_IDS, None),
        ("sign_in", accounts.SCHEMA, None),
        ("placed_sources", arrivals.PLACED, None),
        ("inboxes", inbox.SCHEMA, None),
        ("configuration_texts", configurations.SCHEMA, None),
        ("report_indexes", tables.FOR_REPORTS, None),
        ("page_indexes", tables.FOR_PAGES, None),
        ("event_indexes", kinds.SCHEMA, None),
        ("first_entries", entries.SCHEMA, backfill.entries),
        ("waiting_since", arrivals.WAITING, backfill.since),
        ("turns", turns.SCHEMA, backfill.turns),
        ("made_tasks", tables.MADE_TASKS, None),
        ("split_outcomes", splits.SCHEMA, backfill.splits),
        ("letters", kinds.LETTERS, None),
        ("hit_indexes", tables.FOR_HITS, None),
        ("sales_of_leads", kinds.OF_SALES, None),
        ("answers_of_leads", kinds.OF_ANSWERS, None),
        ("tags", tags.SCHEMA, backfill.tags),
        ("moved_turns", tables.MOVED_TURNS, backfill.moved_turns),
    ):
        steps(name=name)(_step(script, fill))
    return steps


def _step(script: str, fill: backfill.Fill | None) -> Callable[[Database], None]:
    """Return a step: the statements of ``script``, then what older rows give the new tables."""

    def step(db: Database) -> None:
        _run(db, script)
        if fill is not None:
            fill(db.conn)

    return step


def _run(db: Database, script: str) -> None:
    for statement in _END_OF_STATEMENT.split(script):
        if statement.strip():
            db.execute(statement)
