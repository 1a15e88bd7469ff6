"""A database with the leads of one year, for what reads much: pages and reports.

People, companies and states come through the store's own commit path; what happened to them is
written beside it by a statement for each kind, as the engine would have: stages, assignments,
clocks, to-dos, journeys, splits, messages, calls and sales. The year ends when it is made.
"""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from time import perf_counter, time
from typing import Any

import _root  # noqa: F401 - before the engine
from search import leads as people

from engine.machines.state import Lead
from engine.store import arrivals, entries, splits, turns
from engine.store.database import Store
from engine.store.writing import Rows, write_leads

HOUR = 3_600_000
YEAR = 365 * 24 * HOUR
BATCH = 1_000
MEMBERS = "chen.jing liu.yang zhang.wei li.na wang.lei zhao.min sun.qiang huang.li xu.bo".split()
WAY = ("new", "mql", "assigned", "contacted", "qualified")
# A number from 0 to 999 for each lead, the same each time, and different for each purpose.
CHANCE = "((n * {factor} + {salt} * 104729) % 1009 % 1000)"
NUMBERS = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :leads) "


def chance(salt: int) -> str:
    """Return SQL of a number from 0 to 999 that a lead has for one purpose."""
    return CHANCE.format(salt=salt, factor=7919 + 2 * salt)


FACTS = f"""
CREATE TEMP TABLE facts AS {NUMBERS}
SELECT n, printf('01940000-%04x-7%03x-8000-%012x', n >> 12, n & 4095, n) AS id,
    :start + n * ({YEAR} / :leads) AS at,
    CASE WHEN {chance(1)} < 400 THEN '官网表单' WHEN {chance(1)} < 700 THEN '百度SEM'
        WHEN {chance(1)} < 900 THEN '知乎白皮书' ELSE '华东区线下展会' END AS source,
    CASE WHEN {chance(2)} < 600 THEN '' ELSE 'spring-' || ({chance(2)} % 8) END AS campaign,
    {chance(3)} < 450 AS mql, {chance(3)} < 300 AS assigned, {chance(3)} < 250 AS contacted,
    {chance(3)} < 120 AS qualified, {chance(3)} < 50 AS won,
    {chance(3)} BETWEEN 50 AND 110 AS lost, {chance(4)} AS luck,
    CASE {chance(5)} % {len(MEMBERS)}
        {" ".join(f"WHEN {i} THEN '{name}'" for i, name in enumerate(MEMBERS))} END AS owner
FROM c
"""
MESSAGE = """json_object('properties', json_object('message', 'm' || (luck % 20), 'journey',
    CASE WHEN luck < 300 THEN 'subject-test' ELSE 'welcome' END, 'step', 's' || (luck % 20)))"""
