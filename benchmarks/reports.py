"""How long does each report take over a year, with a million leads?

Fills a database of the present schema directly with leads of one year and what reports count of
them: stages, assignments, clocks, to-dos, calls, sales, opened and clicked messages. Then asks
every report over the whole year, warm, several times; the median counts. They are
the same functions that the API and the terminal call.

    python benchmarks/reports.py [--leads 1000000] [--rounds 3] [--db FILE]
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import tempfile
from pathlib import Path
from statistics import median
from time import perf_counter, process_time

import _root  # noqa: F401 - before the engine

from engine.language.instants import parse_instant
from engine.language.load import load_folder
from engine.network.ruleset import Ruleset
from engine.reports.index import REPORTS
from engine.store.database import Store
from engine.store.reading import Reader

START = parse_instant("2025-01-01T00:00:00+08:00")
YEAR = 365 * 86_400_000
NOW = START + YEAR
HOUR = 3_600_000
CONFIG = Path(__file__).parents[1] / "config"
# A number from 0 to 999 for each lead, the same each time, and different for each purpose.
CHANCE = "((n * 7919 + {salt} * 104729) % 1000)"
NUMBERS = "WITH RECURSIVE c (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM c WHERE n < :leads) "
LEAD = "printf('01940000-%04x-7%03x-8000-%012x', n >> 12, n & 4095, n)"
AT = f"({START} + n * ({YEAR} / :leads))"


def chance(salt: int) -> str:
    """Return SQL of a number from 0 to 999 that a lead has for one purpose."""
    return CHANCE.format(salt=salt)


FACTS = f"""
CREATE TEMP TABLE facts AS {NUMBERS}
SELECT n, {LEAD} AS id, {AT} AS at,
    CASE WHEN {chance(1)} < 400 THEN '官网表单' WHEN {chance(1)} < 700 THEN '百度SEM'
        WHEN {chance(1)} < 900 THEN '知乎白皮书' ELSE '华东区线下展会' END AS source,
    CASE WHEN {chance(2)} < 600 THEN '' ELSE 'spring-' || ({chance(2)} % 8) END AS campaign,
    {chance(3)} < 450 AS mql, {chance(3)} < 300 AS assigned, {chance(3)} < 250 AS contacted,
    {chance(3)} < 120 AS qualified, {chance(3)} < 50 AS won,
    {chance(3)} BETWEEN 50 AND 110 AS lost, {chance(4)} AS luck,
    'member-' || ({chance(5)} % 50) AS owner
