"""A stream played in: the same leads however it is cut, killed or sent again."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import pytest

from engine.host.clock import StreamClock
from engine.host.runtime import Runtime
from engine.machines.state import Lead, Teams
from engine.machines.turn import new_lead, take_turn
from engine.network.ruleset import Ruleset
from engine.store import lookup
from engine.store.reading import Reader

Picture = dict[str, Any]
TABLES = ("leads", "identities", "ledger", "happenings", "deliveries", "tasks", "teams")


def play(folder: Path, database: Path, events: list[Any], size: int) -> Counter[str]:
    """Send events in batches of ``size``; returns how many had which status."""

    async def whole() -> Counter[str]:
        runtime = Runtime(folder, database, StreamClock(), environ={})
        runtime.load()
        runtime.start()
        found: Counter[str] = Counter()
        for start in range(0, len(events), size):
            found.update(o.status for o in await runtime.submit(events[start : start + size]))
        await runtime.stop()
        return found

    return asyncio.run(whole())


def picture(database: Path) -> Picture:
    """Everything a database says, but in which order of rows of different leads."""
    connection = sqlite3.connect(database)
    found = {t: sorted(connection.execute(f"SELECT * FROM {t}"), key=repr) for t in TABLES}
    log = 'SELECT id, lead, type, at, decided_at, channel, "by", body FROM events ORDER BY seq'
    found["events"] = connection.execute(log).fetchall()
    connection.close()
    return found


def test_the_cut_into_batches_makes_no_difference(
    folder: Path, tmp_path: Path, stream: list[Any]
) -> None:
    """Batches of 1, 7 and 500 give the same log, leads, ledger, tasks and teams."""
    pictures = []
    for size in (1, 7, 500):
        database = tmp_path / f"by{size}.db"
        assert play(folder, database, stream, size) == {"accepted": 600, "duplicate": 20}
        pictures.append(picture(database))
    assert pictures[0] == pictures[1] == pictures[2]
    kinds = {row[2] for row in pictures[0]["events"]}
    assert {"timer_due", "lead_assigned", "lead_released"} <= kinds
    assert pictures[0]["tasks"]


def test_sent_again_the_stream_changes_nothing(
    folder: Path, tmp_path: Path, stream: list[Any]
) -> None:
    """Every event a second time is a duplicate, and nothing is different afterwards."""
    database = tmp_path / "leads.db"
    play(folder, database, stream, 100)
    before = picture(database)
    assert play(folder, database, stream, 100) == {"duplicate": 620}
    assert picture(database) == before


def test_every_score_is_the_sum_of_its_ledger(
    folder: Path, tmp_path: Path, stream: list[Any]
) -> None:
    """For each lead and dimension the lines add up to the score, in the API's view too."""
    database = tmp_path / "leads.db"
    play(folder, database, stream, 50)
    reader = Reader(database)
    for item in reader.leads(limit=1_000).items:
        lead = reader.lead(item["id"]) or {}
        sums: dict[str, float] = defaultdict(float)
        for line in reader.ledger(item["id"]):
            sums[line["dimension"]] += line["points"]
            sums["total"] += line["points"]
        scores = {k: v for k, v in lead["scores"]["default"].items() if v or k in sums}
        assert dict(sums) == pytest.approx(scores)
        assert item["score"] == lead["score"] == scores.get("total", 0)
    reader.close()


def test_the_log_replayed_gives_the_same_leads(
    folder: Path, tmp_path: Path, stream: list[Any]
) -> None:
    """The log holds all that is needed: taken through the machines again, every byte agrees."""
    database = tmp_path / "leads.db"
    play(folder, database, stream, 50)
    runtime = Runtime(folder, database, environ={})
    runtime.load()
    leads, teams = replayed(database, runtime.ruleset)
    connection = sqlite3.connect(database)
    assert lookup.leads(connection, list(leads)) == leads
    assert lookup.teams(connection) == teams
    connection.close()


def replayed(database: Path, ruleset: Ruleset) -> tuple[dict[str, Lead], Teams]:
    """Take every event of the log through the machines, less the answers they give themselves."""
    reader, leads, teams, answers = Reader(database), dict[str, Lead](), Teams(), set[str]()
    for logged in reader.log():
        if logged.event.id in answers:
            continue
        at = min(logged.event.at, logged.decided_at)
        lead = leads.get(logged.lead) or new_lead(ruleset, logged.lead, at)
        turn = take_turn(ruleset, lead, teams, logged.event, logged.decided_at)
        leads[logged.lead], teams = turn.lead, turn.teams
        answers.update(entry.event.id for entry in turn.entries)
    reader.close()
    return leads, teams


CHILD = """
import asyncio, json, pathlib, sys
from engine.host.clock import StreamClock
from engine.host.runtime import Runtime

async def main(folder, database, events):
    runtime = Runtime(pathlib.Path(folder), pathlib.Path(database), StreamClock(), environ={})
    runtime.load()
    runtime.start()
    stream = json.loads(pathlib.Path(events).read_text())
    for start in range(0, len(stream), 3):
        for outcome in await runtime.submit(stream[start:start + 3]):
            print(outcome.status, outcome.id, flush=True)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.parametrize("after", [1, 40, 250])
def test_killed_in_mid_stream_nothing_is_lost_or_doubled(
    folder: Path, tmp_path: Path, stream: list[Any], after: int
) -> None:
    """A process killed with signal 9 has in its log every event it acknowledged, once; the
    stream sent again ends in the same leads as without the kill.
    """
    events = tmp_path / "events.json"
    events.write_text(json.dumps(stream))
    database = tmp_path / "killed.db"
    acknowledged = killed(folder, database, events, after)
    assert len(acknowledged) >= after
    reader = Reader(database)
    logged = Counter(each.event.id for each in reader.log())
    reader.close()
    assert set(logged.values()) == {1}
    assert set(acknowledged) <= set(logged)
    play(folder, database, stream, 10)
    play(folder, tmp_path / "whole.db", stream, 100)
    assert picture(database) == picture(tmp_path / "whole.db")


def killed(folder: Path, database: Path, events: Path, after: int) -> list[str]:
    """Run a child that plays the stream; kill it once it acknowledged ``after`` events."""
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(folder), str(database), str(events)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert child.stdout is not None
    acknowledged = []
    for line in child.stdout:
        acknowledged.append(line.split()[1])
        if len(acknowledged) == after:
            os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert child.returncode == -signal.SIGKILL
    return acknowledged


def test_another_process_is_refused_until_the_first_one_dies(
    folder: Path, tmp_path: Path, stream: list[Any]
) -> None:
    """A second process on the same file is told why; the kernel drops a dead one's lock."""
    database = tmp_path / "leads.db"
    holder = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, pathlib, time; from engine.store.database import Store;"
            "Store(pathlib.Path(sys.argv[1])); print('open', flush=True); time.sleep(60)",
            str(database),
        ],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "open\n"
    runtime = Runtime(folder, database, environ={})
    runtime.load()
    with pytest.raises(Exception, match="in use by another process"):
        runtime.start()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    for _ in range(50):
        try:
            runtime.start()
            break
        except Exception:
            time.sleep(0.1)
    asyncio.run(runtime.stop())