ROWS = (
    *(
        f"""INSERT INTO transitions (lead, at, "from", "to", reason, stayed) SELECT id,
        at + {hours} * {HOUR}, {before}, '{stage}', {reason}, {stay} FROM facts WHERE {stage_is}"""
        for hours, before, stage, stage_is, reason, stay in (
            (0, "NULL", "new", "1", "'new lead'", "NULL"),
            (20, "'new'", "mql", "mql", "'rule'", f"20 * {HOUR}"),
            (22, "'mql'", "assigned", "assigned", "'lead_assigned'", f"2 * {HOUR}"),
            (40, "'assigned'", "contacted", "contacted", "'call_logged'", f"18 * {HOUR}"),
            (200, "'contacted'", "qualified", "qualified", "'opened'", f"160 * {HOUR}"),
            (900, "'qualified'", "won", "won", "'won'", f"700 * {HOUR}"),
            (900, "'qualified'", "lost", "lost", "CASE luck % 3 WHEN 0 THEN '价格'"
             " WHEN 1 THEN '功能' ELSE '时机' END", f"700 * {HOUR}"),
        )
    ),
    f"""INSERT INTO assignments (lead, at, event, type, owner, team, reason, tried, considered)
        SELECT id, at + 22 * {HOUR}, '', 'lead_assigned', owner, 'east', '', '[]', '[]'
        FROM facts WHERE assigned""",
    *(
        f"""INSERT INTO clocks (lead, clock, started_at, sla, due, status, ended_at)
        SELECT id, '{clock}', at + 22 * {HOUR}, 'follow-up', at + 24 * {HOUR},
        CASE WHEN at > :end - 24 * {HOUR} THEN 'running'
            WHEN luck < 800 THEN 'met' ELSE 'breached' END,
        CASE WHEN at <= :end - 24 * {HOUR} THEN at + 23 * {HOUR} END
        FROM facts WHERE assigned"""
        for clock in ("accept", "first_contact")
    ),
    f"""INSERT INTO tasks (id, lead, title, owner, due, priority, status, created_at, completed_at)
        SELECT id || ':task', id, '回访', owner, at + 48 * {HOUR}, 'normal',
        CASE WHEN luck < 950 THEN 'done' ELSE 'open' END, at + 22 * {HOUR}, at + 40 * {HOUR}
        FROM facts WHERE assigned""",
    *(
        f"""INSERT INTO events (id, lead, type, at, decided_at, channel, history, "by", bot, body,
        ruleset) SELECT '{type}-' || n, id, '{type}', at + {hours} * {HOUR}, at, 'api', 0,
        {by}, 0, {body}, '' FROM facts WHERE {when}"""
        for type, hours, by, body, when in (
            ("form_submitted", 0, "NULL",
             """json_object('lead', json_object('source.name', source))""", "1"),
            ("email_sent", 1, "NULL", MESSAGE, "1"),
            ("email_opened", 3, "NULL", MESSAGE, "luck < 300"),
            ("email_clicked", 4, "NULL", MESSAGE, "luck < 80"),
            ("call_logged", 40, "owner", "'{}'", "contacted"),
            ("lead_accepted", 23, "owner", "'{}'", "assigned"),
            ("opportunity_won", 900, "owner",
             """json_object('properties', json_object('amount', 1000 + luck))""", "won"),
        )
    ),
    f"""INSERT INTO enrolments (lead, journey, entered_at, entered_by, step, arrived_at, left_at,
        reason) SELECT id, 'welcome', at, '', CASE WHEN luck < 30 THEN 'opened' END, at,
        CASE WHEN luck >= 30 THEN at + 72 * {HOUR} END, CASE WHEN luck >= 30 THEN 'completed' END
        FROM facts WHERE luck < 300""",
    *(
        f"""INSERT INTO journey_steps (lead, journey, step, arrived_at, left_at, outcome)
        SELECT id, 'welcome', '{step}', at, at + {HOUR}, 'passed' FROM facts WHERE luck < 300"""
        for step in ("hello", "opened", "third-day", "case")
    ),
    f"""INSERT INTO splits (journey, step, lead, variant, at) SELECT 'subject-test', 'ab', id,
        CASE luck % 2 WHEN 0 THEN 'short' ELSE 'long' END, at + {HOUR} FROM facts
        WHERE luck < 300""",
    f"""INSERT INTO deliveries (key, lead, connection, message, audience, to_address, params,
        status, reason, attempts, due, created_at, finished_at, provider_id, subject)
        SELECT 'welcome:' || n, id, 'email', 'welcome', 'lead', 'user' || n || '@qq.com', '{{}}',
        CASE WHEN luck = 999 THEN 'dead' ELSE 'sent' END, '', 1, at + {HOUR}, at + {HOUR},
        at + {HOUR}, 'p' || n, '欢迎您' FROM facts""",
    *(
        f"""INSERT INTO ledger (lead, at, model, dimension, rule, points, source, ruleset, reason)
        SELECT id, at, 'default', '{dimension}', '{rule}', {points}, 'scoring.yaml:1:1', '', ''
        FROM facts"""
        for dimension, rule, points in (("fit", "industry", "luck % 60"), ("behavior", "form", 20))
    ),
    """INSERT INTO happenings (lead, at, kind, data) SELECT id, at, 'stage',
        '{"from":null,"to":"new","reason":"new lead"}' FROM facts""",
    """INSERT INTO audit (at, who, role, action, lead, status, request) SELECT at, owner, 'sales',
        'POST /v1/leads/{id}/accept', id, 200, '' FROM facts WHERE assigned""",
)  # fmt: skip


def fill(path: Path, leads: int) -> float:
    """Make the database; returns seconds."""
    began = perf_counter()
    end = round(time() * 1000)
    store = Store(path)
    connection = store.connection
    connection.execute("PRAGMA synchronous = OFF")
    connection.execute(FACTS, {"leads": leads, "start": end - YEAR})
    _people(store, leads)
    for statement in ROWS:
        with store.transaction():
            connection.execute(statement, {"end": end} if ":end" in statement else {})
    with store.transaction():  # as the commit path would have: it saw neither stages nor clocks
        for statement in (entries.FILL, arrivals.FILL_SINCE, turns.FILL, splits.FILL):
            connection.execute(statement)
    connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return perf_counter() - began


def _people(store: Store, count: int) -> None:
    """Write every lead's state, identities and what it is found by."""
    store.connection.row_factory = sqlite3.Row
    facts = store.connection.execute("SELECT * FROM facts ORDER BY n").fetchall()
    known = people(count, random.Random(7))
    for first in range(0, count, BATCH):
        rows, made = Rows(), []
        batch = facts[first : first + BATCH]
        for fact, (person, identities) in zip(batch, islice(known, BATCH), strict=True):
            lead = _state(fact, person)
            rows.link(identities, lead.id)
            made.append(lead)
        with store.transaction() as connection:
            rows.write(connection)
            write_leads(connection, made, {}, "default", rows.linked)
    store.connection.row_factory = None


def _state(fact: sqlite3.Row, person: Lead) -> Lead:
    stages = dict(_stages(fact))
    assigned = fact["assigned"]
    more: dict[str, Any] = {
        "lead.source.name": fact["source"],
        "lead.source.utm_campaign": fact["campaign"] or None,
        "score.default.total": fact["luck"] % 110,
        "grade": "A" if assigned else "B" if fact["mql"] else "C",
        "stage": list(stages)[-1],
        "owner": fact["owner"] if assigned else None,
        "team": "east" if assigned else None,
        # A tenth of those whom nobody has lies in the public pool.
        "pool": "public" if not assigned and fact["luck"] < 100 else None,
    }
    facts = {k: v for k, v in {**person.facts, **more}.items() if v is not None}
    return Lead(fact["id"], fact["at"], fact["at"] + 22 * HOUR, facts=facts, stages=stages)


def _stages(fact: sqlite3.Row) -> Iterator[tuple[str, int]]:
    yield "new", fact["at"]
    for hours, stage in enumerate((*WAY[1:], "won", "lost"), 1):
        if fact[stage]:
            yield stage, fact["at"] + hours * HOUR