FROM c
"""
ROWS = (
    """INSERT INTO leads (id, created_at, updated_at, name, company, score, grade, stage, owner,
        team, source, state) SELECT id, at, at, '王芳', '金泰阀门', luck % 110,
        CASE WHEN assigned THEN 'A' WHEN mql THEN 'B' ELSE 'C' END,
        CASE WHEN won THEN 'won' WHEN lost THEN 'lost' WHEN qualified THEN 'qualified'
            WHEN contacted THEN 'contacted' WHEN assigned THEN 'assigned' WHEN mql THEN 'mql'
            ELSE 'new' END,
        CASE WHEN assigned THEN owner END, 'east', source, zeroblob(1500) FROM facts ORDER BY id""",
    """INSERT INTO arrivals SELECT f.id, f.at, f.source, f.campaign, l.stage,
        CASE WHEN f.won THEN '["assigned","contacted","mql","new","qualified","won"]'
            WHEN f.lost THEN '["assigned","contacted","lost","mql","new","qualified"]'
            WHEN f.qualified THEN '["assigned","contacted","mql","new","qualified"]'
            WHEN f.contacted THEN '["assigned","contacted","mql","new"]'
            WHEN f.assigned THEN '["assigned","mql","new"]'
            WHEN f.mql THEN '["mql","new"]' ELSE '["new"]' END,
        l.grade FROM facts f JOIN leads l ON l.id = f.id ORDER BY f.id""",
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
        CASE WHEN luck < 800 THEN 'met' ELSE 'breached' END, at + 23 * {HOUR}
        FROM facts WHERE assigned"""
        for clock in ("accept", "first_contact")
    ),
    f"""INSERT INTO tasks (id, lead, title, owner, due, priority, status, created_at, completed_at)
        SELECT id || ':task', id, '回访', owner, at + 48 * {HOUR}, 'normal',
        CASE WHEN luck < 700 THEN 'done' ELSE 'open' END, at + 22 * {HOUR}, at + 40 * {HOUR}
        FROM facts WHERE assigned""",
    *(
        f"""INSERT INTO events (id, lead, type, at, decided_at, channel, history, "by", bot, body,
        ruleset) SELECT '{type}-' || n, id, '{type}', at + {hours} * {HOUR}, at, 'api', 0,
        {by}, 0, {body}, '' FROM facts WHERE {when}"""
        for type, hours, by, body, when in (
            ("form_submitted", 0, "NULL",
             """json_object('lead', json_object('source.name', source))""", "1"),
            ("email_sent", 1, "NULL", """json_object('properties', json_object('message',
             'm' || (luck % 20), 'journey', 'welcome', 'step', 's' || (luck % 20)))""", "1"),
            ("email_opened", 3, "NULL", """json_object('properties', json_object('message',
             'm' || (luck % 20), 'journey', 'welcome', 'step', 's' || (luck % 20)))""",
             "luck < 300"),
            ("email_clicked", 4, "NULL", """json_object('properties', json_object('message',
             'm' || (luck % 20), 'journey', 'welcome', 'step', 's' || (luck % 20)))""",
             "luck < 80"),
            ("call_logged", 40, "owner", "'{}'", "contacted"),
            ("lead_accepted", 23, "owner", "'{}'", "assigned"),
            ("opportunity_won", 900, "owner",
             """json_object('properties', json_object('amount', 1000 + luck))""", "won"),
        )
    ),
    """INSERT INTO enrolments (lead, journey, entered_at, entered_by, arrived_at)
        SELECT id, 'welcome', at, '', at FROM facts WHERE luck < 300""",
)  # fmt: skip


def fill(path: Path, leads: int) -> float:
    """Make the database; returns seconds."""
    began = perf_counter()
    store = Store(path)
    store.connection.execute("PRAGMA synchronous = OFF")
    store.connection.execute(FACTS, {"leads": leads})
    for statement in ROWS:
        with store.transaction():
            store.connection.execute(statement)
    store.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store.close()
    return perf_counter() - began


def measure(reader: Reader, ruleset: Ruleset, rounds: int) -> dict[str, list[float]]:
    """Return (seconds, seconds of the processor) of each report over the year."""
    found = {}
    for name in REPORTS:
        if name == "funnel":  # of all leads, and of their whole states
            continue
        for cohort in ("created", "event") if name in ("sources", "stages", "cycle") else ("",):
            query = {"from": "2025-01-01", "to": "2025-12-31"}
            query |= {"cohort": cohort} if cohort else {}
            took = []
            for _ in range(rounds + 1):
                began = perf_counter(), process_time()
                REPORTS[name](reader, ruleset, query, NOW)
                took.append((perf_counter() - began[0], process_time() - began[1]))
            key = f"{name} {cohort}".strip()
            found[key] = [median(each[i] for each in took[1:]) for i in (0, 1)]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--leads", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--db", type=Path, help="keep it here, or use the one that is there")
    options = parser.parse_args()
    definitions = load_folder(CONFIG, os.environ).definitions
    assert definitions is not None
    ruleset = Ruleset(definitions)
    with tempfile.TemporaryDirectory() as folder:
        path = options.db or Path(folder) / "leads.db"
        filled = 0.0 if path.exists() else fill(path, options.leads)
        reader = Reader(path, ruleset.default_model)
        found = measure(reader, ruleset, options.rounds)
        size = path.stat().st_size
        reader.close()
    print(f"{options.leads:,} leads of a year, {size / 1e9:.1f} GB, filled in {filled:.0f} s")
    print(f"{'report':<20}{'ms':>8}{'processor ms':>15}")
    for name, (wall, cpu) in found.items():
        print(f"{name:<20}{wall * 1000:>8.0f}{cpu * 1000:>15.0f}")
    figures = {name: [round(each, 4) for each in took] for name, took in found.items()}
    machine = {"python": platform.python_version(), "sqlite": sqlite3.sqlite_version}
    print(json.dumps({"leads": options.leads, "seconds": figures, **machine}))


if __name__ == "__main__":
    main()
